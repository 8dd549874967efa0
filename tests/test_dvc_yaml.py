"""dvc.yaml against the code: what a stage reaches is what it lists, and it reads only the params it names."""

import ast
import importlib
import inspect
import re
import subprocess
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from conftest import ROOT
from import_closure import import_closure
from pydantic import BaseModel
from ruamel.yaml import YAML

from distil.core.errors import InputError
from distil.core.params import Kind, Params, load_params
from distil.core.runtime import RuntimeParams
from distil.cost.basis import load_basis
from distil.cost.params import CostParams
from distil.planning.sections import MODELS
from distil.prompting.params import ExamplesParams
from distil.texts.sources import SampleParams, load_source

DVC: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text())
STAGES: dict[str, dict[str, Any]] = DVC["stages"]
ORDER = [
    "fetch",
    "annotate",
    "compare",
    "aggregate",
    "split",
    "train",
    "export",
    "evaluate",
    "benchmark",
    "cost",
    "report",
]
OTHERS = {
    "compare": {"annotate", "aggregate", "split", "cost"},  # what candidates do not say, and what tells on them
    "export": {"cascade", "cost"},  # the target, and what the teacher takes where it is in dollars
}
UNTRACKED = {
    "annotate": {"cost", "cascade", "split"},  # a running total, the budget, what would fail when it is paid
    "split": {"annotate"},  # which examples were shown, for a warning
}
SECTIONS = ["task", *ORDER[: ORDER.index("evaluate")], "cascade", *ORDER[ORDER.index("evaluate") :], "runtime"]
PRESETS = sorted((ROOT / "presets").glob("*.yaml"))


def paths_of(stage: dict[str, Any], *kinds: str) -> list[str]:
    entries = [entry for kind in kinds for entry in stage.get(kind, [])]
    return [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries]


