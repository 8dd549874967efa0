"""Turn a stage's `main(paths...)` into a command: its parameters become the arguments, its errors one line."""

import argparse
import inspect
import sys
from collections.abc import Callable
from pathlib import Path

from distil.core.errors import DistilError


def run(main: Callable[..., None]) -> None:
    """Call `main` with one path for each of its parameters, taken from the command line in order.

    Exits with 1 and one line on stderr after a `DistilError`, with 130 after Ctrl-C.
    """
    parser = argparse.ArgumentParser(description=inspect.getdoc(sys.modules[main.__module__]))
    for name in inspect.signature(main).parameters:
        parser.add_argument(name, type=Path)
    arguments = parser.parse_args()
    try:
        main(**vars(arguments))
    except DistilError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
