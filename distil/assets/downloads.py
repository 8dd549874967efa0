"""Download one file over https into the cache, checked against its sha256.

A server that sends on to plain http is not followed, and no more is taken than it told or than any honest file has.
"""

import hashlib
import urllib.request
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import unquote

from tqdm import tqdm

from distil.assets.bounds import MOST_BYTES
from distil.assets.offline import WITHOUT_NETWORK
from distil.assets.packages import file_sha256
from distil.assets.redirects import check_redirect, is_plain
from distil.core.addresses import show_address, split_address
from distil.core.errors import AssetError, InputError
from distil.core.runtime import cache_folder
from distil.core.whole_files import scratch_beside

TIMEOUT_S = 60.0  # of silence
CHUNK_BYTES = 1 << 20


def download(url: str, sha256: str) -> Path:
    """Return the local copy of a URL's file, under its own name.

    Bytes of another hash are refused and not kept. Raises `AssetError`, and `InputError` for plain http off loopback.
    """
    name, shown = _name_file(url), show_address(url)
    if is_plain(url):
        raise InputError(f"{shown}: plain http is for this machine only; write https://")
    folder = cache_folder() / "assets" / "url"
    path = folder / sha256 / name
    if path.exists():
        found = file_sha256(path)
        if found != sha256:
            raise AssetError(f"{path} has sha256 {found}, pinned is {sha256}; delete it and run again")
        return path
    with scratch_beside(path.parent) as scratch:
        half = scratch / "file"
        found, kind = _stream(url, half)
        if found != sha256:
            page = "; it is a web page, not a file: take the link to the raw file" if kind == "text/html" else ""
            raise AssetError(f"{shown} has sha256 {found}, pinned is {sha256}{page}")
        path.parent.mkdir(exist_ok=True)
        half.replace(path)
    return path


def _name_file(url: str) -> str:
    """The file's own name, which tells how it is read; raises `InputError` for what is no address of a file."""
    address = split_address(url, "the file's address")
    try:
        name = PurePosixPath(unquote(address.path, errors="strict")).name
    except UnicodeError:
        name = ".."
    if not url.isprintable() or not name.isprintable() or name == ".." or "\\" in name:
        raise InputError(
            f"{show_address(url)!r} is no address of a file; write https://host/file#sha256=HEX, without odd characters"
        )
    return name or "file"


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, request: Any, file: Any, code: int, message: str, headers: Any, url: str) -> Any:
        check_redirect(request.full_url, url)
        return super().redirect_request(request, file, code, message, headers, url)


def _stream(url: str, path: Path) -> tuple[str, str]:
    """Write what the server sends to `path`; return its sha256 and its content type."""
    opener = urllib.request.build_opener(_Redirects)
    opener.addheaders = [("User-Agent", "distil")]
    try:
        with opener.open(url, timeout=TIMEOUT_S) as response:
            told = response.headers.get("Content-Length") or ""
            digest = _write(response, path, url, int(told) if told.isdecimal() else None)
            return digest, response.headers.get_content_type()
    except HTTPError as error:
        said = f"{error.code} {error.reason}; check the address"
        raise AssetError(f"{show_address(url)}: the server answers {said}") from None
    except (OSError, HTTPException, UnicodeError) as error:  # the last: of a host's name
        reason = getattr(error, "reason", None) or error
        raise AssetError(
            f"{show_address(url)} cannot be downloaded: {reason}; check the network; {WITHOUT_NETWORK}"
        ) from None


def _write(response: IO[bytes], path: Path, url: str, size: int | None) -> str:
    """Write what comes, of which the server told the size or not; return its sha256."""
    digest, received, shown = hashlib.sha256(), 0, show_address(url)
    with path.open("wb") as file, tqdm(total=size, desc=path.name, unit="B", unit_scale=True, disable=None) as bar:
        while chunk := response.read(CHUNK_BYTES):
            file.write(chunk)
            digest.update(chunk)
            received += len(chunk)
            bar.update(len(chunk))
            if max(received, size or 0) > MOST_BYTES:
                raise AssetError(f"{shown} is longer than {MOST_BYTES:,} bytes; name another file")
    if size is not None and received < size:
        raise AssetError(f"{shown} broke off after {received:,} of {size:,} bytes; run again")
    return digest.hexdigest()
