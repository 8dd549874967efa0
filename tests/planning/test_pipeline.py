"""Experiments: an edit, the plan, then what `dvc repro` really does."""

import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.repo import Repo

from distil.planning.pipeline import Step, read_pipeline

RAN = "ran.log"
STAGES = ["clean", "label", "learn", "time", "tell", "draw"]
DVC: dict[str, Any] = {
    "stages": {
        "clean": {
            "cmd": f"echo clean >> {RAN}; sort -u texts.txt > clean.txt",
            "deps": ["texts.txt", "code/clean.sh"],
            "outs": ["clean.txt"],
        },
        "label": {
            "cmd": f"echo label >> {RAN}; grep -c . clean.txt > labels.txt; echo '\"count\"' > labels.json",
            "deps": ["clean.txt", "${label.prompt}", "code"],
            "params": ["label"],
            "outs": ["labels.txt"],
            "metrics": [{"labels.json": {"cache": False}}],
        },
        "learn": {
            "cmd": f"echo learn >> {RAN}; mkdir -p model; "
            "(cat labels.txt; grep rate params.yaml) > model/weights; echo '\"loss\"' > learn.json",
            "deps": ["labels.txt"],
            "params": ["learn"],
            "outs": ["model"],
            "metrics": [{"learn.json": {"cache": False}}],
        },
        "time": {
            "cmd": f"echo time >> {RAN}; date +%s%N > speed.txt",
            "deps": ["model/weights"],
            "params": ["time"],
            "outs": ["speed.txt"],
            "meta": {"measured": ["speed.txt"]},
        },
        "tell": {
            "cmd": f"echo tell >> {RAN}; cat speed.txt labels.txt > story.txt; echo '\"told\"' > tell.json",
            "deps": ["speed.txt", "labels.txt"],
            "params": ["tell"],
            "outs": ["story.txt"],
            "metrics": [{"tell.json": {"cache": False}}],
        },
        "draw": {
            "cmd": f"echo draw >> {RAN}; sed s/^/-/ clean.txt > picture.txt",
            "deps": ["clean.txt"],
            "params": ["draw"],
            "outs": ["picture.txt"],
        },
    }
}
PARAMS: dict[str, Any] = {
    "label": {"prompt": "a.md", "votes": 1},
    "learn": {"rate": 1},
    "time": {"rounds": 1},
    "tell": {"rows": 1},
    "draw": {"width": 1},
}


class Toy:
    """A small project under git and DVC."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.params = yaml.safe_load(yaml.safe_dump(PARAMS))

    def start(self) -> None:
        (self.folder / "code").mkdir()
        for name, text in {"texts.txt": "b\na\n", "a.md": "A\n", "b.md": "B\n", "code/clean.sh": "1\n"}.items():
            (self.folder / name).write_text(text)
        (self.folder / "code/label.sh").write_text("1\n")
        self.write_dvc(DVC)
        self.edit()
        (self.folder / ".gitignore").write_text(f"{RAN}\n")
        self.git("init", "-q", "-b", "main")
        Repo.init(str(self.folder)).close()
        self.repro()
        self.git("add", "-A")
        self.git("commit", "-qm", "toy")

    def write_dvc(self, pipeline: dict[str, Any]) -> None:
        (self.folder / "dvc.yaml").write_text(yaml.safe_dump(pipeline, sort_keys=False, width=1000))

    def change_stage(self, name: str, **keys: Any) -> None:
        pipeline = yaml.safe_load((self.folder / "dvc.yaml").read_text())
        pipeline["stages"][name] |= keys
        self.write_dvc(pipeline)

    def edit(self, section: str | None = None, **changes: Any) -> None:
        if section:
            self.params[section] |= changes
        (self.folder / "params.yaml").write_text(yaml.safe_dump(self.params))

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def remove(self, *names: str) -> None:
        for name in names:
            path = self.folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def forget_cache(self) -> None:
        shutil.rmtree(self.folder / ".dvc/cache")

    def forget_runs(self) -> None:
        shutil.rmtree(self.folder / ".dvc/cache/runs", ignore_errors=True)

    def repro(self) -> list[str]:
        log = self.folder / RAN
        before = len(log.read_text().splitlines()) if log.exists() else 0
        with Repo(str(self.folder)) as repo:
            repo.reproduce()
        return log.read_text().splitlines()[before:] if log.exists() else []

    def git(self, *arguments: str) -> None:
        name = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        subprocess.run(["git", *name, *arguments], cwd=self.folder, check=True, capture_output=True)


FIGURES = ("labels.json", "learn.json", "tell.json")
GATHER: dict[str, Any] = {
    "gather": {"cmd": f"echo gather >> {RAN}; ls figures > gathered", "deps": ["figures"], "outs": ["gathered"]}
}


LEARN = (  # a figure that comes out as the rate is
    f"echo learn >> {RAN}; mkdir -p model; (cat labels.txt; grep rate params.yaml) > model/weights; "
    "sed -n 's/ *rate: //p' params.yaml > figures/learn.json"
)


def gather(toy: Toy) -> None:
    """Have the figures in a folder, beside a file that no stage writes, and a stage that depends on the folder."""
    text = (toy.folder / "dvc.yaml").read_text()
    for name in FIGURES:
        text = text.replace(name, f"figures/{name}")
        toy.remove(name)
    (toy.folder / "figures").mkdir()
    toy.write("figures/README", "Of labels.\n")
    toy.write_dvc({"stages": yaml.safe_load(text)["stages"] | GATHER})
    toy.change_stage("learn", cmd=LEARN)
    toy.repro()
    toy.git("add", "-A")
    toy.git("commit", "-qm", "gathered")


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The toy project, reproduced once; copied for each experiment."""
    folder = tmp_path_factory.mktemp("toy") / "project"
    folder.mkdir()
    before = Path.cwd()
    os.chdir(folder)
    Toy(folder).start()
    os.chdir(before)
    yield folder


