"""What a stranger wrote moves no cursor: escape sequences, line breaks and text that turns are shown as escapes."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from annotating import PATHS, set_up
from batch_server import serve_batches
from conftest import ROOT, Project
from hypothesis import given
from hypothesis import strategies as st
from loopback_teacher import serve_teacher
from planted import moves_terminal
from raw_server import respond, serve_raw
from stage_command import stage_command

from distil.batch.api import status, submit
from distil.batch.files import export_requests
from distil.core.harmless import printable
from distil.core.runtime import RuntimeParams
from distil.prompting.params import AnnotateParams
from distil.prompting.requests import Request
from distil.teacher.endpoint import Endpoint
from distil.teacher.protocols import Chat

EVIL = "\x1b]0;evil\x07\x1b[31m\x9b2J\u202egood\r\n\x7f\u2066\ud800\u2028"


@given(text=st.one_of(st.text(), st.text(alphabet=st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp", "Ll"]))))
def test_nothing_in_a_printable_text_moves_a_terminal(text: str) -> None:
    assert not moves_terminal(printable(text))
    assert printable(text) == text or moves_terminal(text) or set(text) & set("\u061c\u200e\u200f")


def test_other_text_is_left_alone_and_escapes_are_those_of_python() -> None:
    text = "caf\u00e9 \u4e2d\u6587 \U0001f600 \u05d0\u05d1 \\x1b 'a'"
    assert printable(text) == text
    assert printable("a\x1b[31m\n\t\x9b\u202e\ud800") == r"a\x1b[31m\n\t\x9b\u202e\ud800"


def run_stage() -> str:
    done = subprocess.run(
        stage_command("annotate", *PATHS),
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.decode().splitlines() if line.startswith("error: ")]
    return line


@pytest.mark.parametrize("code", [401, 400])
def test_an_endpoints_words_are_harmless_on_the_terminal(code: int, project: Project) -> None:
    def refuse(_body: Any, _number: int) -> web.Response:
        return web.json_response({"error": {"message": EVIL}}, status=code)

    with serve_teacher(refuse) as teacher:
        set_up(project, teacher, ["a text"])
        line = run_stage()
    assert r"\x1b]0;evil\x07\x1b[31m\x9b2J\u202egood" in line
    assert not moves_terminal(line)


@pytest.mark.parametrize("head", ["Location: https://x/{}", "Content-Type: text/html; {}"])
def test_so_are_its_headers(head: str, project: Project) -> None:
    with serve_raw() as server:
        server.sent = respond(
            b"<b>", head.format("\x9b31m\u202e"), status="302 \x1b[31m" if "Loc" in head else "200 OK"
        )
        set_up(project, server, ["a text"])  # type: ignore[arg-type]
        project(runtime={"base_url": server.url, "max_retries": 0})
        assert not moves_terminal(run_stage())


def test_so_are_names_in_params(project: Project) -> None:
    with serve_teacher(lambda _body, _number: None) as teacher:
        set_up(project, teacher, ["a text"])
        sections = yaml.safe_load(Path("params.yaml").read_text())
        project(runtime=sections["runtime"] | {"endpoints": {f"m{EVIL[:-2]}": {"base_url": 1}}})
        assert not moves_terminal(run_stage())


def test_so_is_what_is_said_of_a_batch(tmp_path: Path) -> None:
    chat = Chat(AnnotateParams(prompt="p", method="generate", protocol="chat", model="m", max_tokens=9), "m")
    export_requests([Request("a" * 64, "text", (("user", "text"),), vote=1, seed=0)], chat, tmp_path)
    with serve_batches() as server:
        at, runtime = Endpoint(server.url), RuntimeParams(retry_wait_s=0)
        submit(at, tmp_path, runtime)
        server.batches["batch_1"] |= {"status": f"done{EVIL}", "errors": [EVIL], "output_file_id": EVIL}
        (batch,) = status(at, tmp_path, runtime)
    assert (batch.output_file_id, batch.status[:10]) == (None, r"done\x1b]0")
    assert not moves_terminal(f"{batch.status} {batch.problem} {batch.next_step}")


def test_the_command_shows_errors_harmlessly(project: Project) -> None:
    folder = project(annotate={EVIL[:-2]: 1})
    (folder / "dvc.yaml").write_text((ROOT / "dvc.yaml").read_text())
    command = [sys.executable, "-m", "distil", "annotate", "--dry-run"]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, check=False)
    assert done.returncode == 1
    assert not moves_terminal(done.stderr.decode().removesuffix("\n"))
