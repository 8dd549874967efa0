"""Turn a stage's `main(paths...)` into a command: its parameters become options, its errors one line."""

import argparse
import errno
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_type_hints

from distil.core.addresses import keep_loopback_off_proxies
from distil.core.errors import DistilError, describe_error
from distil.core.harmless import printable
from distil.core.terminal import guard_terminal

OF_THE_DISK = {
    errno.ENOSPC: "make room on its disk and run this again",
    errno.EDQUOT: "make room on its disk and run this again",
    errno.EFBIG: "this user may write no file of that size; raise the limit (ulimit -f)",
    errno.EROFS: "the disk is mounted read-only; mount it for writing, or run in a folder on another one",
    errno.EACCES: "give this user the right to it, or run as the user who has it",
    errno.EPERM: "give this user the right to it, or run as the user who has it",
}


def run(main: Callable[..., None]) -> None:
    """Call `main` with the paths that the command line names, `--break-even PATH` for a parameter `break_even`.

    Every parameter is needed; each is `Annotated[Path, "what the file is"]`, which `--help` repeats.

    Exits with 1 and one line on stderr after a `DistilError` and where the disk takes nothing more, with 2 after a
    command line that is wrong, with 130 after Ctrl-C.
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
    call(lambda: main(**vars(arguments)))


def call(command: Callable[[], None]) -> None:
    """Call a command whose words are known; exits as `run` does."""
    keep_loopback_off_proxies()
    try:
        with guard_terminal():
            command()
    except DistilError as error:
        sys.exit(f"error: {describe_error(error)}")
    except OSError as error:
        if error.errno not in OF_THE_DISK:
            raise
        where = printable(str(error.filename2 or error.filename or "an output"))
        sys.exit(f"error: {where} cannot be written or read ({error.strerror}); {OF_THE_DISK[error.errno]}")
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
