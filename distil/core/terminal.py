"""What reaches the terminal: a command's own lines, and none of the strength of what others wrote in them.

Names of files, labels, models and columns come from strangers, and many callers print them. So the streams themselves
are guarded, and no caller can forget it.
"""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, TextIO, cast

from distil.core.harmless import printable

BAR_MOVES = re.compile(r"(?:\x1b\[A)+")  # how tqdm goes up to the bar above, in a write of its own
LINE = re.compile(r"[^\n\t]+")  # what printable may see: it would show the ends of lines too


class GuardedStream:
    """A text stream to which what is written goes as `printable`, but for ends of lines, tabs, and bars of tqdm."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, and return the length of what was given."""
        self._stream.write(text if BAR_MOVES.fullmatch(text) else disarm(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":  # would be a way round
            raise AttributeError(name)
        return getattr(self._stream, name)


@contextmanager
def guard_terminal() -> Iterator[None]:
    """Guard stdout and stderr for as long as it lasts."""
    out, err = (cast(TextIO, GuardedStream(stream)) for stream in (sys.stdout, sys.stderr))
    with redirect_stdout(out), redirect_stderr(err):
        yield


def disarm(text: str) -> str:
    """Lines that a terminal may be shown: all is `printable` but their ends, tabs, and returns around the whole.

    A bar of tqdm begins or ends with a carriage return; elsewhere that would write over what stands there.
    """
    inner = text.strip("\r")
    if not inner:
        return text
    before, _, after = text.partition(inner)
    return before + LINE.sub(lambda line: printable(line[0]), inner) + after
