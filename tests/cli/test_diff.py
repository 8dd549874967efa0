"""`distil diff` in a repository of git with DVC: what changed since a revision, as text, JSON and csv."""

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from dvc.repo import Repo
from toy_revisions import AFTER, BEFORE, commit_study, git, id_of, start_repository
from typer.testing import CliRunner, Result

from distil.cli.main import app
from distil.core.errors import InputError
from distil.core.tables import LABELS, write_rows


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tags before and after, of which the latter is checked out."""
    folder = tmp_path_factory.mktemp("diff")
    start_repository(folder)
    commit_study(folder, "before", BEFORE)
    commit_study(folder, "after", AFTER)
    return folder


@pytest.fixture
def here(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(repository)
    yield repository
    git(repository, "checkout", "--quiet", "--force", "main")


def call(*words: str) -> Result:
    result = CliRunner().invoke(app, ["diff", *words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def test_the_working_tree_is_compared_with_a_revision(here: Path) -> None:
    result = call("before", "--rows", "1")
    out = result.stdout
    assert out.startswith("before (") and ") -> the working tree\n" in out
    assert "Teacher: another label on 9 of 60 rows (15.0%)" in out
    assert "  test rows, 20 with people's label: 3 right to wrong, 2 wrong to right" in out
    assert "    accuracy 0.850 -> 0.800: 5.0 points worse [-" in out and "]: this difference may be chance (McN" in out
    assert "Student: another label on 3 of 20 test rows (15.0%)" in out
    assert "  1 of the 9 rows:" in out and "  1 of the 3 rows:" in out and out.count("Anna sings") == 2
    assert "In brackets: the 95% interval" in out
    assert result.stderr == "", "nothing is out of date"


def test_head_is_what_it_is_compared_with_unless_told_otherwise(here: Path) -> None:
    out = call().stdout
    assert "another label on 0 of 60 rows" in out and out.count("the same label on every row") == 3


def test_files_that_are_out_of_date_are_told_of_and_compared_as_they_are(here: Path) -> None:
    (here / "prompt.md").write_text("Another.", encoding="utf-8")
    result = call("before", "--rows", "0")
    assert "warning: the working tree is compared as it is, but stage annotate is out of date" in result.stderr
    assert "another label on 9 of 60 rows" in result.stdout and "Anna" not in result.stdout
    assert call("before", "after").stderr == "", "no word of it where the working tree is not looked at"


def test_two_revisions_as_json_and_all_rows_as_csv(here: Path, tmp_path: Path) -> None:
    told = json.loads(call("before", "after", "--json", "--csv", str(tmp_path / "rows.csv"), "--rows", "2").stdout)
    assert (told["after"]["name"][:5], len(told["after"]["commit"])) == ("after", 40)
    assert (told["teacher"]["changed"], len(told["teacher"]["rows"])) == (9, 2)
    rows = pd.read_csv(tmp_path / "rows.csv", keep_default_na=False, dtype=str)
    assert rows["by"].value_counts().to_dict() == {"teacher": 9, "student": 3}
    silent = rows[rows["id"] == id_of(15)].iloc[0]
    assert (silent["before"], silent["after"], silent["abstained_after"]) == ("positive", "", "tie")
    assert (silent["votes_before"], silent["votes_after"], silent["reason_before"]) == (
        "3",
        "0",
        "Since it is take 15.",
    )


def test_texts_that_a_terminal_would_obey_are_shown_in_one_line(here: Path) -> None:
    labels = pd.read_parquet(here / "data/labels.parquet")
    reason = "one\nline \x1b[2J and \u202e more" + " word" * 100
    labels.loc[labels["id"] == id_of(9), "reason"] = reason
    write_rows(here / "data/labels.parquet", LABELS, labels)
    out = call("before").stdout
    line = next(line for line in out.splitlines() if "one line" in line)
    assert "\\x1b[2J and \\u202e more" in line and line.endswith("word ...") and len(line) < 300
    with Repo() as repo:
        repo.checkout(force=True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "git knows no revision 'nowhere'"),
        (["first"], "revision 'first' has no dvc.lock"),
        (["before", ""], "git knows no revision ''"),
        (["before", "first"], "revision 'first' has no dvc.lock"),
        (["before", "--csv", "prompt.md/rows.csv"], "prompt.md/rows.csv cannot be written"),
    ],
)
def test_what_cannot_be_done_is_one_line(here: Path, words: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said.replace(".", r"\.")) as caught:
        call(*words)
    assert "\n" not in str(caught.value)
