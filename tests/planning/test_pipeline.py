"""Experiments: an edit, the plan, then what `dvc repro` really does."""

import random
from collections.abc import Callable

import pytest
import yaml
from dvc.repo import Repo
from toy_pipeline import (
    DVC,
    FROM_LABEL,
    PARAMS,
    RAN,
    STAGES,
    Edit,
    M,
    R,
    Toy,
    W,
    check_against_what_runs,
    clone,
    states,
    together,
)

from distil.planning.pipeline import read_pipeline


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


@pytest.mark.parametrize("name", EDITS)
def test_what_will_run_runs_and_nothing_else_does(toy: Toy, name: str) -> None:
    edit, expected = EDITS[name]
    edit(toy)
    check_against_what_runs(toy, expected)


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
