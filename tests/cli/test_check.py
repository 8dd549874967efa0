"""`distil check`: every gate in a line, the exit code for CI, and figures that are not of the study as it stands."""

import contextlib
import subprocess
from pathlib import Path

import pytest
import yaml
from dvc.repo import Repo
from toy_results import write_toy_results
from toy_revisions import git
from typer.testing import CliRunner, Result

from distil.cli.check import STAGES
from distil.cli.main import app
from distil.core.errors import InputError
from distil.core.metrics import read_details, write_metrics

METRICS = {"evaluate": "quality", "benchmark": "speed"}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that ran; each stage depends on the prompt, and has an output in DVC's cache and metrics that git has."""
    folder = tmp_path_factory.mktemp("check")
    write_toy_results(folder)
    for name, headline, more in (("speed", {"times_pipeline": 13.9}, {}), ("quality", {}, {"score": "accuracy"})):
        path = folder / f"metrics/{name}.json"
        write_metrics(path, headline, read_details(path) | more)
    write_metrics(folder / "metrics/split.json", {})
    stages = {}
    for stage in STAGES:
        metrics = f"metrics/{METRICS.get(stage, stage)}.json"
        (folder / f"data/{stage}.txt").write_text(stage, encoding="utf-8")
        stages[stage] = {
            "cmd": f"python -m stages.{stage} --metrics {metrics}",
            "deps": ["prompts/reviews.md"],
            "outs": [f"data/{stage}.txt"],
            "metrics": [{metrics: {"cache": False}}],
        }
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}), encoding="utf-8")
    (folder / ".gitignore").write_text("/data\n", encoding="utf-8")
    git(folder, "init", "--quiet", "-b", "main")
    with contextlib.chdir(folder), Repo.init() as repo:
        repo.commit(force=True)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "a run")
    return folder


@pytest.fixture
def here(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone of it, without DVC's cache."""
    subprocess.run(["git", "clone", "--quiet", str(study), str(tmp_path / "clone")], check=True)
    monkeypatch.chdir(tmp_path / "clone")
    return tmp_path / "clone"


def set_gates(folder: Path, **gates: float) -> None:
    path = folder / "params.yaml"
    params = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump(params | {"gates": gates}), encoding="utf-8")


def check(*words: str) -> Result:
    return CliRunner().invoke(app, ["check", *words], catch_exceptions=False)


def test_gates_that_hold_are_a_line_each_also_in_a_clone_without_data(here: Path) -> None:
    set_gates(here, min_student_score=0.8, max_points_below_teacher=6, min_times_pipeline=2)
    result = check()
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "holds min_student_score",
        "holds max_points_below_teacher",
        "holds min_times_pipeline",
    ]


def test_every_gate_that_does_not_hold_is_told(here: Path) -> None:
    set_gates(here, min_student_score=0.9, max_abstained_share=0.1, max_usd_per_million=0.001, min_times_pipeline=99)
    (here / "metrics/speed.json").unlink()
    result = check("--stale-ok")
    assert result.exit_code == 1
    assert [line.split(":")[0] for line in result.output.splitlines() if line.startswith(("holds", "FAILS"))] == [
        "FAILS min_student_score",
        "holds max_abstained_share",
        "FAILS max_usd_per_million",
        "FAILS min_times_pipeline",
    ]
    assert "FAILS min_times_pipeline: the figure is not known: metrics/speed.json is missing" in result.output


def test_figures_of_another_prompt_are_a_reason_too_unless_that_is_said_to_be_fine(here: Path) -> None:
    set_gates(here, min_student_score=0.8)
    (here / "prompts/reviews.md").write_text("Another: {text}", encoding="utf-8")
    result = check()
    assert result.exit_code == 1
    assert "FAILS stage evaluate is out of date (prompts/reviews.md: modified); run 'dvc repro'" in result.output
    assert "holds min_student_score" in result.output
    result = check("--stale-ok")
    assert result.exit_code == 0
    assert "noted stage evaluate is out of date" in result.output


def test_no_gate_is_no_pass(here: Path) -> None:
    with pytest.raises(InputError, match=r"nothing was checked: params.yaml has no section 'gates'.*gates.md has the"):
        check()
    set_gates(here)
    with pytest.raises(InputError, match=r"nothing was checked: .*no gate is set"):
        check()


def test_where_dvc_cannot_tell_nothing_passes(here: Path) -> None:
    set_gates(here, min_student_score=0.1)
    (here / "dvc.lock").write_text("nonsense: [", encoding="utf-8")
    with pytest.raises(InputError, match="'dvc status' fails, so nobody knows whether the files are up to date"):
        check()
