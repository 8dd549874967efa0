"""`distil new`: the study that it makes, what it says, and where it makes none."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from loopback_teacher import prompt_of, serve_teacher
from typer.testing import CliRunner

from distil.cli.main import app
from distil.core.errors import InputError
from distil.core.metrics import read_metrics
from distil.prompting.prompt_files import read_prompt

IDENTITY = {f"GIT_{who}_{what}": f"{what}@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
NOBODY = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "GIT_CONFIG_COUNT": "1"}
NOBODY |= {"GIT_CONFIG_KEY_0": "user.useConfigOnly", "GIT_CONFIG_VALUE_0": "true"}
GOOD, BAD = ["good", "great", "fine", "lovely"], ["bad", "awful", "poor", "broken"]


def write_reviews(path: Path, rows: int = 60) -> Path:
    words = [(GOOD if number % 2 else BAD)[number % 4] for number in range(rows)]
    lines = [f"{number};the item {number} is {words[number]};{['down', 'up'][number % 2]}" for number in range(rows)]
    path.write_text("\n".join(["nr;body;verdict", *lines]) + "\n", encoding="utf-8-sig")
    return path


def call(*words: str | Path) -> str:
    result = CliRunner().invoke(app, ["new", *map(str, words)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.fixture(autouse=True)
def somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A study, and what was said when it was made."""
    place = tmp_path_factory.mktemp("new")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        for name, value in IDENTITY.items():
            patch.setenv(name, value)
        said = call("my study", "--texts", write_reviews(place / "reviews.csv"), "--teacher", "openai")
        yield place / "my study", said


def test_it_says_what_it_found_and_what_to_do(made: tuple[Path, str]) -> None:
    _, said = made
    assert said.splitlines() == [
        "reviews.csv: 60 rows, columns nr, body, verdict",
        "  file      cells are separated by semicolons",
        "  text      column body: 60 texts of 5 words (median), 5 at most",
        "  language  en",
        "  gold      column verdict: 60 rows that people labelled",
        "  labels    classification, 2: down, up",
        "say otherwise by --text-column, --gold-column (or none), --kind, --labels, --language, --encoding",
        "made my study, with the teacher openai (gpt-4.1-mini)",
        "  60 requests, one a text; the texts are about 290 tokens together, and the prompt goes with each",
        "  OpenAI. export OPENAI_API_KEY=...",
        "next:",
        "  cd 'my study'",
        "  make setup && source .venv/bin/activate  # an environment of its own",
        "  $EDITOR prompts/my_study.md  # say what each label means",
        "  export OPENAI_API_KEY=...",
        "  distil plan  # what would run, and what it would cost",
        "  dvc repro",
        "  git add --all && git commit --message 'A first run'  # its figures, for branches to compare with",
    ]


def test_the_study_is_a_repository_with_all_that_it_takes_and_nothing_of_the_default_study(
    made: tuple[Path, str],
) -> None:
    folder, _ = made
    assert git(folder, "log", "--format=%s").splitlines() == ["A study of reviews.csv, made by distil new"]
    assert git(folder, "status", "--porcelain") == ""
    files = set(git(folder, "ls-files").splitlines())
    assert {"dvc.yaml", "params.yaml", "Makefile", "requirements.lock", "assets.txt", ".dvc/config"} <= files
    assert {"corpus/reviews.csv", "prompts/my_study.md", "prompts/my_study_examples.csv", "README.md"} <= files
    assert "presets/teachers/vllm.yaml" in files
    tops = {name.split("/")[0] for name in files}
    assert not tops & {"tests", "benchmarks", "metrics", ".ci", "dvc.lock", "CHANGELOG.md"}
    assert "prompts/reviews.md" not in files
    assert (folder / "review/corrections.csv").read_text().count("\n") == 1
    assert not list(folder.parent.glob("*.part"))
    assert folder.stat().st_mode & 0o700 == 0o700
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "stage", "list", "--name-only"], cwd=folder, capture_output=True
    )
    assert (
        done.stdout.split()
        == b"fetch annotate compare aggregate split train export evaluate benchmark cost report".split()
    )


