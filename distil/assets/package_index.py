"""Find and fetch one archive of a package index as bytes: under the settings that pip has, and nothing is built.

pip itself cannot: of an sdist it runs setup.py, or another build backend, to learn what it brings. So pip is asked for
its settings alone, and the library unearth reads the index. Of the settings these hold: index-url, extra-index-url,
find-links, no-index, trusted-host, cert, client-cert, proxy, timeout and retries; and credentials in an address, in
.netrc or in the keyring, where there is one.
"""

import ast
import logging
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx2
from packaging.utils import canonicalize_version
from unearth import Package, PackageFinder
from unearth.auth import MultiDomainBasicAuth
from unearth.fetchers import PyPIClient
from unearth.link import Link

from distil.assets.bounds import MOST_BYTES
from distil.assets.offline import WITHOUT_NETWORK
from distil.core.addresses import is_loopback
from distil.core.errors import AssetError

SECTIONS = ("global", "download", ":env:")  # of pip's settings: the last one wins
OFF = ("", "0", "no", "off", "false", "n", "f")  # pip's words
FIRST_WAIT_S = 0.25  # before a second try, then twice as long
UNREADABLE = (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError, LookupError)  # of an index and its pages
Value = TypeVar("Value")


@dataclass(frozen=True)
class IndexSettings:
    """Those of pip's settings that say where archives are and how they are reached."""

    values: dict[str, str]

    def words(self, *names: str) -> list[str]:
        """The words of the first of these settings that there is; of an absent one none."""
        return next((self.values[name].split() for name in names if name in self.values), [])

    def number(self, *names: str, default: float) -> float:
        """The number that one of these settings has; raises `AssetError` if it is none."""
        for word in self.words(*names):
            try:
                return float(word)
            except ValueError:
                raise AssetError(f"pip's setting {names[0]} = {word!r} is no number; mend it") from None
        return default

    @property
    def indexes(self) -> list[str]:
        """The addresses of indexes, the main one first."""
        if self.values.get("no-index", "").lower() not in OFF:
            return []
        return [*(self.words("index-url", "pypi-url") or [_find_default_index()]), *self.words("extra-index-url")]


def _find_default_index() -> str:
    """The index that is asked where none is set."""
    return str(PackageFinder().sources[0]["url"])


def fetch_archive(name: str, version: str, sha256: str, folder: Path) -> Path:
    """Write the archive of a release into `folder`, under its own name; its hash is still to be checked.

    Taken is the one of which the index says that it has the hash, else one of which it says nothing. Raises
    `AssetError`.
    """
    settings = read_settings()
    release = f"{name}=={version}"
    with _open_client(settings) as client:
        links, failures = _find_links(name, version, settings, client)
        stated = {link.url: (link.hash_option or {}).get("sha256", [""])[0] for link in links}
        fitting = [link for link in links if stated[link.url] in (sha256, "")]
        fitting.sort(key=lambda link: stated[link.url] != sha256)
        if not fitting:
            raise AssetError(f"{release} could not be downloaded: {_explain(sha256, stated.values(), failures)}")
        path = folder / fitting[0].filename
        try:
            _insist(lambda: _write(client, fitting[0], path), settings)
        except UNREADABLE as error:
            raise AssetError(f"{release} could not be downloaded: {_name(error)}; {WITHOUT_NETWORK}") from None
    return path


