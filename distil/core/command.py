"""Turn a stage's `main(paths...)` into a command: its parameters become options, its errors one line."""

import argparse
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_type_hints

from distil.core.addresses import keep_loopback_off_proxies
from distil.core.errors import DistilError, describe_error


def run(main: Callable[..., None]) -> None:
    """Call `main` with the paths that the command line names, `--break-even PATH` for a parameter `break_even`.

    Every parameter is needed; each is `Annotated[Path, "what the file is"]`, which `--help` repeats.

    Exits with 1 and one line on stderr after a `DistilError`, with 2 after a command line that is wrong, with 130 after
    Ctrl-C.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m stages.{Path(sys.argv[0]).stem}",
        description=inspect.getdoc(sys.modules[main.__module__]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    for name, hint in get_type_hints(main, include_extras=True).items():
        if name != "return":
            (described,) = hint.__metadata__
            option = f"--{name.replace('_', '-')}"
            parser.add_argument(option, type=Path, required=True, metavar="PATH", help=described)
    arguments = parser.parse_args()
    keep_loopback_off_proxies()
    try:
        main(**vars(arguments))
    except DistilError as error:
        sys.exit(f"error: {describe_error(error)}")
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
