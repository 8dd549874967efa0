"""Bring a file of the user's into a study: as it is, or as UTF-8 if it is text in an older encoding.

The stage fetch reads UTF-8, and UTF-16 with its mark, and guesses nothing. Here, where a person looks on, a guess is
made once and told with words that show whether it is right.
"""

import gzip
import re
import shutil
from pathlib import Path

from charset_normalizer import from_bytes

from distil.core.errors import InputError
from distil.texts.opening import MARKS, ZIPPED, explain_bytes, open_bytes

TEXT_FILES = (".csv", ".tsv", ".jsonl", ".json", ".txt", ".conll")
COMMONEST = "cp1252"  # taken where another one says the same
LOOKED_AT = 1 << 20  # bytes with which an encoding is guessed
SHOWN_AROUND = 12  # characters on each side of a letter that shows the encoding
BEYOND_ASCII = re.compile(rf"[^\n\r]{{0,{SHOWN_AROUND}}}[^\x00-\x7f][^\n\r]{{0,{SHOWN_AROUND}}}")


def bring_file(path: Path, target: Path, kind: str, encoding: str | None) -> str | None:
    """Copy a file; returns what to tell if it had to be converted.

    `kind` is how it is read, as a suffix; `encoding` is that of a text file, packed or not, null: UTF-8 or what it
    seems to be. Raises `InputError` if the file is not in that encoding, in none that can be guessed, or is no text
    file and yet an encoding is named.
    """
    if kind not in TEXT_FILES:
        if encoding is not None:
            raise InputError(f"{path.name} is no text file, so --encoding {encoding} says nothing of it; leave it out")
        shutil.copyfile(path, target)
        return None
    with explain_bytes(path, path.name), open_bytes(path) as stream:
        content = stream.read()
    if encoding is None and _needs_no_change(content):
        shutil.copyfile(path, target)
        return None
    name = _guess(path, content) if encoding is None else encoding
    try:
        text = content.decode(name)
        utf8 = text.encode()
    except (LookupError, ValueError) as error:  # some codecs say no more than UnicodeError, or hold half characters
        raise InputError(f"{path.name} cannot be read as {name} ({error}); name its encoding: --encoding") from None
    target.write_bytes(gzip.compress(utf8, mtime=0) if path.suffix.lower() == ZIPPED else utf8)
    shown = BEYOND_ASCII.search(text)
    proof = f" ({shown[0].strip()!r})" if shown else ""
    return f"read as {name}{proof} and written as UTF-8" + ("" if encoding else "; --encoding names another")


def _needs_no_change(content: bytes) -> bool:
    """Whether the readers take it as it is, or say themselves what is wrong with it."""
    if content.startswith(tuple(MARKS)) or b"\0" in content:
        return True
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _guess(path: Path, content: bytes) -> str:
    found = from_bytes(content[:LOOKED_AT]).best()
    if found is None:
        raise InputError(f"{path.name} is not UTF-8, and its encoding cannot be guessed; name it: --encoding cp1252")
    return COMMONEST if COMMONEST in found.could_be_from_charset else str(found.encoding)
