"""The inputs of the 2024 study are in huggingface.co/blog/synthetic-data-save-costs; its outputs must come out."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from distil.cost_params import CostParams
from distil.costs import count_break_even_texts, draw_break_even, is_outdated, price_machine
from distil.errors import InputError
from distil.metrics import read_metrics, write_metrics
from distil.params import load_params
from stages.cost import main

DEFAULTS = Path(__file__).parents[1] / "params.yaml"


def test_the_2024_study_s_throughput_gives_its_dollars() -> None:
    assert price_machine(texts_per_s=61.49, usd_per_hour=0.60, utilisation=1.0) == pytest.approx(2.71, abs=0.005)


def test_hardware_that_works_half_of_its_hours_costs_twice_as_much() -> None:
    assert price_machine(61.49, 0.60, 0.5) == pytest.approx(2 * price_machine(61.49, 0.60, 1.0))


def test_break_even_is_the_first_text_that_makes_the_student_cheaper() -> None:
    assert count_break_even_texts(once_usd=3.0, teacher_usd=13.0, student_usd=1.0) == 250_000
    assert count_break_even_texts(once_usd=3.0, teacher_usd=None, student_usd=1.0) is None
    assert count_break_even_texts(once_usd=3.0, teacher_usd=1.0, student_usd=1.0) is None


def test_a_price_is_outdated_after_a_year() -> None:
    assert not is_outdated("2026-01-19", "2027-01-19")
    assert is_outdated("2026-01-19", "2027-01-20")


def test_default_prices_are_complete_and_name_their_sources() -> None:
    cost = load_params("cost", CostParams, DEFAULTS)
    assert all([cost.hardware.price_source, cost.hardware.watts_source, cost.pue_source, cost.grid_source])
    assert all(row.price_source and (row.measured or row.throughput_source) for row in cost.hardware_table)
    assert cost.price_table.is_installed(), "cost.price_table has to name the genai-prices of requirements.lock"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_params(tmp_path, {})
    rates = {"pipeline": 100.0, "student_onnx": 400.0, "student_int8": 1000.0, "tfidf": 20_000.0, "embeddings": 200.0}
    systems = {name: {"offline": {"texts_per_s": rate}} for name, rate in rates.items()}
    write_metrics(tmp_path / "speed.json", {"date": "2026-06-01", "systems": systems})
    write_metrics(tmp_path / "train.json", {"seconds": 60.0})
    write_annotation(tmp_path, "local", texts_per_s=10.0, tokens=100_000)
    return tmp_path


def write_params(folder: Path, changes: dict[str, Any]) -> None:
    cost = yaml.safe_load(DEFAULTS.read_text(encoding="utf-8"))["cost"]
    cost["hardware"] |= {"usd_per_hour": 0.36, "price_date": "2026-01-01"} | changes.pop("hardware", {})
    cost |= {"compare_models": [], "hardware_table": []}
    (folder / "params.yaml").write_text(yaml.safe_dump({"cost": cost | changes}), encoding="utf-8")


def count_tokens(tokens: int | None) -> dict[str, int | None]:
    return {"input_tokens": tokens, "cached_tokens": None, "output_tokens": tokens, "reasoning_tokens": None}


def write_annotation(
    folder: Path, server: str, texts_per_s: float | None, tokens: int | None = None, **teachers: int | None
) -> None:
    """The metrics of one teacher, m, or of several with a number of tokens each."""
    asked: dict[str, Any] = {"teacher": "m", "server": server, "texts": 1000, "requests": 2000}
    asked |= count_tokens(tokens)
    if teachers:
        counts = {name: {"requests": 2000, **count_tokens(number)} for name, number in teachers.items()}
        asked |= {"teacher": " + ".join(teachers), "requests": 2000 * len(teachers), "by_teacher": counts}
    write_metrics(folder / "annotate.json", asked)
    seconds = None if texts_per_s is None else 1000 / texts_per_s
    write_metrics(folder / "annotate_run.json", {"texts_per_s": texts_per_s, "seconds": seconds, "retries": 0})


def usd(per_input: float, per_output: float) -> dict[str, float]:
    return {"input": per_input, "output": per_output}


def run_cost(folder: Path) -> dict[str, Any]:
    names = ("speed.json", "train.json", "annotate.json", "annotate_run.json", "cost.json", "costs.csv", "curve.csv")
    main(*(folder / name for name in names))
    return read_metrics(folder / "cost.json")


def test_a_local_teacher_is_priced_as_hardware(project: Path) -> None:
    cost = run_cost(project)
    assert cost["systems"]["teacher"]["usd_per_million"] == pytest.approx(10.0)
    assert cost["systems"]["student"]["usd_per_million"] == pytest.approx(1.0), "measured as the pipeline"
    assert cost["systems"]["student_int8"]["usd_per_million"] == pytest.approx(0.1)
    assert cost["one_off"] == pytest.approx({"annotation_usd": 0.01, "training_usd": 0.006, "total_usd": 0.016})
    assert cost["break_even_texts"] == pytest.approx(0.016 / 9.9 * 1e6, abs=1)
    assert cost["notes"] == []
    teacher, student = (cost["systems"][name]["kg_co2_per_million"] for name in ("teacher", "student_int8"))
    assert teacher["low"] < teacher["mid"] < teacher["high"]
    assert teacher["mid"] == pytest.approx(100 * student["mid"])


def test_an_endpoint_is_priced_by_its_tokens(project: Path) -> None:
    write_annotation(project, "endpoint", texts_per_s=50.0, tokens=100_000)
    write_params(project, {"teacher_usd_per_million_tokens": {"input": 1, "output": 2}})
    cost = run_cost(project)
    assert cost["systems"]["teacher"]["usd_per_million"] == pytest.approx(300.0)  # 100 + 100 tokens a text
    assert cost["systems"]["teacher"]["kg_co2_per_million"] is None
    assert cost["one_off"]["annotation_usd"] == pytest.approx(0.3)


def test_each_of_several_teachers_is_priced_by_its_own_tokens(project: Path) -> None:
    write_annotation(project, "endpoint", texts_per_s=None, tokens=300_000, a=100_000, b=200_000)
    write_params(project, {"teacher_usd_per_million_tokens": {"a": usd(1, 2), "b": usd(10, 20)}})
    cost = run_cost(project)
    assert cost["one_off"]["annotation_usd"] == pytest.approx(0.3 + 6.0)
    assert cost["systems"]["teacher"]["usd_per_million"] == pytest.approx(6300.0)
    write_params(project, {"teacher_usd_per_million_tokens": usd(1, 2)})
    assert run_cost(project)["one_off"]["annotation_usd"] == pytest.approx(0.9), "one price for all"


def test_a_teacher_without_a_price_among_others_with_one_is_named(project: Path) -> None:
    write_annotation(project, "endpoint", texts_per_s=None, tokens=None, a=None, b=200_000)
    write_params(project, {"teacher_usd_per_million_tokens": {"a": usd(1, 2)}})
    with pytest.raises(InputError, match="has no prices of b, only of a"):
        run_cost(project)


def test_several_teachers_of_which_one_told_no_tokens_have_no_price(project: Path) -> None:
    write_annotation(project, "endpoint", texts_per_s=None, tokens=200_000, a=None, b=200_000)
    write_params(project, {"teacher_usd_per_million_tokens": usd(1, 2)})
    cost = run_cost(project)
    assert cost["one_off"]["annotation_usd"] is None
    assert "token counts" in cost["notes"][0]


def test_a_teacher_on_this_machine_beside_others_is_priced_by_its_tokens_and_a_note_says_so(project: Path) -> None:
    write_annotation(project, "mixed", texts_per_s=None, tokens=300_000, here=100_000, there=200_000)
    write_params(project, {"teacher_usd_per_million_tokens": {"here": usd(0, 0), "there": usd(1, 2)}})
    cost = run_cost(project)
    assert cost["one_off"]["annotation_usd"] == pytest.approx(0.6)
    assert "its hours are not in the teacher's price" in cost["notes"][0]


def test_the_answers_without_times_count_in_what_a_local_teacher_cost(project: Path) -> None:
    write_metrics(
        project / "annotate_run.json", {"texts_per_s": 10.0, "seconds": 1.0, "retries": 0}
    )  # ten texts of a thousand
    assert run_cost(project)["one_off"]["annotation_usd"] == pytest.approx(0.01)


def test_a_local_teacher_without_times_is_not_priced(project: Path) -> None:
    write_annotation(project, "local", texts_per_s=None, tokens=100_000)
    write_params(project, {"teacher_usd_per_million_tokens": usd(1, 2)})
    cost = run_cost(project)
    assert cost["systems"]["teacher"] == {
        "texts_per_s": None,
        "usd_per_million": None,
        "kg_co2_per_million": None,
        "co2_method": None,
    }
    assert cost["one_off"]["total_usd"] is None
    assert "texts_per_s" in cost["notes"][0]


def test_an_endpoint_s_energy_gives_its_co2(project: Path) -> None:
    write_annotation(project, "endpoint", texts_per_s=50.0)
    write_params(project, {"teacher_kwh_per_million_texts": {"low": 10, "mid": 100, "high": 1000}})
    co2 = run_cost(project)["systems"]["teacher"]["kg_co2_per_million"]
    assert co2 == pytest.approx({"low": 0.3, "mid": 48.1, "high": 713.0})


def test_an_endpoint_without_price_is_not_priced_and_the_note_names_the_key(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_annotation(project, "recorded", texts_per_s=None)
    cost = run_cost(project)
    assert cost["systems"]["teacher"]["usd_per_million"] is None
    assert cost["one_off"]["total_usd"] is None
    assert cost["break_even_texts"] is None
    assert "cost.teacher_usd_per_million_tokens" in cost["notes"][0]
    assert "cost.teacher_usd_per_million_tokens" in capsys.readouterr().err


def test_a_price_with_unknown_tokens_says_so(project: Path) -> None:
    write_annotation(project, "endpoint", texts_per_s=50.0, tokens=None)
    write_params(project, {"teacher_usd_per_million_tokens": {"input": 1, "output": 2}})
    assert "token counts" in run_cost(project)["notes"][0]


def test_an_old_price_warns(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_params(project, {"hardware": {"price_date": "2024-01-01"}})
    assert "2024-01-01" in run_cost(project)["notes"][0]
    assert "warning: the price of" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"hardware": {"price_date": "last week"}}, "price_date"),
        ({"utilisation": 0}, "utilisation"),
        ({"grid_kg_per_kwh": {"low": 1, "mid": 0.5, "high": 2}}, "ascend"),
        ({"currency": "EUR"}, "unknown key cost.currency"),
        ({"teacher_usd_per_million_tokens": {"input": 1}}, r"teacher_usd_per_million_tokens\.output is missing"),
        ({"teacher_usd_per_million_tokens": {"a": {"input": 1}}}, r"tokens\.a\.output is missing"),
        ({"teacher_usd_per_million_tokens": {"input": 1, "output": -2}}, r"tokens\.output = -2: .* or equal to 0"),
    ],
)
def test_a_wrong_figure_is_one_line(project: Path, changes: dict[str, Any], said: str) -> None:
    write_params(project, changes)
    with pytest.raises(InputError, match=said):
        run_cost(project)
