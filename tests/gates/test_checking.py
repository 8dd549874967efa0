"""Each gate on metric files of a run: where it holds, where it does not, and where its figure is not there."""

import json
from pathlib import Path
from typing import Any

import pytest
from toy_results import write_toy_results

from distil.core.errors import InputError
from distil.core.metrics import read_details, write_metrics
from distil.core.params import load_params
from distil.gates.checking import Found, MetricFiles, check_all
from distil.gates.params import GateParams

FILES = MetricFiles(*(Path(f"metrics/{name}.json") for name in ("quality", "aggregate", "cost", "speed")))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_toy_results(tmp_path)
    change("quality", score="accuracy")
    write_metrics(FILES.speed, {"times_pipeline": 13.9}, read_details(FILES.speed))
    return tmp_path


def change(stage: str, **changes: Any) -> None:
    path = Path(f"metrics/{stage}.json")
    write_metrics(path, {}, read_details(path) | changes)


def check(**gates: float) -> Found:
    (found,) = check_all(GateParams.model_validate(gates), FILES)
    return found


@pytest.mark.parametrize(
    ("gate", "holds", "fails", "told"),
    [
        ("min_student_score", 0.8088, 0.8089, "accuracy of student_int8 is 0.8088, "),
        ("max_points_below_teacher", 5.82, 5.81, "student_int8 may be 5.82 points below its teacher (the lower end of"),
        ("min_points_above_baseline", 2.58, 2.59, "student_int8 is 2.58 points above embeddings, the best baseline, "),
        ("max_abstained_share", 0.0017, 0.0016, "5 of 2,985 texts have no label, a share of 0.00167504, "),
        ("max_usd_per_million", 0.023, 0.022, "a million texts cost $0.0221532 with student_int8, "),
        ("min_times_pipeline", 13.9, 14, "the student labels 13.9 times the texts a second of the pipeline, "),
    ],
)
def test_a_gate_holds_up_to_its_limit(folder: Path, gate: str, holds: float, fails: float, told: str) -> None:
    sign = "at least" if gate.startswith("min") else "at most"
    found, missed = check(**{gate: holds}), check(**{gate: fails})
    assert (found.gate, found.holds, missed.holds) == (gate, True, False)
    assert found.told.startswith(told) and f", asked is {sign} {holds:g} (metrics/" in found.told
    assert missed.told.startswith(told) and f", asked is {sign} {fails:g} (metrics/" in missed.told


def test_without_an_interval_the_figure_is_not_known_and_one_above_zero_is_told_so(folder: Path) -> None:
    quality = read_details(FILES.quality)
    quality["systems"]["student_int8"]["vs_teacher"] |= {"difference": 0.0, "difference_low": None}
    change("quality", **quality)
    found = check(max_points_below_teacher=100)
    assert not found.holds and "the figure is not known: metrics/quality.json has no interval of the" in found.told
    quality["systems"]["student_int8"]["vs_teacher"] |= {"difference": 0.02, "difference_low": 0.01}
    change("quality", **quality)
    assert check(max_points_below_teacher=0).told.startswith("student_int8 is at least 1 points above its teacher (")


def damage(stage: str, *keys: str, value: object) -> None:
    """Put a value where it does not belong, as an edit by hand may."""
    path = Path(f"metrics/{stage}.json")
    whole = json.loads(path.read_text(encoding="utf-8"))
    at = whole["details"][0]
    for key in keys[:-1]:
        at = at[key]
    at[keys[-1]] = value
    path.write_text(json.dumps(whole), encoding="utf-8")


@pytest.mark.parametrize(
    ("gate", "stage", "keys", "value"),
    [
        ("max_abstained_share", "aggregate", ("abstained",), None),
        ("max_abstained_share", "aggregate", ("texts",), "many"),
        ("max_points_below_teacher", "quality", ("systems", "student_int8", "vs_teacher"), None),
        ("max_points_below_teacher", "quality", ("confidence",), "95"),
        ("min_points_above_baseline", "quality", ("systems", "tfidf", "accuracy"), None),
        ("min_points_above_baseline", "quality", ("systems",), []),
        ("min_student_score", "quality", ("systems",), [1]),
        ("min_student_score", "quality", ("served",), ["student_int8"]),
        ("min_student_score", "quality", ("systems", "student_int8", "accuracy"), 10**400),
        ("min_student_score", "quality", ("systems", "student_int8", "accuracy"), True),
        ("min_student_score", "quality", ("systems", "student_int8", "accuracy"), float("inf")),
        ("max_usd_per_million", "cost", ("systems", "student_int8"), 3),
    ],
)
def test_a_damaged_file_is_a_gate_that_does_not_hold(
    folder: Path, gate: str, stage: str, keys: tuple[str, ...], value: object
) -> None:
    damage(stage, *keys, value=value)
    found = check(**{gate: 0.0 if gate.startswith("min") else 1.0})
    assert not found.holds
    assert found.told.startswith(f"the figure is not known: metrics/{stage}.json ") and "\n" not in found.told


@pytest.mark.parametrize("gate", ["min_student_score", "max_points_below_teacher", "min_points_above_baseline"])
def test_without_people_s_labels_a_gate_on_a_score_does_not_hold(folder: Path, gate: str) -> None:
    change("quality", reference="teacher")
    found = check(**{gate: 0.0})
    assert not found.holds
    assert found.told.startswith("the figure is not known: metrics/quality.json has no score by people's labels")


def test_a_figure_that_is_not_there_is_a_gate_that_does_not_hold(folder: Path) -> None:
    FILES.aggregate.unlink()
    cost = read_details(FILES.cost)
    cost["systems"]["student_int8"]["usd_per_million"] = None
    change("cost", **cost)
    write_metrics(FILES.speed, {}, read_details(FILES.speed))
    limits = {"max_abstained_share": 1, "max_usd_per_million": 9, "min_times_pipeline": 0}
    found = list(check_all(GateParams.model_validate(limits), FILES))
    assert [one.gate for one in found] == list(limits) and not any(one.holds for one in found)
    assert [one.told.removeprefix("the figure is not known: ") for one in found] == [
        "metrics/aggregate.json is missing; 'dvc repro' writes it",
        "metrics/cost.json has usd_per_million = None, which is no number",
        "metrics/speed.json has no 'times_pipeline' where it belongs; 'dvc repro' writes it anew",
    ]


@pytest.mark.parametrize(
    ("section", "said"),
    [
        (
            "gates: { min_student_scor: 0.8 }",
            "unknown key gates.min_student_scor; allowed here: min_student_score",
        ),
        ("gates: { min_student_score: 80 }", "gates.min_student_score = 80: Input should be less than or equal to 1"),
        ("gates: {}", "no gate is set, so nothing would be checked; set some of min_student_score, "),
        ("gates: { min_student_score: null }", "no gate is set"),
        ("task: {}", "params.yaml has no section 'gates'; it has: task"),
    ],
)
def test_a_section_that_checks_nothing_or_something_unknown_is_one_line(folder: Path, section: str, said: str) -> None:
    Path("params.yaml").write_text(section, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_params("gates", GateParams)
    assert said in str(caught.value) and "\n" not in str(caught.value)
