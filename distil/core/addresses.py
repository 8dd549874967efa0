"""Addresses that a user wrote: taken apart with one line for each fault, shown without a password, and the loopback."""

import ipaddress
import os
import re
import urllib.request
from urllib.parse import SplitResult, urlsplit

from distil.core.errors import InputError
from distil.core.harmless import printable
from distil.core.secrets import MASK

UNUSABLE = re.compile(r"[\x00-\x20\x7f]|%0[0-9a-f]|%1[0-9a-f]|%7f", re.IGNORECASE)  # control characters, also escaped
LOOPBACK = "localhost,127.0.0.1,::1"


def split_address(address: str, place: str, instead: str = "take it out") -> SplitResult:
    """The parts of an http(s) address.

    Raises `InputError`, with the place, if it is none, or has a user or password; `instead` is what to do then.
    """
    try:
        url = urlsplit(address)
        usable = bool(url.scheme in ("http", "https") and url.hostname and url.port != 0)
        (url.hostname or "").encode("idna")
    except ValueError:  # a bracket that is not closed, a port above 65535, a name that no name server takes
        usable = False
    if "@" in address.partition("#")[0] and (not usable or url.username is not None):
        raise InputError(
            f"{place} = {show_address(address)!r} holds a user or password, which distil never sends: {instead}"
        )
    if not usable or UNUSABLE.search(address):
        raise InputError(f"{place} = {show_address(address)!r} is not an http(s) URL")
    return url


def show_address(address: str) -> str:
    """The address as a message may have it: without user and password, and without its query, which may be a key."""
    shown = re.sub(r"(?s)^([a-zA-Z][\w+.-]*://)?[^?]*@", rf"\1{MASK}@", address)
    return printable(re.sub(r"(?s)\?[^#]+", f"?{MASK}", shown))


def is_loopback(host: str) -> bool:
    """Whether the host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def keep_loopback_off_proxies() -> None:
    """Where the environment names a proxy, let it say that no client of this process or its children asks it for here.

    Without one nothing is changed: the variable alone would make urllib pass over the system's own settings.
    """
    if not urllib.request.getproxies_environment():
        return
    spared = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = f"{spared},{LOOPBACK}".lstrip(",")
