"""Packages of strangers: no code of theirs runs, none of their bytes lands outside, none is used unchecked."""

import gzip
import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from hostile_archives import SDIST, WHEEL, make_sdist, make_tar, make_tar_bomb, make_wheel
from mutations import CASES, mutate
from package_index import index_url, serve_index

from distil.assets.archives import explain_damage, read_members
from distil.assets.references import resolve
from distil.core.errors import AssetError, DistilError, InputError

TEXTS = b"text\nhello\n"
MEBI = 1 << 20
Bring = Callable[..., Path]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, and a pip that has no settings but those of the test."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("DISTIL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def pin(tmp_path: Path, archive: bytes) -> Path:
    pins = tmp_path / "assets.txt"
    pins.write_text(f"demo==1.0 --hash=sha256:{sha256(archive).hexdigest()}\n", encoding="utf-8")
    return pins


@pytest.fixture
def bring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bring:
    """Resolve a path inside an archive that the loopback index has under a name."""

    def resolve_in(archive: bytes, name: str = WHEEL, inside: str = "demo") -> Path:
        with serve_index("demo", {name: archive}) as server:
            monkeypatch.setenv("PIP_INDEX_URL", index_url(server))
            return resolve(f"pypi:demo==1.0/{inside}", pin(tmp_path, archive))

    return resolve_in


def refuse(bring: Bring, archive: bytes, name: str = WHEEL, inside: str = "demo") -> str:
    with pytest.raises((AssetError, InputError)) as caught:
        bring(archive, name, inside)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("is_html", [False, True])
