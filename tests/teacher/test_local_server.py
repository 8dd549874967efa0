"""The real local teacher: llama.cpp and the default study's weights."""

import hashlib
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import psutil
import pytest
import yaml
from conftest import ROOT, Project
from stage_command import stage_command

from distil.assets.references import resolve
from distil.core.errors import EndpointError
from distil.core.tables import ANNOTATIONS, TEXTS, read_rows, write_rows
from distil.store.opening import store_path
from distil.teacher.local_server import serve

NAMES = f"texts.parquet {ROOT}/assets.txt annotations.parquet annotate.json"
PATHS = NAMES.split()
SENTENCES = [
    f"the {noun} {verb} ."
    for noun in ("battery", "screen", "zoom", "strap")
    for verb in ("is great", "broke", "works", "is too small")
]


@pytest.fixture(scope="module")
def weights() -> Path:
    """The default study's GGUF, brought once into the user's cache."""
    params = yaml.safe_load((ROOT / "presets/reviews.yaml").read_text())
    return resolve(params["annotate"]["model"], ROOT / "assets.txt")


def set_up(project: Project, weights: Path, sentences: Sequence[str] = SENTENCES) -> None:
    pin = hashlib.sha256(weights.read_bytes()).hexdigest()
    annotate = {
        "prompt": str(ROOT / "prompts/reviews.md"),
        "method": "score",
        "protocol": "completion",
        "server": "local",
        "model": f"{weights}#sha256={pin}",
        "max_tokens": 1,
        "top_logprobs": 100,
    }
    folder = project(annotate=annotate)
    rows = [{"id": hashlib.sha256(text.encode()).hexdigest()[:16], "text": text} for text in sentences]
    write_rows(folder / "texts.parquet", TEXTS, rows)


def start_stage() -> subprocess.Popen[bytes]:
    return subprocess.Popen(stage_command("annotate", *PATHS), env=os.environ | {"PYTHONPATH": str(ROOT)})


def known_answers() -> list[str]:
    if not store_path().exists():
        return []
    with closing(sqlite3.connect(store_path(), timeout=10)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE name = 'answers'").fetchall()
        return [key for (key,) in connection.execute("SELECT key FROM answers")] if tables else []


def wait_for_answers(count: int) -> None:
    deadline = time.monotonic() + 60
    while len(known_answers()) < count:
        assert time.monotonic() < deadline, f"no {count} answers within a minute"
        time.sleep(0.02)


@pytest.mark.slow
def test_a_run_that_is_ended_and_resumed_gives_the_bytes_of_one_that_is_not(
    project: Project, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(project, weights)
    for way in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):  # each goes on where the one before was ended
        ended = start_stage()
        wait_for_answers(1 + len(known_answers()))
        servers = psutil.Process(ended.pid).children(recursive=True)
        ended.send_signal(way)
        assert ended.wait(timeout=30) != 0
        assert servers
        _, alive = psutil.wait_procs(servers, timeout=15)
        assert not alive
    assert 3 <= len(known_answers()) < len(SENTENCES)
    assert start_stage().wait(timeout=120) == 0
    resumed = Path("annotations.parquet").read_bytes()
    monkeypatch.setenv("DISTIL_STORE", str(Path("fresh.sqlite").absolute()))
    assert start_stage().wait(timeout=120) == 0
    assert Path("annotations.parquet").read_bytes() == resumed
    labels = read_rows(Path("annotations.parquet"), ANNOTATIONS)["label"]
    assert set(labels) == {"negative", "positive"}


def test_weights_that_llama_cannot_load_are_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"not weights")
    with pytest.raises(EndpointError, match=r"does not serve .*broken\.gguf"), serve(path, threads=1):
        pass


@pytest.mark.slow
def test_with_a_json_schema_every_answer_of_the_real_server_parses(project: Project, weights: Path) -> None:
    set_up(project, weights, SENTENCES[:6])
    sections = yaml.safe_load(Path("params.yaml").read_text())
    prompt = "Is this product review positive or negative? Give a reason of a few words, and the label. Review: {text}"
    Path("prompt.md").write_text(prompt)
    asked = {"prompt": "prompt.md", "method": "generate", "protocol": "chat", "json_schema": True, "max_tokens": 300}
    sampled = {"votes": 2, "temperature": 0.7}
    project(annotate=sections["annotate"] | asked | sampled, runtime={"timeout_s": 120})  # on a busy machine
    assert start_stage().wait(timeout=300) == 0
    rows = read_rows(Path("annotations.parquet"), ANNOTATIONS)
    assert len(rows) == 12
    assert set(rows["status"]) == {"ok"}
    assert rows["reason"].notna().all()
    assert rows.groupby("id")["reply"].nunique().max() == 2  # a seed a vote
