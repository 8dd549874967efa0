"""The whole study through DVC itself, on toy rows with a toy teacher: what runs, and what does not run again."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT
from dvc.repo import Repo
from loopback_teacher import LoopbackTeacher, serve_teacher
from stage_server import serve_stages
from tiny_model import make_tiny_model
from toy_study import BAD, GOOD, PROMPT, STAGES, behave, copy_toy, toy_params, write_corpus

from distil.cli.plan import look_ahead
from distil.core.metrics import read_details
from distil.cost.machines import UNPRICED

pytestmark = pytest.mark.slow
KEY = "sk-planted-here"


class Toy:
    """A project in a temporary git repository."""

    def __init__(self, folder: Path, log: Path, teacher: LoopbackTeacher) -> None:
        self.folder = folder
        self.log = log
        self.teacher = teacher

    def repro(self) -> list[str]:
        """Reproduce, and return the stages whose command really ran."""
        before = len(self.log.read_text().splitlines())
        with Repo(str(self.folder)) as repo:
            repo.reproduce()
        return [line.removeprefix("stages.") for line in self.log.read_text().splitlines()[before:]]

    def edited(self) -> set[str]:
        """The stages of which an input is not as it was when they last ran."""
        with Repo(str(self.folder)) as repo:
            return set(repo.status())

    @contextmanager
    def as_planned(self) -> Iterator[None]:
        """Plan, and compare with what then runs and with what the teacher is then asked."""
        prospect, _ = look_ahead(None, check=False)
        states = {step.name: step.state for step, _ in prospect.steps}
        will, may = ([stage for stage, state in states.items() if state == runs] for runs in ("will run", "may run"))
        bounds = [asking.bounds for asking in prospect.asking]
        ran_before, asked_before = len(self.log.read_text().splitlines()), len(self.teacher.bodies)
        yield
        ran = [line.removeprefix("stages.") for line in self.log.read_text().splitlines()[ran_before:]]
        assert set(will) <= set(ran) <= {*will, *may}, states
        if None not in bounds:
            asked = len(self.teacher.bodies) - asked_before
            assert sum(least for least, _ in filter(None, bounds)) <= asked
            assert asked <= sum(most for _, most in filter(None, bounds))
        assert not [finding for finding in prospect.findings if finding.level == "error"]

    def edit(self, section: str, **changes: Any) -> None:
        path = self.folder / "params.yaml"
        params = yaml.safe_load(path.read_text())
        params[section] |= changes
        path.write_text(yaml.safe_dump(params))

    def write_prompt(self, template: str) -> None:
        (self.folder / PROMPT).write_text(template)

    def comment(self, module: str) -> None:
        with (self.folder / module).open("a") as file:
            file.write("# a comment\n")

    def git(self, *arguments: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments], cwd=self.folder, check=True
        )


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toy]:
    """The toy project, reproduced once."""
    place = tmp_path_factory.mktemp("toy")
    folder = place / "project"
    copy_toy(folder, rows=120)
    base = make_tiny_model(place / "base", texts=[*GOOD, *BAD, "item is"], layers=1)
    with (
        pytest.MonkeyPatch.context() as patch,
        serve_teacher(behave) as teacher,
        serve_stages(place / "server") as log,
    ):
        patch.setenv("DISTIL_STORE", str(place / "answers.sqlite"))
        patch.setenv("TOY_KEY", KEY)
        patch.setenv("PATH", str(log.parent / "bin"), prepend=":")
        (folder / "params.yaml").write_text(yaml.safe_dump(toy_params(base, teacher.url)))
        patch.chdir(folder)  # where DVC looks for dvc.yaml
        project = Toy(folder, log, teacher)
        project.git("init", "-q")
        Repo.init(str(folder)).close()
        assert project.repro() == STAGES
        project.git("add", "-A")
        project.git("commit", "-qm", "the toy study")
        yield project


def test_the_teacher_s_key_is_sent_and_is_in_no_file_of_project_cache_or_store(toy: Toy) -> None:
    assert toy.teacher.headers[0]["Authorization"] == f"Bearer {KEY}"
    files = [path for path in toy.folder.parent.rglob("*") if path.is_file()]
    assert {"dvc.lock", "answers.sqlite", "annotations.parquet", "annotate.json"} <= {path.name for path in files}
    assert any(".dvc/cache/files" in path.as_posix() for path in files)
    assert not [path for path in files if KEY.encode() in path.read_bytes()]


def after(*stages: str) -> list[str]:
    return [stage for stage in STAGES if stage in stages]


FROM_TRAIN = STAGES[STAGES.index("train") :]
Edit = Callable[[Toy], None]

RUNS: dict[str, tuple[Edit, list[str]]] = {  # what runs, to the end of what follows from an edit
    "nothing": (lambda _toy: None, []),
    "runtime": (lambda toy: toy.edit("runtime", max_in_flight=2, timeout_s=60, threads=2), []),
    "prompt": (
        lambda toy: toy.write_prompt("Again, {labels}?\nText: {text}\n"),
        [
            "annotate",
            "compare",
            "aggregate",
            "split",
            "export",
            "evaluate",
            "cost",
            "report",
        ],  # labels come out the same
    ),
    "annotate": (
        lambda toy: toy.edit("annotate", votes=2),
        ["annotate", "compare", "aggregate", "split", "export", "evaluate", "cost", "report"],
    ),
    "split": (lambda toy: toy.edit("split", salt="another"), ["compare", "split", *FROM_TRAIN]),
    "a comment in onnx_files": (lambda toy: toy.comment("distil/export/onnx_files.py"), ["export"]),
}
CHANGES: dict[str, tuple[Edit, set[str]]] = {  # whose input is changed; what follows from that is the DAG's
    "limit": (lambda toy: toy.edit("fetch", limit=100), {"fetch"}),
    "aggregate": (lambda toy: toy.edit("aggregate", min_agreement=0.5), {"compare", "aggregate"}),
    "compare": (lambda toy: toy.edit("compare", candidates=[{"name": "twice", "votes": 2}]), {"compare"}),
    "train": (lambda toy: toy.edit("train", learning_rate=2e-4), {"train"}),
    "export": (lambda toy: toy.edit("export", int8_target="vnni"), {"export"}),
    "evaluate": (lambda toy: toy.edit("evaluate", seed=1), {"evaluate"}),
    "benchmark": (lambda toy: toy.edit("benchmark", seconds=0.03), {"benchmark"}),
    "cost": (lambda toy: toy.edit("cost", utilisation=0.5), {"compare", "export", "cost"}),
    "prices": (lambda toy: toy.comment("prices/electricity.yaml"), {"compare", "cost"}),
    "report": (lambda toy: toy.edit("report", examples=3), {"report"}),
    "a comment in splits": (
        lambda toy: toy.comment("distil/labels/splits.py"),
        {"annotate", "compare", "aggregate", "split"},
    ),
    "a comment in votes": (
        lambda toy: toy.comment("distil/kinds/classification/labelling/votes.py"),
        {"fetch", "annotate", "compare", "aggregate", "split", "report"},  # the last by the rooms of the kind
    ),
    "a comment in votes of another kind": (
        lambda toy: toy.comment("distil/kinds/multi_label/labelling/votes.py"),
        set(),
    ),
    "a comment in requests": (
        lambda toy: toy.comment("distil/prompting/requests.py"),
        {"annotate", "compare", "split"},
    ),
}
ROOMS = sorted(path.name for path in (ROOT / "distil").iterdir() if (path / "__init__.py").exists())


@pytest.mark.parametrize("name", RUNS)
def test_an_edit_runs_exactly_what_depends_on_it_and_undone_nothing(toy: Toy, name: str) -> None:
    edit, expected = RUNS[name]
    edit(toy)
    with toy.as_planned():
        assert toy.repro() == expected
    toy.git("checkout", "-q", ".")
    with toy.as_planned():
        assert toy.repro() == []


@pytest.mark.parametrize("name", CHANGES)
def test_an_edit_changes_an_input_of_exactly_the_stages_that_read_it(toy: Toy, name: str) -> None:
    edit, expected = CHANGES[name]
    edit(toy)
    assert toy.edited() == expected
    toy.git("checkout", "-q", ".")


@pytest.mark.parametrize("room", ROOMS)
def test_an_edit_in_a_room_is_one_to_the_stages_that_list_it_and_to_no_other(toy: Toy, room: str) -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    for module in sorted((ROOT / "distil" / room).rglob("*.py")):
        name = module.relative_to(ROOT).as_posix()
        if module.name == "__init__.py" or name in str(stages):  # one that stands for its room, or is listed by itself
            toy.comment(name)
            listed = {
                stage
                for stage in stages
                for dep in stages[stage]["deps"]
                if f"{name}/".startswith(f"{dep.replace('${task.kind}', 'classification')}/")
            }
            assert toy.edited() == listed
            toy.git("checkout", "-q", ".")


def test_a_row_added_to_the_source_asks_for_that_row_alone(toy: Toy) -> None:
    asked = len(toy.teacher.bodies)
    write_corpus(toy.folder, 121)
    with toy.as_planned():
        ran = toy.repro()
    assert ran[:5] == ["fetch", "annotate", "compare", "aggregate", "split"]
    assert len(toy.teacher.bodies) == asked + 1
    toy.git("checkout", "-q", ".")
    assert toy.repro() == []


def test_a_correction_by_a_person_trains_again_and_leaves_the_teacher_s_score_alone(toy: Toy) -> None:
    import pandas as pd

    row = pd.read_parquet(toy.folder / "data/train.parquet").iloc[0]
    other = {"positive": "negative", "negative": "positive"}[row["label"]]
    digest = hashlib.sha256(row["text"].encode()).hexdigest()
    with (toy.folder / "review/corrections.csv").open("a") as file:
        file.write(f"{row['id']},{digest},{other},ann,2026-01-01,\n")
    teacher = (toy.folder / "metrics/teacher.json").read_bytes()
    with toy.as_planned():
        ran = toy.repro()
    assert ran[:3] == ["aggregate", "split", "train"]
    assert (toy.folder / "metrics/teacher.json").read_bytes() == teacher
    assert read_details(toy.folder / "metrics/aggregate.json")["corrected"] == 1
    toy.git("checkout", "-q", ".")
    assert toy.repro() == []


def test_branches_are_compared_without_cache(toy: Toy, tmp_path: Path) -> None:
    toy.git("checkout", "-qb", "other-prompt")
    toy.write_prompt("Yet another, {labels}?\nText: {text}\n")
    toy.edit("annotate", votes=3)
    toy.repro()
    toy.git("commit", "-qam", "another prompt, three votes")
    toy.git("checkout", "-q", "-")
    toy.repro()
    subprocess.run(["git", "clone", "-q", str(toy.folder), str(tmp_path / "clone")], check=True)
    subprocess.run(["git", "checkout", "-q", "other-prompt"], cwd=tmp_path / "clone", check=True)
    with Repo(str(tmp_path / "clone")) as repo:
        difference = repo.metrics.diff(a_rev="origin/HEAD", b_rev="workspace")["diff"]
    requests = difference[str(Path("metrics/annotate.json"))]["requests"]
    assert (requests["old"], requests["new"]) == (120, 360)


def test_a_clone_that_pulls_runs_nothing(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = {"core": {"remote": "team"}, "remote": {"team": {"url": str(tmp_path / "remote")}}}
    with Repo(str(toy.folder), config=shared) as repo:
        repo.push()
    toy.git("clone", "-q", str(toy.folder), str(tmp_path / "clone"))
    monkeypatch.chdir(tmp_path / "clone")
    with Repo(config=shared) as repo:
        repo.pull()
    assert Toy(tmp_path / "clone", toy.log, toy.teacher).repro() == []
    for name in ("reports/index.html", "data/timings.parquet", "models/onnx/onnx/model.onnx"):
        assert (tmp_path / "clone" / name).read_bytes() == (toy.folder / name).read_bytes()


def test_what_the_study_leaves_is_what_dvc_shows(toy: Toy) -> None:
    def dvc(*arguments: str) -> str:
        command = [sys.executable, "-m", "dvc", *arguments]
        return subprocess.run(command, cwd=toy.folder, capture_output=True, text=True, check=True).stdout

    pages = (ROOT / "docs" / "experiments.md").read_text()
    for path in sorted((toy.folder / "metrics").glob("*.json")):
        table = dvc("metrics", "show", f"metrics/{path.name}").splitlines()
        assert max(map(len, table)) <= 120
        assert f"`metrics/{path.name}`" in pages
        assert table[0].split()[1:], "a file without a figure"
        for name in table[0].split()[1:]:
            assert f"`{name}`" in pages or f"`.{name.rpartition('.')[2]}`" in pages
    dvc("plots", "show")
    page = (toy.folder / "dvc_plots" / "index.html").read_text()
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].values()
    plots = {path: settings for stage in stages for entry in stage.get("plots", []) for path, settings in entry.items()}
    assert len(plots) == page.count("vegaEmbed(") == 11
    drawn = {path for path, settings in plots.items() if settings["title"] in page}
    assert drawn == set(plots)
    assert UNPRICED.format("student_int8") in page, "the toy teacher has no price"
    assert "benchmark" in dvc("dag")
    assert (toy.folder / "reports/index.html").stat().st_size > 10_000
    shutil.rmtree(toy.folder / "dvc_plots")
    tracked = subprocess.run(["git", "status", "--porcelain"], cwd=toy.folder, capture_output=True, text=True)
    assert tracked.stdout == ""
