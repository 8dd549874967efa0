"""A metric file that came with a clone names another file as the prompt: that file never gets into a card."""

import json
from pathlib import Path
from typing import Any

import pytest
from toy_results import write_toy_results

from distil.core.errors import InputError
from distil.core.metrics import read_details, write_metrics
from distil.report.prompt import read_prompt_of
from stages.report import main

SECRET = "API_KEY=sk-very-secret # {text}"


def name_prompt(folder: Path, **changes: Any) -> list[Path]:
    """A toy study whose metrics name another prompt; the paths that report takes."""
    paths = write_toy_results(folder)
    (folder / ".env").write_text(SECRET)
    (folder / "prompts/link.md").symlink_to(folder / ".env")
    metrics = folder / "metrics/annotate.json"
    write_metrics(metrics, {}, read_details(metrics) | changes)
    return paths


@pytest.mark.parametrize(
    "prompt",
    [
        ".env",
        "prompts/../.env",
        "prompts/link.md",
        "{folder}/.env",
        "/dev/zero",
        "/dev/stdin",
        ".",
        "a\0b",
        "x" * 5000,
        7,
    ],
)
def test_no_other_file_than_the_prompt_gets_into_the_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prompt: str | int
) -> None:
    monkeypatch.chdir(tmp_path)
    named = prompt.replace("{folder}", str(tmp_path)) if isinstance(prompt, str) else prompt
    paths = name_prompt(tmp_path, prompt=named)
    with pytest.raises(InputError, match=r"the prompt, (is not the one|cannot be read)"):
        main(*paths)
    assert not any(SECRET in path.read_text() for path in (tmp_path / "reports").glob("*.md"))


def test_without_a_hash_nothing_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name_prompt(tmp_path, prompt=".env")
    path = tmp_path / "metrics/annotate.json"
    details = {key: value for key, value in read_details(path).items() if key != "prompt_sha256"}
    path.write_text(json.dumps({"details": [details]}))
    with pytest.raises(InputError, match=r"annotate\.json has no 'prompt_sha256' where it belongs"):
        read_prompt_of(read_details(path))


def test_a_prompt_of_the_user_s_own_may_lie_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name_prompt(tmp_path)
    details = read_details(tmp_path / "metrics/annotate.json")
    assert read_prompt_of(details) == read_prompt_of(details | {"prompt": str(tmp_path / "prompts/reviews.md")})
