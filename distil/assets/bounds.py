"""How much may come of what a stranger packed or sends: bounds that no honest model, package or table meets.

A packed file of half a megabyte can hold half a gigabyte of zeros, and a small header can promise a terabyte.
"""

import io
from collections.abc import Sequence
from typing import IO

from distil.core.errors import InputError

FREE_BYTES = 64 << 20  # may always come, however well it was packed: every machine that trains a student has that much
MOST_RATIO = 100  # of what comes to what was packed, above that. Texts pack to a tenth, logs of one line to a fiftieth
MOST_BYTES = 256 << 30  # of anything at all: the largest models that one machine runs have 200 GB in four bits
MOST_FILES = 20_000  # in an archive; the largest packages have some 12,000


class TooMuchError(InputError):
    """More comes of a file than its bounds allow."""


def most_unpacked(packed: int) -> int:
    """The bytes that may come of so many packed ones."""
    return min(MOST_BYTES, max(FREE_BYTES, MOST_RATIO * packed))


def check_unpacked(name: str, packed: int, unpacked: int) -> None:
    """Raise `TooMuchError` where so many bytes would come of so few; `name` is what messages call the file."""
    if unpacked > most_unpacked(packed):
        raise TooMuchError(
            f"{name} has {packed:,} bytes and unpacks to {unpacked:,} or more, which no honest file does; "
            "if it is yours, unpack it yourself and name what comes of it"
        )


def check_coming(name: str, sizes: Sequence[int | None]) -> None:
    """Raise `TooMuchError` where files of so many bytes would come (None: untold); `name` is what they are of."""
    told = sum(size or 0 for size in sizes)
    if len(sizes) > MOST_FILES or told > MOST_BYTES:
        raise TooMuchError(
            f"{name} would bring {told:,} bytes in {len(sizes):,} file(s), more than {MOST_FILES:,} files or "
            f"{MOST_BYTES:,} bytes; name another one, or fewer of its files"
        )


class BoundedReader(io.RawIOBase):
    """Unpacked bytes as they come, of a stream that was packed in `packed` bytes; raises `TooMuchError`.

    What is read again after `seek` to the start is counted anew.
    """

    def __init__(self, stream: IO[bytes], name: str, packed: int) -> None:
        self._stream, self._name, self._packed = stream, name, packed

    def readable(self) -> bool:  # noqa: D102 (io's own)
        return True

    def seekable(self) -> bool:  # noqa: D102
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # noqa: D102
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        check_unpacked(self._name, self._packed, self._stream.tell())
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:  # noqa: D102
        return self._stream.seek(offset, whence)

    def tell(self) -> int:  # noqa: D102
        return self._stream.tell()

    def close(self) -> None:  # noqa: D102
        self._stream.close()
        super().close()
