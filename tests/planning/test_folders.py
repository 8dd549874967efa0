"""A stage that depends on a folder in which outputs of others lie: an edit, the plan, then what `dvc repro` does."""

import shutil
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
import yaml
from toy_pipeline import (
    FROM_LABEL,
    RAN,
    STAGES,
    Edit,
    M,
    R,
    Toy,
    W,
    check_against_what_runs,
    clone,
    enter_copy,
    together,
)

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
def gathered(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy project with such a folder, reproduced."""
    folder = tmp_path_factory.mktemp("gathered") / "project"
    shutil.copytree(pristine, folder, symlinks=True)
    with chdir(folder):
        gather(Toy(folder))
    return folder


@pytest.fixture
def gathering(gathered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    """A copy of it, which is the working folder."""
    return enter_copy(gathered, tmp_path, monkeypatch)


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
