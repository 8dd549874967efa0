"""The most memory that the worst of what strangers send takes: each in a process of its own, beside a sound one.

`pytest -m long -s tests/hostile/test_memory.py` prints the peaks. A stage that needs torch takes some 500 MB to begin
with: there it is what a hostile model adds that is bounded.
"""

import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from annotating import PATHS, set_up
from conftest import ROOT, Project
from hostile_archives import (
    SDIST,
    WHEEL,
    change_sheet,
    make_gzip_bomb,
    make_parquet,
    make_tar_bomb,
    make_wheel,
    make_workbook,
)
from hostile_cases import ALIASES
from loopback_teacher import chat_answer, serve_teacher
from package_index import serve_index
from raw_server import pack_much, respond, serve_raw
from stage_command import name_paths
from tiny_model import make_tiny_model

pytestmark = [pytest.mark.slow, pytest.mark.long]

MOST_MB = 600
MEBI = 1 << 20
MEASURED = """
import atexit, re, sys
from pathlib import Path
status = Path("/proc/self/status")
atexit.register(lambda: Path("peak").write_text(re.search(r"VmHWM:\\s*(\\d+)", status.read_text())[1]))
code, sys.argv = sys.argv[1], sys.argv[2:]
exec(code)
"""  # not ru_maxrss, which would hold the parent's
STAGE = "import runpy; runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)"


def measure(folder: Path, what: str, code: str, *arguments: str) -> tuple[float, str]:
    """The peak of a process in MB, which is printed, and its last words."""
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = [{str(ROOT)!r}]\n{MEASURED}", code, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    peak = int((folder / "peak").read_text()) / 1024
    print(f"{what}: {peak:.0f} MB, {done.stderr.strip().rpartition(chr(10))[2][:120]!r}")
    return peak, done.stderr


def run_fetch(folder: Path, what: str) -> tuple[float, str]:
    options = name_paths("fetch", "corpus", "assets.txt", "texts.parquet", "fetch.json")
    return measure(folder, f"fetch, {what}", STAGE, "stages.fetch", *options)


@pytest.fixture
def corpus(project: Project) -> Path:
    folder = project(fetch={"source": "corpus", "columns": {"text": "text"}})
    (folder / "corpus").mkdir()
    return folder


def make_corpus(name: str) -> bytes:
    """A file of the corpus that would be a gigabyte and more."""
    match name:
        case "a.parquet":
            return make_parquet(200_000, "a" * 10_000)
        case "b.parquet":
            return make_parquet(1, "a" * 1000 * MEBI, compression="zstd", use_dictionary=False)
        case "a.xlsx":
            return change_sheet(make_workbook(), b"<sheetData>", b" " * 1000 * MEBI + b"<sheetData>")
        case _:
            return make_gzip_bomb(b"text\n" if "csv" in name else b"", 1000 * MEBI)


@pytest.mark.parametrize(
    "name", ["sound.csv", "a.csv.gz", "a.jsonl.gz", "a.json.gz", "a.txt.gz", "a.parquet", "b.parquet", "a.xlsx"]
)
def test_corpus(corpus: Path, name: str) -> None:
    sound = name == "sound.csv"
    (corpus / "corpus" / name).write_bytes(b"text\nhello\n" if sound else make_corpus(name))
    peak, said = run_fetch(corpus, name)
    assert ("which no honest file does" in said) != sound
    assert peak < MOST_MB


@pytest.mark.parametrize("bomb", [False, True], ids=["sound", "aliases"])
def test_params(corpus: Path, bomb: bool) -> None:
    (corpus / "corpus" / "a.csv").write_bytes(b"text\nhello\n")
    if bomb:
        (corpus / "params.yaml").write_text(f"{ALIASES}task: *a8\n")
    peak, said = run_fetch(corpus, "params.yaml of nine levels of aliases" if bomb else "sound params.yaml")
    assert ("with its aliases it stands for" in said) == bomb
    assert peak < MOST_MB


@pytest.mark.parametrize("megabytes", [0, 300], ids=["sound", "bomb"])
def test_replies_sixteen_at_once(project: Project, megabytes: int) -> None:
    texts = [f"text {number}" for number in range(32)]
    with serve_teacher(lambda _body, _number: chat_answer("positive")) as teacher, serve_raw() as raw:
        set_up(project, teacher, texts, max_failed_share=1.0)
        if megabytes:
            raw.sent = respond(pack_much(megabytes), "Content-Encoding: gzip")
            project(runtime={"base_url": raw.url, "max_retries": 0})
        what = f"annotate, {len(texts)} replies of {megabytes} MB, packed" if megabytes else "annotate, sound replies"
        peak, said = measure(Path.cwd(), what, STAGE, "stages.annotate", *name_paths("annotate", *PATHS))
    assert "max_reply_mb" in said or not megabytes
    assert peak < MOST_MB


@pytest.mark.parametrize("name", ["sound", SDIST, WHEEL])
def test_packages(project: Project, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    folder = project()
    monkeypatch.setenv("DISTIL_CACHE", str(folder / "cache"))
    if name == SDIST:
        archive = make_tar_bomb(1000 * MEBI)
    else:
        archive = make_wheel([("demo/zeros", bytes(10 if name == "sound" else 1000 * MEBI))])
    (folder / "assets.txt").write_text(f"demo==1.0 --hash=sha256:{sha256(archive).hexdigest()}\n")
    code = (
        "from distil.core.command import call; from distil.assets.references import resolve\n"
        "call(lambda: print(resolve('pypi:demo==1.0/demo/zeros', Path('assets.txt'))))"
    )
    with serve_index("demo", {SDIST if name == SDIST else WHEEL: archive}) as index:
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{index.server_port}/simple/")
        peak, said = measure(folder, f"package, {name}", code)
    assert ("which no honest file does" in said) == (name != "sound")
    assert peak < MOST_MB


@pytest.mark.parametrize("layers", [2, 1_000_000])
def test_models(tmp_path: Path, layers: int) -> None:
    folder = make_tiny_model(tmp_path / "model")
    about = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(about | {"num_hidden_layers": layers}))
    code = (
        "from distil.core.command import call; from distil.encoders.bases import load_base\n"
        "before = re.search(r'VmRSS:\\s*(\\d+)', status.read_text())[1]\nPath('before').write_text(before)\n"
        "from distil.encoders.outputs import Outputs\n"
        f"call(lambda: load_base(Path({str(folder)!r}), Outputs(('a', 'b'))))"
    )
    peak, _ = measure(tmp_path, f"model of {layers:,} layers", code)
    before = int((tmp_path / "before").read_text()) / 1024
    print(f"  of these torch and transformers: {before:.0f} MB")
    assert peak - before < MOST_MB
