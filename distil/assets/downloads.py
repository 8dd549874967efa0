"""Download one file over https into the cache, checked against its sha256."""

import hashlib
import urllib.request
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from urllib.error import HTTPError
from urllib.parse import unquote

from tqdm import tqdm

from distil.assets.offline import WITHOUT_NETWORK
from distil.assets.packages import file_sha256
from distil.core.addresses import is_loopback, show_address, split_address
from distil.core.errors import AssetError, InputError
from distil.core.runtime import cache_folder

TIMEOUT_S = 60.0  # of silence
CHUNK_BYTES = 1 << 20


def download(url: str, sha256: str) -> Path:
    """Return the local copy of a URL's file, under its own name.

    Bytes of another hash are refused and not kept. Raises `AssetError`, and `InputError` for plain http off loopback.
    """
    address = split_address(url, "the file's address")
    shown = show_address(url)
    if address.scheme == "http" and not is_loopback(address.hostname or ""):
        raise InputError(f"{shown}: plain http is for this machine only; write https://")
    folder = cache_folder() / "assets" / "url"
    path = folder / sha256 / (PurePosixPath(unquote(address.path)).name or "file")
    if path.exists():
        found = file_sha256(path)
        if found != sha256:
            raise AssetError(f"{path} has sha256 {found}, pinned is {sha256}; delete it and run again")
        return path
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder) as scratch:
        half = Path(scratch, "file")
        found, kind = _stream(url, half)
        if found != sha256:
            page = "; it is a web page, not a file: take the link to the raw file" if kind == "text/html" else ""
            raise AssetError(f"{shown} has sha256 {found}, pinned is {sha256}{page}")
        path.parent.mkdir(exist_ok=True)
        half.replace(path)
    return path


def _stream(url: str, path: Path) -> tuple[str, str]:
    """Write what the server sends to `path`; return its sha256 and its content type."""
    opener = urllib.request.build_opener()
    opener.addheaders = [("User-Agent", "distil")]
    digest, received = hashlib.sha256(), 0
    try:
        with opener.open(url, timeout=TIMEOUT_S) as response, path.open("wb") as file:
            size = int(response.headers.get("Content-Length") or 0)
            with tqdm(total=size or None, desc=path.name, unit="B", unit_scale=True, disable=None) as bar:
                while chunk := response.read(CHUNK_BYTES):
                    file.write(chunk)
                    digest.update(chunk)
                    received += len(chunk)
                    bar.update(len(chunk))
            kind = response.headers.get_content_type()
    except HTTPError as error:
        said = f"{error.code} {error.reason}; check the address"
        raise AssetError(f"{show_address(url)}: the server answers {said}") from None
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise AssetError(
            f"{show_address(url)} cannot be downloaded: {reason}; check the network; {WITHOUT_NETWORK}"
        ) from None
    if received < size:
        raise AssetError(f"{show_address(url)} broke off after {received:,} of {size:,} bytes; run again")
    return digest.hexdigest(), kind
