"""Servers of strangers: where they send on to, what they promise and what they send."""

import datetime
import ipaddress
import ssl
from collections.abc import Iterator
from hashlib import sha1, sha256
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from background_server import running
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from huggingface_hub import close_session, get_session
from quiet_handler import QuietHandler

from distil.assets.hub import check_kept, follow_no_plain_http
from distil.assets.references import resolve
from distil.core.errors import AssetError, InputError

TEXTS = b"text\nhello\n"
PIN = f"#sha256={sha256(TEXTS).hexdigest()}"


class Handler(QuietHandler):
    moved: ClassVar[str] = ""
    headers_sent: ClassVar[dict[str, str]] = {}
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:  # noqa: N802 (http.server names it)
        self.asked.append(self.path)
        if self.path == "/moved.csv":
            self.reply(302, b"", {"Location": self.moved})
        elif self.path == "/odd.csv":
            self.send_response(200)
            for key, value in self.headers_sent.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(TEXTS)
            self.close_connection = True
        else:
            self.reply(200, TEXTS, {})


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTIL_CACHE", str(tmp_path / "cache"))
    Handler.asked = []


def serve(context: ssl.SSLContext | None = None) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    with running(server):
        yield f"http{'s' if context else ''}://127.0.0.1:{server.server_port}"


@pytest.fixture
def plain() -> Iterator[str]:
    yield from serve()


@pytest.fixture
def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server with a certificate that this test trusts, and no other does."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test")])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1)).add_extension(names, True)
    pem = serialization.Encoding.PEM
    own, plain_text = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (tmp_path / "key.pem").write_bytes(key.private_bytes(pem, own, plain_text))
    (tmp_path / "cert.pem").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    yield from serve(context)


def refuse(reference: str) -> str:
    with pytest.raises((AssetError, InputError)) as caught:
        resolve(reference, Path("assets.txt"))
    message = str(caught.value)
    assert message.isprintable()
    return message


def test_https_that_sends_on_to_http(secure: str, plain: str) -> None:
    assert resolve(f"{secure}/a.csv{PIN}", Path("assets.txt")).read_bytes() == TEXTS
    Handler.asked, Handler.moved = [], f"{plain}/b.csv"
    assert "not followed" in refuse(f"{secure}/moved.csv{PIN}")
    assert Handler.asked == ["/moved.csv"]


def test_https_that_sends_on_to_https(secure: str) -> None:
    Handler.moved = f"{secure}/b.csv"
    assert resolve(f"{secure}/moved.csv{PIN}", Path("assets.txt")).read_bytes() == TEXTS


def test_hub_that_sends_on_to_http(secure: str) -> None:
    Handler.moved = "http://host.invalid/b.csv"
    close_session()  # which knows no certificate of this test
    follow_no_plain_http()
    assert get_session().get(f"{secure}/a.csv").content == TEXTS
    with pytest.raises(AssetError, match="not followed"):
        get_session().get(f"{secure}/moved.csv")
    assert Handler.asked == ["/a.csv", "/moved.csv"]
    close_session()


def test_altered_file_in_the_cache_of_the_hub(tmp_path: Path) -> None:
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "commit"
    git = sha1(b"blob %d\0" % len(TEXTS) + TEXTS, usedforsecurity=False).hexdigest()
    for folder in (blobs, snapshot):
        folder.mkdir(parents=True)
    for name in (git, sha256(TEXTS).hexdigest(), "an-etag-of-a-mirror"):
        (blobs / name).write_bytes(TEXTS)
        (snapshot / f"{name}.json").symlink_to(blobs / name)
    check_kept(snapshot)
    (blobs / "an-etag-of-a-mirror").write_bytes(b"x")  # of which nothing is known
    check_kept(snapshot)
    for name in (git, sha256(TEXTS).hexdigest()):
        (blobs / name).write_bytes(b"x")
        for path in (snapshot, snapshot / f"{name}.json"):
            with pytest.raises(AssetError, match="is not what the Hub sent; delete it and run again"):
                check_kept(path)
        (blobs / name).write_bytes(TEXTS)


@pytest.mark.parametrize("target", ["http://host.invalid/b.csv", "ftp://127.0.0.1/b.csv"])
def test_this_machine_that_sends_on_in_plain(plain: str, target: str) -> None:
    Handler.moved = target
    assert "not followed" in refuse(f"{plain}/moved.csv{PIN}")


@pytest.mark.parametrize("told", ["abc", "-5", "9" * 400, "1e3", "\u0663"])
def test_length_that_is_none(plain: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    Handler.headers_sent = {"Content-Length": told.encode().decode("latin-1")}
    try:
        path = resolve(f"{plain}/odd.csv{PIN}", Path("assets.txt"))
    except AssetError as error:
        assert "\n" not in str(error)
    else:
        assert path.read_bytes() == TEXTS


def test_length_that_no_file_has(plain: str, tmp_path: Path) -> None:
    Handler.headers_sent = {"Content-Length": str(10**15)}
    assert "is longer than" in refuse(f"{plain}/odd.csv{PIN}")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "address",
    [
        *(
            "https://host/%00",
            "https://host/a%00.csv",
            "https://host/a\0.csv",
            "https://host/..",
            "https://host/%2e%2e",
        ),
        *("https://host/x%2F..", "https://host/a%0Ab.csv", "https://host/a%1b[31m.csv", "https://host/%ff.csv"),
        *("https://[::1/a.csv", "https://host:99999/a.csv", "https://host:x/a.csv", "https:///a.csv"),
        *(f"https://{'a' * 70}.invalid/a.csv", f"https://host.invalid/{'a' * 5000}", "https://host.invalid/a b.csv"),
        *("https://host/a\\..\\b.csv", "https://\ud800/a.csv", "https://host/a%5C..%5Cb"),
    ],
)
def test_address_that_is_none(address: str) -> None:
    refuse(address + PIN)
