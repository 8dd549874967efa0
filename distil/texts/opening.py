"""Open the user's files: unpack .gz, and read text as the mark at its start says, else as UTF-8.

Excel writes UTF-8 and UTF-16 with a byte order mark; without a mark UTF-16 cannot be told from damage and is refused.
"""

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from distil.assets.bounds import BoundedReader
from distil.core.errors import InputError

ZIPPED = ".gz"
MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
HEAD_BYTES = 4096


def kind_of(path: Path) -> str:
    """The suffix that tells how a file is read, in small letters; that of `a.CSV.gz` is `.csv`."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [ZIPPED]:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file's own bytes, unpacked; reading raises `TooMuchError` where more comes than any honest file has."""
    if path.suffix.lower() != ZIPPED:
        return path.open("rb")
    return io.BufferedReader(BoundedReader(cast("IO[bytes]", gzip.open(path, "rb")), str(path), path.stat().st_size))


def open_to_seek(path: Path) -> IO[bytes]:
    """Open a file's own bytes for a reader that goes to and fro, for which what was packed is unpacked in memory."""
    if path.suffix.lower() != ZIPPED:
        return path.open("rb")
    with open_bytes(path) as stream:
        return io.BytesIO(stream.read())


def open_text(path: Path, name: str, newline: str | None, errors: str = "strict") -> IO[str]:
    """Open a file as text, without its byte order mark; `newline` and `errors` as `open` takes them.

    Raises `InputError` where its beginning holds a NUL byte, which no text has: it is another kind of file.
    """
    stream = open_bytes(path)
    head = stream.read(HEAD_BYTES)
    encoding = next((MARKS[mark] for mark in MARKS if head.startswith(mark)), "utf-8")
    if encoding != "utf-16" and b"\0" in head:
        stream.close()
        raise InputError(
            f"{name} holds NUL bytes (the first is byte {head.index(0):,}), which no text does: it is UTF-16 without "
            "its mark, or no text file; save it as UTF-8"
        )
    stream.seek(0)
    return io.TextIOWrapper(stream, encoding=encoding, errors=errors, newline=newline)


@contextmanager
def explain_bytes(path: Path, name: str) -> Iterator[None]:
    """Turn what Python says of bytes that are no text, or of a damaged .gz, into one line."""
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{name} is not a sound .gz file ({error}); pack it anew") from None
    except UnicodeDecodeError as error:
        if "utf-16" in error.encoding:
            raise InputError(f"{name} begins as UTF-16 but is not ({error.reason}); save it as UTF-8") from None
        remedy = "save it as UTF-8, or convert it: iconv -f CP1252 -t UTF-8"
        raise InputError(f"{name} is not UTF-8 ({_find_wrong_byte(path)}); {remedy}") from None


def _find_wrong_byte(path: Path) -> str:
    with open_bytes(path) as stream:
        content = stream.read()
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return f"byte {error.start:,} is 0x{content[error.start]:02x}"
    return "it is cut off"