@pytest.fixture
def toy(pristine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    """A copy of it to do as one likes with, which is the working folder."""
    shutil.copytree(pristine, tmp_path / "project", symlinks=True)
    monkeypatch.chdir(tmp_path / "project")
    return Toy(tmp_path / "project")


@pytest.fixture(scope="module")
def gathered(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy project with such a folder, reproduced."""
    folder = tmp_path_factory.mktemp("gathered") / "project"
    shutil.copytree(pristine, folder, symlinks=True)
    before = Path.cwd()
    os.chdir(folder)
    gather(Toy(folder))
    os.chdir(before)
    return folder


@pytest.fixture
def gathering(gathered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    """A copy of it, which is the working folder."""
    shutil.copytree(gathered, tmp_path / "project", symlinks=True)
    monkeypatch.chdir(tmp_path / "project")
    return Toy(tmp_path / "project")


def states(steps: list[Step]) -> dict[str, str]:
    return {step.name: step.state for step in steps if step.state != "unchanged"}


def clone(toy: Toy, *, keep_cache: bool = False) -> None:
    """Go on in a fresh clone, without the files that git ignores."""
    toy.git("clean", "-fdxq", *(["-e", ".dvc/cache"] if keep_cache else []))


def go_back(toy: Toy) -> None:
    toy.edit("label", votes=2)
    toy.repro()
    toy.edit("label", votes=1)


def go_back_by_git(toy: Toy) -> None:
    toy.write("texts.txt", "b\na\nc\n")
    toy.repro()
    toy.git("checkout", "-q", ".")


def go_back_to_code_of_then(toy: Toy) -> None:
    """What an earlier run made comes out again, of other code."""
    toy.write("texts.txt", "b\na\nc\n")
    toy.repro()
    toy.write("texts.txt", "b\na\n\n")  # sorted anew, and then the same count of lines


def merge(toy: Toy) -> None:
    """Two branches of which each ran, merged line by line."""
    toy.git("switch", "-qc", "other")
    toy.edit("learn", rate=2)
    toy.repro()
    toy.git("commit", "-qam", "other")
    toy.git("switch", "-q", "main")
    toy.params = yaml.safe_load(yaml.safe_dump(PARAMS))
    toy.edit("draw", width=2)
    toy.repro()
    toy.git("commit", "-qam", "mine")
    toy.git("merge", "-q", "-X", "ours", "other", "-m", "both")
    with Repo(str(toy.folder)) as repo:
        repo.checkout(force=True)


def edit_and_forget(toy: Toy) -> None:
    toy.edit("learn", rate=3)
    toy.forget_cache()


def pull_and_delete(toy: Toy) -> None:
    """As after `dvc pull` in a clone: the cache has data, but none of the committed metrics."""
    toy.forget_runs()
    kept = {"labels.txt", "clean.txt", "model", "speed.txt", "story.txt", "picture.txt"}
    lock = yaml.safe_load((toy.folder / "dvc.lock").read_text())
    for stage in lock["stages"].values():
        for out in stage["outs"]:
            if out["path"] not in kept:
                (toy.folder / ".dvc/cache/files/md5" / out["md5"][:2] / out["md5"][2:]).unlink(missing_ok=True)
    toy.remove("labels.txt")


def edit_in_the_clone(toy: Toy) -> None:
    clone(toy, keep_cache=True)
    toy.edit("learn", rate=2)


def delete_after_an_edit(toy: Toy) -> None:
    toy.forget_runs()
    toy.write("texts.txt", "a\nb\na\n")
    toy.remove("labels.txt")


def freeze(toy: Toy) -> None:
    toy.change_stage("label", frozen=True)
    toy.write("texts.txt", "b\na\nc\n")


def rename_and_back(toy: Toy) -> None:
    toy.write("texts.txt", "c\n")
    toy.repro()
    toy.git("checkout", "-q", "texts.txt")


Edit = Callable[[Toy], None]


def together(*edits: Edit) -> Edit:
    """One edit after the other."""

    def edit(toy: Toy) -> None:
        for each in edits:
            each(toy)

    return edit


W, M, R = "will run", "may run", "restored"
FROM_LABEL = {"learn": M, "time": M, "tell": M}


def merge_with_one_lock(toy: Toy) -> None:
    """The same where the lock of one branch was taken."""
    merge(toy)
    toy.git("checkout", "-q", "HEAD^1", "--", "dvc.lock", "learn.json")
    with Repo(str(toy.folder)) as repo:
        repo.checkout(force=True)


EDITS: dict[str, tuple[Edit, dict[str, str]]] = {
    "nothing": (lambda _: None, {}),
    "data, which may come out the same": (
        lambda toy: toy.write("texts.txt", "a\nb\na\n"),
        {"clean": W, "label": M, **FROM_LABEL, "draw": M},
    ),
    "data, which come out otherwise": (
        lambda toy: toy.write("texts.txt", "c\n"),
        {"clean": W, "label": M, **FROM_LABEL, "draw": M},
    ),
    "data of which the second stage stops it": (
        lambda toy: toy.write("texts.txt", "x\ny\n"),
        {"clean": W, "label": M, **FROM_LABEL, "draw": M},
    ),
    "prompt": (lambda toy: toy.write("a.md", "AA\n"), {"label": W, **FROM_LABEL}),
    "name of the prompt": (lambda toy: toy.edit("label", prompt="b.md"), {"label": W, **FROM_LABEL}),
    "param": (lambda toy: toy.edit("label", votes=2), {"label": W, **FROM_LABEL}),
    "param of a measuring stage": (lambda toy: toy.edit("time", rounds=2), {"time": W, "tell": W}),
    "param of a leaf": (lambda toy: toy.edit("draw", width=2), {"draw": W}),
    "params of two stages": (
        together(lambda toy: toy.edit("draw", width=2), lambda toy: toy.edit("tell", rows=2)),
        {"tell": W, "draw": W},
    ),
    "params of a stage and one after it": (
        together(lambda toy: toy.edit("label", votes=2), lambda toy: toy.edit("tell", rows=2)),
        {"label": W, "learn": M, "time": M, "tell": W},
    ),
    "new key of a section": (lambda toy: toy.edit("learn", seed=1), {"learn": W, "time": M, "tell": M}),
    "a key without a value": (lambda toy: toy.edit("learn", seed=None), {"learn": W, "time": M, "tell": M}),
    "a section that nobody reads": (together(lambda toy: toy.params.update(other=1), lambda toy: toy.edit()), {}),
    "code of one stage, in a folder of another's": (
        lambda toy: toy.write("code/clean.sh", "2\n"),
        {"clean": W, "label": W, **FROM_LABEL, "draw": M},
    ),
    "new file of code": (lambda toy: toy.write("code/more.sh", "2\n"), {"label": W, **FROM_LABEL}),
    "command": (
        lambda toy: toy.change_stage("learn", cmd=DVC["stages"]["learn"]["cmd"] + "; true"),
        {"learn": W, "time": M, "tell": M},
    ),
    "a new dep": (
        lambda toy: toy.change_stage("draw", deps=["clean.txt", "a.md"]),
        {"draw": W},
    ),
    "a dep less": (lambda toy: toy.change_stage("tell", deps=["speed.txt"]), {}),
    "a description": (lambda toy: toy.change_stage("tell", desc="Tell"), {}),
    "a new stage": (
        lambda toy: toy.write_dvc(
            {
                "stages": DVC["stages"]
                | {"send": {"cmd": f"echo send >> {RAN}; cp story.txt sent", "deps": ["story.txt"], "outs": ["sent"]}}
            }
        ),
        {"send": W},
    ),
    "outputs deleted": (lambda toy: toy.remove("labels.txt", "model"), {"label": R, "learn": R}),
    "committed output deleted": (lambda toy: toy.remove("tell.json"), {"tell": R}),
    "output deleted, not in cache": (
        together(lambda toy: toy.forget_cache(), lambda toy: toy.remove("picture.txt")),
        {"clean": W, "label": W, "learn": W, "time": W, "tell": W, "draw": W},
    ),
    "output changed by hand": (lambda toy: toy.write("picture.txt", "mine\n"), {"draw": R}),
    "metric changed by hand": (lambda toy: toy.write("learn.json", "7\n"), {"learn": R}),
    "run cache lost": (lambda toy: toy.forget_runs(), {}),
    "run cache lost, and an edit": (
        together(lambda toy: toy.forget_runs(), lambda toy: toy.edit("learn", rate=2)),
        {"learn": W, "time": M, "tell": M},
    ),
    "run cache lost, an output too, and the stage before it edited": (
        delete_after_an_edit,
        {"clean": W, "label": M, "learn": M, "time": M, "tell": M, "draw": M},
    ),
    "edit undone": (go_back, {"label": R}),
    "edit undone by git": (go_back_by_git, {"clean": R, "label": R, "learn": R, "time": R, "tell": R, "draw": R}),
    "data as they were, by another run": (
        rename_and_back,
        {"clean": R, "label": R, "learn": R, "time": R, "tell": R, "draw": R},
    ),
    "data that come out as in an earlier run": (
        go_back_to_code_of_then,
        {"clean": W, "label": M, **FROM_LABEL, "draw": M},
    ),
    "no lock": (
        lambda toy: toy.remove("dvc.lock"),
        dict.fromkeys(STAGES, R),
    ),
    "no lock, no runs": (
        together(lambda toy: toy.remove("dvc.lock"), lambda toy: toy.forget_runs()),
        dict.fromkeys(STAGES, W),
    ),
    "no lock, no run of one": (
        together(lambda toy: toy.remove("dvc.lock"), lambda toy: toy.edit("learn", rate=2)),
        {"clean": R, "label": R, "learn": W, "time": M, "tell": M, "draw": R},
    ),
    "fresh clone": (clone, dict.fromkeys(STAGES, W)),
    "fresh clone with the cache": (lambda toy: clone(toy, keep_cache=True), dict.fromkeys(STAGES, R)),
    "fresh clone with the cache, and an edit": (
        edit_in_the_clone,
        {"clean": R, "label": R, "learn": W, "time": M, "tell": M, "draw": R},
    ),
    "pulled data, one deleted": (pull_and_delete, {"label": W, **FROM_LABEL}),
    "edit, and the cache lost": (edit_and_forget, dict.fromkeys(STAGES, W)),
    "merge": (merge, {}),
    "merge with one lock": (merge_with_one_lock, {"learn": R, "time": R, "tell": R}),
    "frozen stage": (freeze, {"clean": W, "label": "frozen", "draw": M}),
    "always run": (lambda toy: toy.change_stage("draw", always_changed=True), {"draw": W}),
}


def check_against_what_runs(toy: Toy, expected: dict[str, str]) -> None:
    planned = states(read_pipeline())
    ran = set(toy.repro())
    assert planned == expected
    assert {stage for stage, state in planned.items() if state == "will run"} <= ran
    assert ran <= {stage for stage, state in planned.items() if state in ("will run", "may run")}
    assert states(read_pipeline()) in ({}, {"draw": "will run"}, {"label": "frozen"})


@pytest.mark.parametrize("name", EDITS)
def test_what_will_run_runs_and_nothing_else_does(toy: Toy, name: str) -> None:
    edit, expected = EDITS[name]
    edit(toy)
    check_against_what_runs(toy, expected)


def run_of_another_file(toy: Toy) -> None:
    """The stage has run of the folder with another file, and then without it again, by git."""
    toy.write("figures/more", "")
    toy.repro()
    toy.git("clean", "-fdq", "figures")


def learn_as_before(toy: Toy) -> None:
    """The figure of an earlier run is to be taken from the cache, and does not lie there yet."""
    toy.edit("learn", rate=2)
    toy.repro()
    toy.edit("learn", rate=1)


GATHERED: dict[str, tuple[Edit, dict[str, str]]] = {
    "nothing": (lambda _: None, {}),
    "one figure may come out otherwise": (
        lambda toy: toy.edit("learn", rate=2),
        {"learn": W, "time": M, "tell": M, "gather": M},
    ),
    "all may": (lambda toy: toy.edit("label", votes=2), {"label": W, **FROM_LABEL, "gather": M}),
    "a file beside the figures": (lambda toy: toy.write("figures/more", "1\n"), {"gather": W}),
    "a file beside the figures, and one of them": (
        together(lambda toy: toy.write("figures/more", "1\n"), lambda toy: toy.write("figures/learn.json", "7\n")),
        {"learn": R, "gather": W},
    ),
    "a file that was there at an earlier run": (run_of_another_file, {"gather": R}),
    "a figure changed by hand": (lambda toy: toy.write("figures/learn.json", "7\n"), {"learn": R}),
    "figures deleted": (lambda toy: toy.remove("figures/labels.json", "figures/tell.json"), {"label": R, "tell": R}),
    "a figure as it was at an earlier run": (learn_as_before, {"learn": R, "time": R, "tell": R, "gather": R}),
    "the same, and a file beside it": (
        together(learn_as_before, lambda toy: toy.write("figures/more", "1\n")),
        {"learn": R, "time": R, "tell": R, "gather": W},
    ),
    "the folder deleted": (lambda toy: toy.remove("figures"), {"label": R, "learn": R, "tell": R, "gather": W}),
    "what was gathered deleted": (lambda toy: toy.remove("gathered"), {"gather": R}),
    "no lock": (lambda toy: toy.remove("dvc.lock"), dict.fromkeys([*STAGES, "gather"], R)),
    "fresh clone": (clone, dict.fromkeys([*STAGES, "gather"], W)),
    "fresh clone with the cache": (
        lambda toy: clone(toy, keep_cache=True),
        {"clean": R, "label": R, "learn": R, "time": R, "tell": R, "draw": R, "gather": R},
    ),
}


@pytest.mark.parametrize("name", GATHERED)
def test_a_folder_in_which_outputs_lie_is_known_when_these_are(gathering: Toy, name: str) -> None:
    edit, expected = GATHERED[name]
    edit(gathering)
    check_against_what_runs(gathering, expected)


def remove_one(toy: Toy, rng: random.Random) -> None:
    there = [name for name in OUTPUTS if (toy.folder / name).exists()]
    toy.remove(*rng.sample(there, 1))


def lose_one(toy: Toy, rng: random.Random) -> None:
    """An object of the cache."""
    objects = [path for path in sorted((toy.folder / ".dvc/cache/files").rglob("*")) if path.is_file()]
    rng.choice(objects).unlink()


OUTPUTS = ["clean.txt", "labels.txt", "labels.json", "model", "learn.json", "speed.txt", "story.txt", "tell.json"]
RANDOM_EDITS: list[Callable[[Toy, random.Random], None]] = [
    lambda toy, rng: toy.write("texts.txt", rng.choice(["b\na\n", "a\nb\na\n", "c\n", "x\ny\n", "a\nb\nc\n"])),
    lambda toy, rng: toy.write(rng.choice(["a.md", "b.md"]), rng.choice(["A\n", "AA\n", "B\n"])),
    lambda toy, rng: toy.write(rng.choice(["code/clean.sh", "code/label.sh"]), rng.choice(["1\n", "2\n"])),
    lambda toy, rng: toy.write(rng.choice(["labels.json", "picture.txt", "story.txt"]), "spoilt\n"),
    lambda toy, rng: toy.edit("label", prompt=rng.choice(["a.md", "b.md"]), votes=rng.choice([1, 2])),
    lambda toy, rng: toy.edit("learn", rate=rng.choice([1, 2])),
    lambda toy, rng: toy.edit("time", rounds=rng.choice([1, 2])),
    lambda toy, rng: toy.edit("tell", rows=rng.choice([1, 2])),
    remove_one,
    remove_one,
    lose_one,
    lambda toy, rng: toy.forget_runs() if rng.random() < 0.3 else None,
    lambda toy, rng: toy.remove("dvc.lock") if rng.random() < 0.3 and (toy.folder / "dvc.lock").exists() else None,
]


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
def test_whatever_was_done_before_what_will_run_runs_and_nothing_else_does(toy: Toy, seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(100):
        for edit in rng.choices(RANDOM_EDITS, k=rng.choice([1, 1, 2, 3])):
            edit(toy, rng)
        planned = states(read_pipeline())
        ran = set(toy.repro())
        assert {stage for stage, state in planned.items() if state == "will run"} <= ran
        assert ran <= {stage for stage, state in planned.items() if state in ("will run", "may run")}
        assert states(read_pipeline()) == {}