def test_its_params_and_prompt_work_as_they_are(made: tuple[Path, str]) -> None:
    folder, _ = made
    params = yaml.safe_load((folder / "params.yaml").read_text())
    assert params["task"] == {
        "name": "my_study",
        "kind": "classification",
        "description": "Which label fits a text?",
        "language": "en",
        "labels": ["down", "up"],
    }
    assert params["fetch"]["columns"] == {"text": "body", "gold": "verdict"}
    assert params["annotate"]["extra"] == {"max_tokens": None, "max_completion_tokens": 400}
    assert params["runtime"]["api_key_env"] == "OPENAI_API_KEY"
    assert max(map(len, (folder / "params.yaml").read_text().splitlines())) <= 120
    prompt = read_prompt(folder / "prompts/my_study.md")
    assert prompt.body.startswith("Which of these labels fits the text best? {labels}\n\n- down\n- up\n")
    assert prompt.body.endswith("Text: {text}")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--teacher", "openia"], "openia.yaml is missing; --teacher takes the path of a preset, or one of: anthropic"),
        (["--texts", "none.csv"], "none.csv is no file; --texts takes one of .csv"),
        (["--gold-column", "none"], "nobody labelled reviews.csv, so it cannot tell which labels there are; name them"),
        (["--labels", "up, other"], "has the label 'down' in its column of labels, which --labels lacks"),
        (["--gold-column", "none", "--labels", "up"], "a classifier needs at least two labels); say which labels"),
        (["--gold-column", "none", "--labels", "a,b", "--kind", "multi_label"], "the teacher 'local' is not for this"),
        (["--text-column", "text"], "has no column 'text'; --text-column takes one of: nr, body, verdict"),
        (["--name", "..."], "makes no name for a study; give it one: --name"),
        (["--encoding", "ascii"], "cannot be read as ascii"),
    ],
)
def test_what_cannot_be_made_is_one_line_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_reviews(tmp_path / "reviews.csv")
    with pytest.raises(InputError) as caught:
        call("new", "--texts", "reviews.csv", *words)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["reviews.csv"]


@pytest.mark.parametrize("name", [".hid.csv", ".hid.csv.gz", "a\nb.csv"])
def test_a_file_that_corpus_cannot_hold_is_refused(tmp_path: Path, name: str) -> None:
    write_reviews(tmp_path / name)
    with pytest.raises(InputError, match="cannot be the name of a file in corpus/") as caught:
        call(tmp_path / "new", "--texts", tmp_path / name)
    assert str(caught.value).isprintable()
    assert not (tmp_path / "new").exists()


def test_what_git_is_told_to_pass_over_is_in_the_first_commit_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "excludes").write_text("*.csv\n*.jsonl\n*.md\n")
    (tmp_path / "gitconfig").write_text(f"[core]\n    excludesFile = {tmp_path / 'excludes'}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    texts = tmp_path / "requests-2024.jsonl"
    texts.write_text("\n".join(f'{{"body": "item {n} is {GOOD[n % 4]}"}}' for n in range(20)))
    folder = tmp_path / "new"
    call(folder, "--texts", texts, "--labels", "up,down")
    files = set(git(folder, "ls-files").splitlines())
    assert {"corpus/requests-2024.jsonl", "corpus/README.md", "prompts/new.md", "prompts/new_examples.csv"} <= files
    assert {"review/corrections.csv", ".dvc/config", ".dvc/.gitignore", ".dvcignore"} <= files
    assert git(folder, "status", "--porcelain", "--ignored") == ""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    for name in ("corpus/results-1.jsonl", "corpus/parts/errors-1.jsonl", "runs/results-1.jsonl", "batch/x"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    shown = git(folder, "status", "--porcelain", "--untracked-files=all").split()[1::2]
    assert shown == ["corpus/parts/errors-1.jsonl", "corpus/results-1.jsonl"]


def test_nothing_that_is_there_is_touched(tmp_path: Path) -> None:
    texts = write_reviews(tmp_path / "reviews.csv")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious").write_text("mine")
    for place, said in (("full", "full is not empty, and nothing in it is overwritten"), ("reviews.csv", "no folder")):
        with pytest.raises(InputError, match=said):
            call(tmp_path / place, "--texts", texts)
    assert (tmp_path / "full" / "precious").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "reviews.csv"]


def test_where_git_knows_nobody_the_study_is_made_and_left_uncommitted_and_an_outer_repository_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in IDENTITY:
        monkeypatch.delenv(name)
    for name, value in NOBODY.items():
        monkeypatch.setenv(name, value)
    git(tmp_path, "init", "-q")
    (tmp_path / "empty").mkdir()
    texts = write_reviews(tmp_path / "reviews.csv")
    monkeypatch.chdir(tmp_path / "empty")
    said = call(".", "--texts", texts, "--labels", "down,up", "--name", "verdicts")
    assert "nothing is committed yet, since git says: " in said
    assert "tell it who you are (git config --global user.name" in said
    assert f"lies in the repository {tmp_path} and is one of its own" in said
    assert "A  dvc.yaml" in git(Path(), "status", "--porcelain")
    assert Path("prompts/verdicts.md").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".git", "empty", "reviews.csv"]


def behave(body: dict[str, Any], _number: int) -> str:
    """A teacher that knows its words."""
    text = prompt_of(body).rsplit("Text: ", 1)[1]
    return "up" if any(word in text for word in GOOD) else "down"


@pytest.mark.slow
def test_it_runs_with_no_change_but_of_the_endpoint_s_address(
    made: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = made
    monkeypatch.setenv("DISTIL_STORE", str(tmp_path / "answers.sqlite"))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-test")
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    params = folder / "params.yaml"
    with serve_teacher(behave) as teacher:
        params.write_text(params.read_text().replace("https://api.openai.com/v1", teacher.url))
        done = subprocess.run(
            [sys.executable, "-m", "dvc", "repro", "split"], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        assert len(teacher.bodies) == 60
        assert "max_tokens" not in teacher.bodies[0]
    assert read_metrics(folder / "metrics/teacher.json")["teacher"]["accuracy"] == 1.0
