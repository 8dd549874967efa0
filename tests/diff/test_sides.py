"""What a study made is read alike in the working tree and at a revision, and what is not there is one line."""

import shutil
from pathlib import Path

import pytest
from toy_revisions import AFTER, BEFORE, PLACES, ROWS, SERVED, commit, commit_study, git, start_repository, write_study

from distil.core.errors import InputError
from distil.diff.sides import Side, read_revision, read_working_tree


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tags: first (no run), before, untrained (up to split), broken (no params of a task)."""
    folder = tmp_path_factory.mktemp("sides")
    start_repository(folder)
    commit_study(folder, "before", BEFORE)
    (folder / "params.yaml").write_text("task: { name: toy }\n", encoding="utf-8")
    commit(folder, "broken")
    git(folder, "checkout", "--quiet", "before")
    lock = (folder / "dvc.lock").read_text(encoding="utf-8")
    (folder / "dvc.lock").write_text(
        lock[: lock.index("  evaluate:")] + lock[lock.index("  export:") :], encoding="utf-8"
    )
    (folder / "metrics/quality.json").unlink()
    commit(folder, "untrained")
    git(folder, "checkout", "--quiet", "main")
    return folder


@pytest.fixture
def here(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(repository)
    write_study(repository, AFTER)
    return repository


def count_wrong(side: Side) -> int:
    return int((side.decided["teacher_label"] == "negative").sum())


def test_both_sides_are_read_alike(here: Path) -> None:
    before, now = read_revision("before", PLACES), read_working_tree(PLACES)
    assert (count_wrong(before), count_wrong(now)) == (7, 7)
    assert before.decided.index.equals(now.decided.index) and len(before.texts) == ROWS
    assert before.student and before.student.system == SERVED and before.student.confidence == 0.95
    assert before.name.startswith("before (") and before.name[8:15] == (before.commit or "")[:7]
    assert (now.name, now.commit) == ("the working tree", None)
    assert read_revision((before.commit or "")[:9], PLACES).name == (before.commit or "")[:7]


def test_a_study_that_ran_up_to_split_has_no_student(here: Path) -> None:
    assert read_revision("untrained", PLACES).student is None
    (here / "data/predictions.parquet").unlink()
    assert read_working_tree(PLACES).student is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("first", "revision 'first' has no dvc.lock, so no run of the study was committed there"),
        ("nowhere", "git knows no revision 'nowhere'"),
        ("broken", "at revision 'broken': params.yaml: task."),
    ],
)
def test_a_revision_without_a_study_is_one_line(here: Path, name: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        read_revision(name, PLACES)
    assert str(caught.value).startswith(said) and "\n" not in str(caught.value)
    assert "/tmp" not in str(caught.value)


def test_outputs_that_are_in_no_cache_are_told_with_what_brings_them(here: Path, tmp_path: Path) -> None:
    shutil.copytree(here, tmp_path / "clone", ignore=shutil.ignore_patterns("cache"))
    with pytest.raises(
        InputError, match=r"data/texts\.parquet of revision 'before' is not in DVC's cache here; bring it"
    ):
        read_revision("before", PLACES, tmp_path / "clone")


def test_a_folder_without_tables_or_without_git_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_study(tmp_path, BEFORE)
    with pytest.raises(InputError, match="not under git"):
        read_revision("HEAD", PLACES)
    (tmp_path / "data/labels.parquet").unlink()
    with pytest.raises(InputError, match=r"data/labels\.parquet is missing; 'dvc repro' writes it"):
        read_working_tree(PLACES)
