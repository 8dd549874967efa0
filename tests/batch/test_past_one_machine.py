"""Requests that other programs have answered, on machines of theirs: vLLM's run-batch, and Ray Data.

The stand-in for run-batch reads and writes lines as vllm/entrypoints/openai/run_batch.py does: each is checked to have
just the fields that it knows, and an error has its status in the response and its words in `error`.
"""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
import yaml
from annotating import PATHS, annotate, set_up
from conftest import ROOT, Project
from loopback_teacher import LoopbackTeacher, chat_answer, error, prompt_of, serve_teacher
from stage_command import name_paths
from typer.testing import CliRunner

from distil.cli.main import app

TEN = [f"text {number}" for number in range(10)]
ASKED = {"model", "messages", "max_tokens", "temperature", "seed"}  # of a chat completion, as OpenAI names them


def label(body: dict[str, Any], _number: int) -> Any:
    return chat_answer("negative" if prompt_of(body).endswith(("1", "2", "3")) else "positive")


def call(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def export(project: Project, server: LoopbackTeacher) -> None:
    set_up(project, server, TEN, model="owner/model")
    command = " ".join(["python -m stages", *name_paths("annotate", *PATHS)])
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": {"annotate": {"cmd": command}}}))
    call("batch", "export", "batch")


def run_batch(requests: Path, output: Path, url: str, refused: str) -> None:
    """What vLLM's run-batch does, with another server's answers; a request of that word it refuses."""
    lines = []
    for number, line in enumerate(requests.read_text(encoding="utf-8").splitlines()):
        asked = json.loads(line)
        assert list(asked) == ["custom_id", "method", "url", "body"]
        assert (asked["method"], asked["url"]) == ("POST", "/v1/chat/completions")
        assert asked["body"].keys() == ASKED
        assert asked["body"]["model"] == "owner/model"
        response: dict[str, Any] = {"status_code": 200, "request_id": f"vllm-batch-{number}", "body": None}
        fault = None
        if prompt_of(asked["body"]).endswith(refused):
            response["status_code"] = 400
            fault = {"error": {"message": "too long", "type": "BadRequestError", "param": None, "code": 400}}
        else:
            body = json.dumps(asked["body"]).encode()
            sent = Request(f"{url}/chat/completions", body, {"Content-Type": "application/json"})
            with urlopen(sent) as answer:
                response["body"] = json.load(answer) | {"id": "chatcmpl-1", "object": "chat.completion", "created": 1}
        lines.append({"id": f"vllm-{number}", "custom_id": asked["custom_id"], "response": response, "error": fault})
    output.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def test_what_run_batch_answers_comes_into_the_store(project: Project) -> None:
    with serve_teacher(label) as server:
        export(project, server)
        run_batch(Path("batch/requests-0001.jsonl"), Path("batch/results-0001.jsonl"), server.url, refused="text 7")
        assert "9 new answers, 0 known already, 1 failed" in (said := call("batch", "import", "batch"))
        assert "the first: status 400: too long" in said
        asked = len(server.bodies)
        told = annotate()["label"].value_counts().to_dict()
        assert [prompt_of(body)[-6:] for body in server.bodies[asked:]] == ["text 7"], "what is missing alone"
    assert told == {"negative": 3, "positive": 7}


def test_the_scripts_for_ray_read_requests_and_write_what_is_imported(project: Project) -> None:
    with serve_teacher(label) as server:
        export(project, server)
        lines = []
        for number, line in enumerate(Path("batch/requests-0001.jsonl").read_text().splitlines()):
            script = read_script("# ask.py" if number % 2 else "def read")
            row = script["read"]({"text": line})
            few = {"generated_text": "positive", "num_input_tokens": 9, "num_generated_tokens": 1}
            row |= {"http_response": chat_answer("positive")} if number % 2 else few
            lines.append(script["write"](row)["line"])
        Path("batch/results-0001.jsonl").write_text("".join(f"{line}\n" for line in lines))
        assert "10 new answers, 0 known already" in call("batch", "import", "batch")
        assert annotate()["label"].tolist() == ["positive"] * 10
        assert not server.bodies, "all that was asked has come by the file"


def test_an_answer_of_as_many_tokens_as_it_may_have_is_told_as_cut() -> None:
    row = {"custom_id": "1", "generated_text": "posi", "num_input_tokens": 9, "num_generated_tokens": 4, "most": 4}
    body = json.loads(read_script("def read")["write"](row)["line"])["response"]["body"]
    assert body["choices"][0]["finish_reason"] == "length"


def read_script(start: str) -> dict[str, Any]:
    """The functions of the script in the docs that begins so, without Ray."""
    kept: list[ast.stmt] = [node for node in ast.parse(show_script(start)).body if isinstance(node, ast.FunctionDef)]
    names: dict[str, Any] = {"json": json}
    exec(compile(ast.Module(kept, []), "ask.py", "exec"), names)
    return names


def show_script(start: str) -> str:
    blocks: list[str] = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs/annotate.md").read_text(encoding="utf-8"), re.DOTALL
    )
    return next(block for block in blocks if block.startswith(start))


@pytest.mark.long  # starting Ray takes its time
def test_what_ray_data_answers_comes_into_the_store(project: Project) -> None:
    pytest.importorskip("ray.data.llm")
    behave = lambda body, number: error(400, "too long") if prompt_of(body).endswith("7") else label(body, number)  # noqa: E731
    with serve_teacher(behave) as server:
        export(project, server)
        Path("ask.py").write_text(show_script("# ask.py"))
        files = ("batch/requests-0001.jsonl", "batch/results-0001.jsonl")
        command = [sys.executable, "ask.py", *files, f"{server.url}/chat/completions"]
        subprocess.run(command, check=True, env=os.environ | {"RAY_USAGE_STATS_ENABLED": "0"})
        assert "9 new answers, 0 known already, 1 failed" in call("batch", "import", "batch")
        server.behave = label
        assert annotate()["label"].value_counts().to_dict() == {"negative": 3, "positive": 7}
