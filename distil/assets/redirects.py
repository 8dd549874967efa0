"""Where a server may send on to: https, and plain http on this machine alone."""

from urllib.parse import urlsplit

from distil.core.addresses import is_loopback
from distil.core.errors import AssetError


def is_plain(url: str) -> bool:
    """Whether a URL is of plain http off this machine, where anyone on the way reads and changes what is sent."""
    address = urlsplit(url)
    return address.scheme == "http" and not is_loopback(address.hostname or "")


def check_redirect(origin: str, url: str) -> None:
    """Raise `AssetError` if a server sends on to less than the https that it was asked by, or off this machine."""
    came, goes = urlsplit(origin), urlsplit(url)
    if goes.scheme == "https" or (goes.scheme == came.scheme == "http" and not is_plain(url)):
        return
    raise AssetError(
        f"{came.hostname} sends on to plain {goes.scheme or 'nothing'} at {goes.hostname!r}, which is not followed; "
        "name an address that stays with https"
    )