def test_no_code_of_an_sdist_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_html: bool) -> None:
    archive = make_sdist([("demo-1.0/data/texts.csv", TEXTS)], tmp_path / "trace")
    with serve_index("demo", {SDIST: archive}, is_html=is_html) as server:
        monkeypatch.setenv("PIP_INDEX_URL", index_url(server))
        assert resolve("pypi:demo==1.0/data/texts.csv", pin(tmp_path, archive)).read_bytes() == TEXTS
    assert server.asked == ["/simple/demo/", f"/files/{SDIST}"]  # nothing else was installed
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("inside", ["{outside}", "/{outside}", "../archive", "demo/../../archive", "demo/a\0"])
def test_path_that_leads_out_of_the_package(bring: Bring, tmp_path: Path, inside: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    path = inside.format(outside=tmp_path / "elsewhere")
    assert "no reference" in refuse(bring, make_wheel([("demo/a", b"a")]), inside=path)


@pytest.mark.parametrize("change", ["altered", "added", "removed", "linked"])
def test_unpacked_file_that_is_not_the_archives(
    bring: Bring, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: str
) -> None:
    archive = make_wheel([("demo/a", b"a"), ("demo/b/c", b"c"), ("other", b"o")])
    folder = bring(archive)
    match change:
        case "altered":
            (folder / "a").write_bytes(b"x")
        case "added":
            (folder / "d").write_bytes(b"x")
        case "removed":
            (folder / "b/c").unlink()
        case _:
            (tmp_path / "mine").write_bytes(b"x")
            (folder / "a").unlink()
            (folder / "a").symlink_to(tmp_path / "mine")
    capsys.readouterr()
    again = bring(archive)
    found = {path.relative_to(again).as_posix(): path.read_bytes() for path in again.rglob("*") if path.is_file()}
    assert found == {"a": b"a", "b/c": b"c"}
    assert "not what" in (told := capsys.readouterr().err)
    assert told.count("\n") == 1


@pytest.mark.parametrize("name", [WHEEL, SDIST])
def test_archive_that_unpacks_to_far_more_than_it_is(bring: Bring, cache: Path, name: str) -> None:
    archive = make_tar_bomb(200 * MEBI) if name == SDIST else make_wheel([("demo/zeros", bytes(100 * MEBI))])
    assert "unpack" in refuse(bring, archive, name)
    assert sum(path.stat().st_size for path in cache.rglob("*") if path.is_file()) < MEBI


def test_sparse_file_that_is_larger_than_any_disk(bring: Bring) -> None:
    """Of a hole, which takes no byte in the archive, tarfile reads zeros."""
    head = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.map": "0,1", "GNU.sparse.size": str(1 << 43)}
    archive = make_tar([("demo-1.0/a", b"a"), ("demo-1.0/demo", b"x")], head)
    assert "has no demo; beside it: a" in refuse(bring, archive, SDIST)


@pytest.mark.parametrize("name", [WHEEL, SDIST])
def test_archive_of_very_many_files(bring: Bring, name: str) -> None:
    members = ((f"demo-1.0/{number}", b"") for number in range(20_001))
    archive = make_wheel(members) if name == WHEEL else make_tar(members)
    assert "20,000" in refuse(bring, archive, name)


SOUND_TAR = make_tar([("demo-1.0/a", os.urandom(5000))])


@pytest.mark.parametrize(
    ("name", "archive"),
    [
        (SDIST, SOUND_TAR[:2000]),
        (SDIST, SOUND_TAR[:-1000]),
        (SDIST, make_tar([])),
        (SDIST, b""),
        (SDIST, b"\x1f\x8b"),
        (SDIST, b"no archive"),
        (WHEEL, make_wheel([("demo/a", os.urandom(500))])[:-40]),
        (WHEEL, b"PK\x05\x06" + bytes(18)),
        (WHEEL, b""),
        (SDIST, make_tar([("demo-1.0/a", b"1"), ("demo-1.0/a", b"2")])),
        (SDIST, make_tar([("demo-1.0/a", b"1"), ("demo-1.0/a/b", b"2")])),
        (WHEEL, make_wheel([("demo/a", b"1"), ("demo/a/b", b"2")])),
        (WHEEL, make_wheel([("demo/../../../evil", b"1")])),
        (SDIST, make_tar([("/evil", b"1")])),
        (WHEEL, make_wheel([("C:\\evil", b"1")])),
    ],
    ids=lambda value: value if isinstance(value, str) else "",  # bytes hold the time
)
def test_archive_that_is_none(bring: Bring, cache: Path, tmp_path: Path, name: str, archive: bytes) -> None:
    assert "cannot be unpacked" in refuse(bring, archive, name)
    assert not list(cache.rglob("files"))
    assert not list(tmp_path.rglob("*evil*"))


@pytest.mark.parametrize("cases", CASES)
@pytest.mark.parametrize("name", [WHEEL, SDIST])
def test_archive_with_any_damage(tmp_path: Path, name: str, cases: int) -> None:
    """It is read, or refused in one line."""
    files = [("demo-1.0/a", b"abc" * 500), ("demo-1.0/b", bytes(range(256)))]
    sound = make_wheel(files) if name == WHEEL else gzip.decompress(make_tar(files))
    refused = 0
    for damaged in mutate(sound, cases):
        (tmp_path / name).write_bytes(damaged if name == WHEEL else gzip.compress(damaged, 1))
        try:
            with explain_damage(tmp_path / name):
                for _, content in read_members(tmp_path / name):
                    content.read()
        except DistilError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > cases / 10


def test_index_that_sends_on_to_plain_http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = make_wheel([("demo/a", b"a")])
    with serve_index("demo", {WHEEL: archive}, {WHEEL: "http://host.invalid/demo.whl"}) as server:
        monkeypatch.setenv("PIP_INDEX_URL", index_url(server))
        with pytest.raises(AssetError, match=r"plain http") as caught:
            resolve("pypi:demo==1.0/demo", pin(tmp_path, archive))
    assert "\n" not in str(caught.value)


def test_index_in_plain_http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://host.invalid/simple")
    with pytest.raises(AssetError, match=r"plain http at host\.invalid"):
        resolve("pypi:demo==1.0/demo", pin(tmp_path, b""))


@pytest.mark.parametrize(
    ("setting", "value"),
    [("CERT", "no/such.pem"), ("PROXY", "no proxy"), ("TIMEOUT", "long"), ("RETRIES", "x"), ("INDEX_URL", "http://[")],
)
def test_settings_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, value: str) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv(f"PIP_{setting}", value)
    with pytest.raises(AssetError) as caught:
        resolve("pypi:demo==1.0/demo", pin(tmp_path, b""))
    assert str(caught.value).isprintable()
    assert "pip" in str(caught.value)


def test_credentials_of_the_index_stay_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are sent to the index, and are not printed where it fails."""
    archive = make_wheel([("demo/a", b"a")])
    with (
        serve_index("other", {WHEEL: archive}) as elsewhere,
        serve_index("demo", {WHEEL: archive}, {WHEEL: f"http://localhost:{elsewhere.server_port}/{WHEEL}"}) as server,
    ):
        monkeypatch.setenv("PIP_INDEX_URL", index_url(server).replace("//", "//me:s3cret@"))
        assert resolve("pypi:demo==1.0/demo/a", pin(tmp_path, archive)).read_bytes() == b"a"
    assert all(server.keys)
    assert elsewhere.keys == [None]
    with pytest.raises(AssetError) as caught:
        resolve("pypi:demo==1.0/demo", pin(tmp_path, b"other"))
    assert "s3cret" not in f"{caught.value}{capsys.readouterr()}"