def params_read(script: Path) -> set[str]:
    """The first argument of each `load_params`; `load_source` reads the section fetch."""
    read = set()
    for node in ast.walk(ast.parse(script.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id == "load_params":
                assert isinstance(node.args[0], ast.Constant), f"{script}: load_params without a literal name"
                read.add(str(node.args[0].value))
            elif node.func.id == "load_source":
                read.add("fetch")
    return read


def test_the_stages_stand_in_run_order_and_say_what_they_are() -> None:
    assert list(STAGES) == ORDER
    assert all(stage["desc"] for stage in STAGES.values())


@pytest.mark.parametrize("name", ORDER)
def test_a_stage_lists_the_code_it_reaches_and_no_room_of_which_it_reaches_nothing(name: str) -> None:
    """Whatever the kind of task; of what differs from kind to kind a room is reached that one kind reaches."""
    listed = [path for path in paths_of(STAGES[name], "deps") if path.startswith(("distil/", "stages/"))]
    used: set[str] = set()
    for kind in get_args(Kind):
        reached = import_closure(ROOT / "stages" / f"{name}.py", ROOT, kind)
        named = {path: path.replace("${task.kind}", kind) for path in listed}
        covers = {
            path: {file for file in reached if file == place or file.startswith(f"{place}/")}
            for path, place in named.items()
        }
        used |= {path for path in listed if covers[path]}
        assert not reached.difference(*covers.values())
        assert sum(map(len, covers.values())) == len(reached), "a file is listed twice"
    assert used == set(listed)


@pytest.mark.parametrize("name", ORDER)
def test_a_stage_reads_only_its_own_section_task_runtime_and_what_it_is_known_to_need(name: str) -> None:
    read = params_read(ROOT / "stages" / f"{name}.py")
    assert name in read
    read -= UNTRACKED.get(name, set()) | {"runtime"}
    assert read == set(STAGES[name]["params"])
    assert read <= {name, "task"} | OTHERS.get(name, set())


@pytest.mark.parametrize("name", ORDER)
def test_a_stage_s_command_names_its_paths_and_no_parameters(name: str) -> None:
    """A dep may be a folder that stages before it fill, of which the command names files."""
    words = STAGES[name]["cmd"].split()
    assert words[:3] == ["python", "-m", f"stages.{name}"]
    main = importlib.import_module(f"stages.{name}").main
    assert words[3::2] == [f"--{option.replace('_', '-')}" for option in inspect.signature(main).parameters]
    stage = STAGES[name]
    outputs = paths_of(stage, "outs", "metrics", "plots")
    before = {path for one in ORDER[: ORDER.index(name)] for path in paths_of(STAGES[one], "outs", "metrics", "plots")}
    deps = {path for path in paths_of(stage, "deps") if not path.startswith(("distil/", "stages/", "${"))}
    in_folders = {path: folder for path in before for folder in deps if path.startswith(f"{folder}/")}
    inputs = set(words[4::2]) - set(outputs)
    assert len(words[4::2]) == len(inputs) + len(outputs)
    assert {in_folders.get(path, path) for path in inputs} == deps
    assert "${" not in stage["cmd"]


def test_dvc_does_not_ignore_a_path_of_a_stage() -> None:
    ignored = [line[1:] for line in (ROOT / ".dvcignore").read_text().splitlines() if line.startswith("/")]
    assert all((ROOT / path).exists() for path in ignored)
    paths = [path for stage in STAGES.values() for path in paths_of(stage, "deps", "outs", "metrics", "plots")]
    assert not [path for path in paths for place in ignored if f"{path}/".startswith(f"{place}/")]


def test_metrics_and_plots_are_committed_and_the_rest_is_ignored() -> None:
    ignored = {line.lstrip("/") for line in (ROOT / ".gitignore").read_text().splitlines()}
    for stage in STAGES.values():
        for entry in stage.get("metrics", []) + stage.get("plots", []):
            ((path, settings),) = entry.items()
            assert path.startswith("metrics/")
            assert settings["cache"] is False
        assert set(paths_of(stage, "outs")) <= ignored  # one that is not cached would turn the run cache off
        assert not {"always_changed", "frozen"} & set(stage)
        assert "persist" not in str(stage)


def test_each_curve_is_drawn_once_and_named_in_words() -> None:
    assert "plots" not in DVC, "DVC would draw a file a second time that is an output as well"
    plots = {
        path: settings
        for stage in STAGES.values()
        for entry in stage.get("plots", [])
        for path, settings in entry.items()
    }
    assert len({settings["title"] for settings in plots.values()}) == len(plots)
    for settings in plots.values():
        assert {"x", "y", "title"} <= set(settings)
        assert settings.get("template", "confusion") == "confusion" or (ROOT / settings["template"]).is_file()


def test_what_holds_times_is_an_output_of_its_stage() -> None:
    """So that `distil plan` knows of it."""
    measured = {name: stage["meta"]["measured"] for name, stage in STAGES.items() if "meta" in stage}
    assert {"train", "benchmark"} == set(measured)
    for name, paths in measured.items():
        assert set(paths) <= set(paths_of(STAGES[name], "outs", "metrics", "plots"))


def test_packages_are_empty_and_stages_do_not_import_one_another() -> None:
    assert not [path for path in (ROOT / "distil").rglob("__init__.py") if path.read_text()]
    assert all((path / "__init__.py").exists() for path in (ROOT / "distil").rglob("*") if any(path.glob("*.py")))
    for name in ORDER:
        reached = import_closure(ROOT / "stages" / f"{name}.py", ROOT)
        assert [path for path in reached if path.startswith("stages/")] == [f"stages/{name}.py"]


def models_of(name: str) -> list[type[BaseModel]]:
    module = importlib.import_module(f"stages.{name}")
    title = f"{name.capitalize()}Params"
    return [value for key, value in vars(module).items() if key == title]


def test_a_plan_checks_the_section_of_each_stage_by_the_model_that_the_stage_takes() -> None:
    assert {name: models_of(name)[0] for name in ORDER[1:]} == MODELS, "and fetch goes by the source"


def steered_by(name: str) -> type[BaseModel]:
    shared: dict[str, type[BaseModel]] = {"annotate.examples": ExamplesParams, "runtime": RuntimeParams}
    return shared.get(name) or models_of(name)[0]


KNOBS = [*ORDER[1:], "annotate.examples", "runtime"]  # sections of one model; that of fetch goes by the source


def knobs_in(params: Path, name: str) -> dict[str, Any]:
    """What a section of a params file says, or a part of one."""
    section: dict[str, Any] = yaml.safe_load(params.read_text())
    for key in name.split("."):
        section = section[key]
    return section


def test_every_knob_is_in_params_yaml_or_has_a_default_that_the_docs_tell() -> None:
    left_out = {
        f"{name}.{knob}": field
        for name in KNOBS
        for knob, field in steered_by(name).model_fields.items()
        if knob not in knobs_in(ROOT / "params.yaml", name)
    } | {f"fetch.{knob}": field for knob, field in SampleParams.model_fields.items()}
    assert not [knob for knob, field in left_out.items() if field.is_required()]
    told = re.findall(r"^\| `([\w.]+)` \| `(.*?)` \|", (ROOT / "docs/params.md").read_text(), re.MULTILINE)
    defaults = {knob: field.get_default(call_default_factory=True) for knob, field in left_out.items()}
    assert {knob: yaml.safe_load(value) for knob, value in told} == defaults


def test_params_yaml_stays_a_file_that_one_reads() -> None:
    assert len((ROOT / "params.yaml").read_text().splitlines()) <= 115


@pytest.mark.parametrize("preset", [path for path in PRESETS if path.stem != "reviews"], ids=lambda path: path.stem)
def test_a_preset_says_only_what_differs_from_the_defaults(preset: Path) -> None:
    same = [
        f"{name}.{knob}"
        for name in KNOBS
        for knob, value in knobs_in(preset, name).items()
        if value is not None and value == steered_by(name).model_fields[knob].get_default(call_default_factory=True)
    ]
    assert not same, "null stands where the user has to fill something in"


@pytest.mark.parametrize("preset", PRESETS, ids=lambda path: path.stem)
def test_a_preset_is_a_whole_and_valid_params_file(preset: Path) -> None:
    sections = yaml.safe_load(preset.read_text())
    assert list(sections) == SECTIONS
    load_params("runtime", RuntimeParams, preset)
    load_source(preset)
    for name in ORDER:
        for model in models_of(name):
            assert issubclass(model, Params)
            load_params(name, model, preset)
    assert load_basis(load_params("cost", CostParams, preset), ROOT / "prices").hardware
    assert (ROOT / sections["annotate"]["prompt"]).is_file()
    assert (ROOT / sections["annotate"]["examples"]["file"]).is_file()


@pytest.mark.parametrize("name", [name for name in ORDER if name != "fetch"])
def test_every_stage_has_a_model_that_refuses_an_unknown_key(name: str, tmp_path: Path) -> None:
    sections = yaml.safe_load((ROOT / "presets/reviews.yaml").read_text())
    sections[name]["no_such_key"] = 1
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(sections))
    (model,) = models_of(name)
    assert issubclass(model, Params)
    with pytest.raises(InputError, match=f"unknown key {name}.no_such_key"):
        load_params(name, model, path)


def test_git_tracks_nothing_of_the_folders_that_dvc_keeps() -> None:
    """An output under a name that no stage writes any more would be ignored by nobody."""
    if not (ROOT / ".git").exists():
        pytest.skip("no repository")
    listed = subprocess.run(
        ["git", "ls-files", "data", "models", "reports"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert listed.stdout.split() == []


@pytest.mark.parametrize(
    "path", sorted([*ROOT.glob("*.yaml"), *ROOT.glob("presets/**/*.yaml")]), ids=lambda path: path.name
)
def test_dvc_reads_the_files_alike_with_and_without_its_fast_reader(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    fast, slow = YAML(typ="safe"), YAML(typ="safe", pure=True)
    assert fast.Parser is not slow.Parser, "ruamel.yaml.clib is not installed"
    assert fast.load(text) == slow.load(text)
