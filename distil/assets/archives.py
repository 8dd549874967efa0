"""Read archives of strangers, zip and tar.gz, as plain files within their folder and within bounds.

Links, devices and the like are left out. Nothing is trusted but the hash of the whole.
"""

import errno
import gzip
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from lzma import LZMAError
from pathlib import Path, PureWindowsPath
from typing import IO, cast

from distil.assets.bounds import MOST_FILES, BoundedReader, check_unpacked
from distil.core.errors import AssetError

ZIPS = (".whl", ".zip")
BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, LZMAError, struct.error, EOFError)
DAMAGES = (*BROKEN, OSError, RuntimeError, ValueError, LookupError)  # passwords, encodings and bz2 raise the latter


def read_members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield name and content of each file, in the archive's order; a content has to be read before the next comes.

    Raises `AssetError` if it is damaged, holds nothing or too many files, or if a file would land outside its folder,
    and `TooMuchError`. Damage may show only while a content is read: do that within `explain_damage`.
    """
    number = 0
    with explain_damage(archive):
        for number, (name, content) in enumerate(_read(archive), start=1):
            _check_name(archive, name)
            if number > MOST_FILES:
                raise explain_archive(archive, f"it has more than {MOST_FILES:,} files")
            yield name, content
    if not number:
        raise explain_archive(archive, "it holds no files")


@contextmanager
def explain_damage(archive: Path) -> Iterator[None]:
    """Turn what Python says of a damaged archive into an `AssetError`; what the machine says, of a full disk, stays."""
    try:
        yield
    except DAMAGES as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):  # that: a place before the start
            raise
        raise explain_archive(archive, str(error).strip().partition("\n")[0] or type(error).__name__) from None


def explain_archive(archive: Path, reason: str) -> AssetError:
    """Say why an archive is not used."""
    return AssetError(f"{archive} cannot be unpacked: {reason}; pin another archive")


def _read(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    return _read_zip(archive) if archive.suffix in ZIPS else _read_tar(archive)


def _read_zip(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(archive) as bundle:
        members = [member for member in bundle.infolist() if not member.is_dir()]
        check_unpacked(str(archive), archive.stat().st_size, sum(member.file_size for member in members))
        for member in members:
            with bundle.open(member) as content:  # ends at the size that was told
                yield member.filename, content


def _read_tar(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with gzip.open(archive) as unpacked:
        bounded = BoundedReader(cast("IO[bytes]", unpacked), str(archive), archive.stat().st_size)
        with tarfile.open(fileobj=bounded, mode="r|") as tar:  # as it comes, without going back
            for member in tar:
                if member.isreg() and not member.issparse():  # of a few bytes those make as many zeros as they like
                    content = tar.extractfile(member)
                    yield member.name, cast("IO[bytes]", content)


def _check_name(archive: Path, name: str) -> None:
    path = PureWindowsPath(name)  # knows both kinds of slashes, and drives
    if path.anchor or ".." in path.parts or "\0" in name:
        raise explain_archive(archive, f"{name!r} would land outside of its folder")