def read_settings() -> IndexSettings:
    """Ask pip for its settings, of files and environment; raises `AssetError` if it has none to give."""
    command = [sys.executable, "-m", "pip", "config", "list", "--disable-pip-version-check"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)  # noqa: S603
    if done.returncode:
        if "No module named pip" in done.stderr:
            raise AssetError(f"pip is missing, whose settings name the index; run '{sys.executable} -m ensurepip'")
        raise AssetError(f"pip cannot read its settings: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    told = [line.partition("=") for line in done.stdout.splitlines() if "=" in line]
    found = {key: str(ast.literal_eval(value)) for key, _, value in told}
    values = {}
    for section in SECTIONS:
        values.update({key[len(section) + 1 :]: value for key, value in found.items() if key.startswith(section + ".")})
    return IndexSettings(values)


def _open_client(settings: IndexSettings) -> PyPIClient:
    certificates, trusted = settings.values.get("cert"), settings.words("trusted-host")
    try:
        client = PyPIClient(
            trusted_hosts=trusted,
            verify=ssl.create_default_context(cafile=certificates) if certificates else True,
            cert=settings.values.get("client-cert") or None,
            proxy=settings.values.get("proxy") or None,
            timeout=settings.number("timeout", "default-timeout", default=15),
            follow_redirects=True,
            event_hooks={"request": [lambda request: _refuse_plain_http(request.url, trusted)]},
        )
    except (OSError, ValueError) as error:
        raise AssetError(f"pip's cert, client-cert or proxy cannot be used ({error}); see 'pip config list'") from None
    client.auth = MultiDomainBasicAuth(prompting=False, index_urls=settings.indexes)
    return client


def _refuse_plain_http(url: httpx2.URL, trusted: Sequence[str]) -> None:
    """Before each request, those that an index sends on to among them."""
    if url.scheme == "http" and not is_loopback(url.host) and not {url.host, f"{url.host}:{url.port}"} & set(trusted):
        raise AssetError(
            f"the package index is, or sends on to, plain http at {url.host}, where anyone on the way may change what "
            "comes; take one with https, or name the host in pip's trusted-host"
        )


def _find_links(
    name: str, version: str, settings: IndexSettings, client: PyPIClient
) -> tuple[list[Link], list[Exception]]:
    """The archives of a release in all places, and why some could not be looked at."""
    logging.getLogger("unearth").setLevel(logging.ERROR)  # one place of several may lack it: that is no warning
    wanted = canonicalize_version(version)
    links: list[Link] = []
    failures: list[Exception] = []
    for place in _list_places(settings, client):
        try:
            found = _insist(partial(_list_packages, place, name, settings), settings)
        except UNREADABLE as error:
            failures.append(error)
        else:
            links += [package.link for package in found if canonicalize_version(package.version or "") == wanted]
    return [link for link in links if not link.is_vcs], failures


def _list_places(settings: IndexSettings, client: Any) -> list[PackageFinder]:
    folders = [
        PackageFinder(client, find_links=[place], ignore_compatibility=True) for place in settings.words("find-links")
    ]
    return folders + [
        PackageFinder(client, index_urls=[place], ignore_compatibility=True) for place in settings.indexes
    ]


def _list_packages(place: PackageFinder, name: str, settings: IndexSettings) -> list[Package]:
    for source in place.sources:
        if "://" in source["url"]:
            _refuse_plain_http(httpx2.URL(source["url"]), settings.words("trusted-host"))
    return list(place.find_all_packages(name, allow_yanked=True))


def _insist(ask: Callable[[], Value], settings: IndexSettings) -> Value:
    """Ask again where a connection breaks, as often as pip would."""
    for number in range(int(settings.number("retries", default=5))):
        try:
            return ask()
        except httpx2.TransportError:
            time.sleep(FIRST_WAIT_S * 2**number)
    return ask()


def _write(client: PyPIClient, link: Link, path: Path) -> None:
    """Write the bytes as they are sent, which is as they are pinned."""
    with client.get_stream(link.normalized, headers={"Accept-Encoding": "identity"}) as sent, path.open("wb") as file:
        sent.raise_for_status()
        for chunk in sent.iter_raw():
            file.write(chunk)
            if file.tell() > MOST_BYTES:
                raise AssetError(f"{link.filename} is longer than {MOST_BYTES:,} bytes; pin another archive")


def _explain(pinned: str, stated: Iterable[str], failures: Sequence[Exception]) -> str:
    """Why there is no archive to take, and what to do."""
    others = sorted(set(stated))
    if others:
        return f"pinned is sha256 {pinned}, the package index has {', '.join(others)}; if you trust that, pin it"
    if failures:
        remedy = f"check the network and 'pip config list'; {WITHOUT_NETWORK}"
        return f"no connection to the package index ({_name(failures[-1])}); {remedy}"
    return "the package index has no such release; check name, version and 'pip config list'"


def _name(error: Exception) -> str:
    """What went wrong, without the address, which may hold a password."""
    match error:
        case httpx2.HTTPStatusError():
            return f"the package index answers {error.response.status_code}"
        case httpx2.TransportError() | OSError():
            return str(error).strip().partition("\n")[0] or type(error).__name__
        case _:
            return type(error).__name__
