"""A project at a revision: what git tracks and what DVC keeps, and one line where there is neither."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from distil.core.errors import InputError
from distil.revisions.opening import Revision, find_commit


def run(folder: Path, *words: str) -> None:
    subprocess.run(words, cwd=folder, check=True, capture_output=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Two commits; the second has another text and another output."""
    run(tmp_path, "git", "init", "--quiet", "-b", "main")
    run(tmp_path, sys.executable, "-m", "dvc", "init", "--quiet")
    (tmp_path / "dvc.yaml").write_text(
        "stages:\n  copy:\n    cmd: cp a.txt b.txt\n    deps: [a.txt]\n    outs: [b.txt]\n"
    )
    for text in ("one", "two"):
        (tmp_path / "a.txt").write_text(text)
        run(tmp_path, sys.executable, "-m", "dvc", "repro", "--quiet")
        run(tmp_path, "git", "add", "--all")
        run(tmp_path, "git", "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "--quiet", "--message", text)
    return tmp_path


def test_files_of_git_and_of_dvc_are_read_as_they_were(project: Path) -> None:
    before, now = Revision("HEAD~1", project), Revision("main", project)
    assert (before.read("a.txt"), before.read(Path("b.txt"))) == (b"one", b"one")
    assert (now.read("a.txt"), now.read("b.txt")) == (b"two", b"two")
    assert now.commit == find_commit("main", project) != before.commit
    assert not now.has("c.txt")


def test_what_was_not_there_or_is_not_here_is_told_apart(project: Path) -> None:
    before = Revision("HEAD~1", project)
    with pytest.raises(InputError, match=r"revision 'HEAD~1' has no file c\.txt"):
        before.read("c.txt")
    run(project, sys.executable, "-m", "dvc", "gc", "--workspace", "--force", "--quiet")
    with pytest.raises(InputError, match=r"b\.txt of revision 'HEAD~1' is not in DVC's cache here"):
        Revision("HEAD~1", project).read("b.txt")


@pytest.mark.parametrize("name", ["nowhere", "--all", "HEAD:a.txt", ""])
def test_a_name_that_is_no_commit_is_named(project: Path, name: str) -> None:
    with pytest.raises(InputError, match="git knows no revision"):
        Revision(name, project)


def test_a_folder_without_git_has_no_revisions(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not under git"):
        Revision("HEAD", tmp_path)


def test_a_project_that_dvc_cannot_read_is_refused(project: Path) -> None:
    (project / "dvc.yaml").write_text("stages: [")
    run(project, "git", "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "--quiet", "--all", "--message", "x")
    with pytest.raises(InputError, match=r"revision 'HEAD' cannot be opened: .*dvc\.yaml"):
        Revision("HEAD", project)


@pytest.mark.parametrize("place", ["params.yaml", "dvc.yaml", "dvc.lock", "corpus/dvc.yaml", "corpus/a.csv.dvc"])
def test_what_would_unfold_to_billions_of_values_is_refused_before_dvc_reads_it(project: Path, place: str) -> None:
    levels = (f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
    (project / place).parent.mkdir(exist_ok=True)
    (project / place).write_text("a0: &a0 [x]\n" + "".join(levels))
    run(project, "git", "add", "--all")
    run(project, "git", "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "--quiet", "--message", "x")
    with pytest.raises(InputError, match=rf"revision 'HEAD' cannot be opened: {place}, line \d+ is not YAML: with its"):
        Revision("HEAD", project)


def test_templates_of_params_that_dvc_does_not_read_are_none_of_its_business(project: Path) -> None:
    (project / "templates").mkdir()
    (project / "templates" / "params.yaml").write_text("task: {{ name|inline }}\n|\n")
    run(project, "git", "add", "--all")
    run(project, "git", "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "--quiet", "--message", "x")
    assert Revision("HEAD", project).read("a.txt") == b"two"


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this checkout is not under git")
def test_this_project_with_all_its_files_is_opened() -> None:
    assert Revision("HEAD", ROOT).has("metrics/quality.json")


def test_a_project_in_a_folder_of_a_repository_is_read_by_its_own_paths(tmp_path: Path) -> None:
    project = tmp_path / "study"
    project.mkdir()
    run(tmp_path, "git", "init", "--quiet", "-b", "main")
    run(project, sys.executable, "-m", "dvc", "init", "--quiet", "--subdir")
    (project / "dvc.yaml").write_text("stages:\n  write:\n    cmd: printf one > b.txt\n    outs: [b.txt]\n")
    run(project, sys.executable, "-m", "dvc", "repro", "--quiet")
    run(tmp_path, "git", "add", "--all")
    run(tmp_path, "git", "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "--quiet", "--message", "one")
    here = Revision("HEAD", project)
    assert here.read("b.txt") == b"one" and here.has("dvc.lock") and not here.has("study/b.txt")
