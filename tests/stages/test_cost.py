import datetime
import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from conftest import ROOT

from distil.core.errors import InputError
from distil.core.metrics import read_details, read_metrics, write_metrics
from distil.cost.llm_carbon import estimate_llm_co2
from distil.cost.machines import UNPRICED
from stages.cost import main

HARDWARE = "c7a.large"  # of the default study
TOGETHER = "https://api.together.xyz/v1"
MACHINE = {"cpu": "AMD EPYC 9R14", "cores": 2, "threads": 2, "gpu": None, "provider": "CPUExecutionProvider"}
MIXTRAL = "mistralai/Mixtral-8x7B-Instruct-v0.1"
ROW = {"name": "a T4", "usd_per_hour": 0.60, "price_source": "the study", "price_date": "2026-01-01"}
PUBLISHED_RATE = {"texts_per_s": 61.49, "model": "RoBERTa-base", "throughput_source": "the study"}


class FarFuture:
    """A calendar of the year 2100."""

    UTC = datetime.UTC

    class datetime:  # noqa: N801 - as the module has it
        """Its clock."""

        @staticmethod
        def now(zone: datetime.tzinfo) -> datetime.datetime:
            """The same moment, always."""
            return datetime.datetime(2100, 1, 1, tzinfo=zone)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_params(tmp_path, {})
    write_prices(tmp_path)
    rates = {"pipeline": 100.0, "student_onnx": 400.0, "student_int8": 1000.0, "tfidf": 20_000.0, "embeddings": 200.0}
    systems = {name: {"offline": {"texts_per_s": rate}} for name, rate in rates.items()}
    speed = {"date": "2026-06-01", "machine": MACHINE, "served": "student_int8", "systems": systems}
    write_metrics(tmp_path / "speed.json", {}, speed)
    write_metrics(tmp_path / "train.json", {}, {"seconds": 60.0, "device": "cpu"})
    write_annotation(tmp_path, "local", texts_per_s=10.0, tokens=100_000)
    return tmp_path


def write_params(folder: Path, changes: dict[str, Any]) -> None:
    cost = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["cost"]
    (folder / "params.yaml").write_text(yaml.safe_dump({"cost": cost | {"compare_models": []} | changes}))


def write_prices(folder: Path, others: dict[str, Any] | None = None, **hardware: Any) -> None:
    """The project's tables, but of hardware only the row c7a.large, at a round price, with changes, and the others."""
    shutil.copytree(ROOT / "prices", folder / "prices", dirs_exist_ok=True)
    row = yaml.safe_load((ROOT / "prices" / "hardware.yaml").read_text(encoding="utf-8"))[HARDWARE]
    row |= {"usd_per_hour": 0.36, "price_date": "2026-01-01"} | hardware
    write_table(folder, "hardware", {HARDWARE: row} | (others or {}))


def write_table(folder: Path, name: str, table: Any) -> None:
    (folder / "prices" / f"{name}.yaml").write_text(yaml.safe_dump(table, sort_keys=False), encoding="utf-8")


def change_table(folder: Path, name: str, changes: dict[str, Any]) -> None:
    table = yaml.safe_load((folder / "prices" / f"{name}.yaml").read_text(encoding="utf-8"))
    write_table(folder, name, table | changes)


def count_tokens(tokens: int | None) -> dict[str, Any]:
    """Of 2,000 answers, each of which told its tokens."""
    counts = {"input_tokens": tokens, "cached_tokens": None, "output_tokens": tokens, "reasoning_tokens": None}
    told = {name: 2000 if count is not None else 0 for name, count in counts.items()}
    return {"answers": 2000, **counts, "told": told}


def write_annotation(
    folder: Path, server: str, texts_per_s: float | None, tokens: int | None = None, **teachers: int | None
) -> None:
    """The metrics of one teacher, m, or of several with a number of tokens each."""
    asked: dict[str, Any] = {"teacher": "m", "server": server, "votes": 2, "texts": 1000, "requests": 2000}
    asked |= count_tokens(tokens)
    if teachers:
        own = {name: "local" if server == "mixed" and name == "here" else "endpoint" for name in teachers}
        counts = {
            name: {"server": own[name], "requests": 2000, **count_tokens(number)} for name, number in teachers.items()
        }
        total = 2000 * len(teachers)
        asked |= {"teacher": " + ".join(teachers), "requests": total, "answers": total, "by_teacher": counts}
    seconds = None if texts_per_s is None else 1000 / texts_per_s
    asked["run"] = {"texts_per_s": texts_per_s, "seconds": seconds, "retries": 0}
    write_metrics(folder / "annotate.json", {}, asked)


def change_run(folder: Path, **figures: float | None) -> None:
    """Have the answering gone otherwise."""
    asked = read_details(folder / "annotate.json")
    write_metrics(folder / "annotate.json", {}, asked | {"run": asked["run"] | figures})


def usd(per_input: float, per_output: float) -> dict[str, float]:
    return {"input": per_input, "output": per_output}


def run_cost(folder: Path) -> dict[str, Any]:
    names = "speed.json train.json annotate.json quality.json prices cost.json costs.csv co2.csv break_even.csv"
    if not (folder / "quality.json").exists():
        write_metrics(folder / "quality.json", {}, {})
    main(*(folder / name for name in names.split()))
    return read_details(folder / "cost.json")


def test_a_local_teacher_is_priced_as_hardware(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cost = run_cost(project)
    assert cost["systems"]["teacher"]["usd_per_million"] == pytest.approx(10.0)
    assert cost["systems"]["student"]["usd_per_million"] == pytest.approx(1.0), "measured as the pipeline"
    assert cost["systems"]["student_int8"]["usd_per_million"] == pytest.approx(0.1)
    assert cost["one_off"] == pytest.approx({"annotation_usd": 0.01, "training_usd": 0.006, "total_usd": 0.016})
    assert cost["break_even_texts"] == pytest.approx(0.016 / 9.9 * 1e6, abs=1)
    assert cost["notes"] == []
    assert "and 0.001 kg of CO2 with the int8 student, $10.00 and 0.1 kg of CO2" in capsys.readouterr().out
    teacher, student = (cost["systems"][name]["kg_co2_per_million"] for name in ("teacher", "student_int8"))
    assert teacher["low"] < teacher["mid"] < teacher["high"]
    assert teacher["mid"] == pytest.approx(100 * student["mid"])


def test_a_cascade_costs_the_student_for_all_texts_and_the_teacher_for_what_it_is_asked(project: Path) -> None:
    write_metrics(project / "quality.json", {}, {"cascade": {"threshold": 0.8, "kept": {"share": 0.7}}})
    systems = run_cost(project)["systems"]
    cascade, student, teacher = (systems[name] for name in ("cascade", "student_int8", "teacher"))
    assert cascade["usd_per_million"] == pytest.approx(0.1 + 0.3 * 10.0)
    seconds = 1 / student["texts_per_s"] + 0.3 / teacher["texts_per_s"]
    assert cascade["texts_per_s"] == pytest.approx(1 / seconds, rel=1e-4)
    for bound in ("low", "mid", "high"):
        kg = [one["kg_co2_per_million"][bound] for one in (cascade, student, teacher)]
        assert kg[0] == pytest.approx(kg[1] + 0.3 * kg[2], rel=1e-4)
    write_annotation(project, "endpoint", texts_per_s=50.0)  # whose price nobody gave
    assert run_cost(project)["systems"]["cascade"]["usd_per_million"] is None
    write_metrics(project / "quality.json", {}, {"cascade": {"threshold": None, "why": "too few rows"}})
    assert "cascade" not in run_cost(project)["systems"]


def test_an_endpoint_is_priced_by_its_tokens(project: Path) -> None:
    write_annotation(project, "endpoint", texts_per_s=50.0, tokens=100_000)
    write_params(project, {"teacher_usd_per_million_tokens": {"input": 1, "output": 2}})
    cost = run_cost(project)
    assert cost["systems"]["teacher"]["usd_per_million"] == pytest.approx(300.0)  # 100 + 100 tokens a text
    assert cost["systems"]["teacher"]["kg_co2_per_million"] is None
    assert cost["one_off"]["annotation_usd"] == pytest.approx(0.3)


def test_an_endpoint_that_is_paid_by_the_hour_is_priced_by_its_hours(project: Path) -> None:
    write_annotation(project, "endpoint", texts_per_s=50.0)  # without token counts: they do not matter
    write_params(project, {"teacher_usd_per_hour": 1.8})
    cost = run_cost(project)
    assert cost["systems"]["teacher"]["usd_per_million"] == pytest.approx(1e6 / 50 / 3600 * 1.8)
    assert cost["one_off"]["annotation_usd"] == pytest.approx(1000 / 50 / 3600 * 1.8)
    assert not any("price is unknown" in note for note in cost["notes"])
    change_run(project, up_s=320.0)  # it was resumed for the runs, and took five minutes to start
    cost = run_cost(project)
    assert cost["systems"]["teacher"]["usd_per_million"] == pytest.approx(1e6 / 50 / 3600 * 1.8)
    assert cost["one_off"]["annotation_usd"] == pytest.approx(320 / 3600 * 1.8)


def test_an_endpoint_paid_by_the_hour_without_times_is_not_priced(project: Path) -> None:
    write_annotation(project, "endpoint", texts_per_s=None, tokens=100_000)
    write_params(project, {"teacher_usd_per_hour": 1.8})
    cost = run_cost(project)
    assert cost["systems"]["teacher"]["usd_per_million"] is cost["one_off"]["annotation_usd"] is None
    assert "no texts_per_s" in cost["notes"][0]


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


def test_a_teacher_on_this_machine_beside_others_is_left_out_of_the_price_and_a_note_says_so(project: Path) -> None:
    write_annotation(project, "mixed", texts_per_s=None, tokens=300_000, here=100_000, there=200_000)
    write_params(project, {"teacher_usd_per_million_tokens": {"there": usd(1, 2)}})
    cost = run_cost(project)
    assert cost["one_off"]["annotation_usd"] == pytest.approx(0.6)
    assert "neither its hours nor its tokens are in the teacher's price" in cost["notes"][0]
    write_params(project, {"teacher_usd_per_million_tokens": usd(1, 2)})
    assert run_cost(project)["one_off"]["annotation_usd"] == pytest.approx(0.6)


def test_answers_without_token_counts_are_reckoned_at_the_mean_of_the_others(project: Path) -> None:
    write_annotation(project, "endpoint", texts_per_s=50.0, tokens=100_000)
    asked = read_details(project / "annotate.json")
    asked["told"] |= {"input_tokens": 1000, "output_tokens": 500}
    write_metrics(project / "annotate.json", {}, asked)
    write_params(project, {"teacher_usd_per_million_tokens": usd(1, 2)})
    cost = run_cost(project)
    assert cost["one_off"]["annotation_usd"] == pytest.approx(0.2 + 0.8)
    assert "1,500 of 2,000 answers of m have no token counts" in cost["notes"][0]


def test_a_recording_without_token_counts_is_not_asked_for_a_price(project: Path) -> None:
    write_annotation(project, "recorded", texts_per_s=None)
    write_params(project, {"teacher_usd_per_million_tokens": usd(1, 2)})
    note = run_cost(project)["notes"][0]
    assert note.endswith("the tokens of m are in no recording: annotate.recording.tokenizer counts them")


def test_counted_tokens_give_a_recording_its_price_and_a_note_says_what_counted(project: Path) -> None:
    write_annotation(project, "recorded", texts_per_s=None, tokens=100_000)
    asked = read_details(project / "annotate.json")
    counter = {"tokenizer": "some/tokenizer.json#sha256=1f", "stand_in": True}
    write_metrics(project / "annotate.json", {}, asked | {"counted": counter})
    write_params(project, {"teacher_usd_per_million_tokens": usd(1, 2), "compare_models": ["gpt-4-turbo"]})
    cost = run_cost(project)
    assert cost["systems"]["teacher"]["usd_per_million"] == pytest.approx(300.0)
    assert cost["break_even_texts"] == pytest.approx((0.3 + 0.006) / 299.9 * 1e6, abs=1)
    assert cost["compared_models"][0]["usd_per_million"] == pytest.approx(100 * 10 + 100 * 30)
    counted = "with some/tokenizer.json, a stand-in for the teacher's own tokenizer;"
    assert cost["notes"][0].startswith("the tokens of m were counted here, of the prompt in the params")
    assert counted in cost["notes"][0]
    assert f"reckoned from prompt and answers {counted}" in cost["assumptions"]["compared_tokens"]


def test_a_price_that_was_old_at_the_measurement_is_not_told_again_for_today(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_prices(project, price_date="2024-01-01")
    run_cost(project)
    assert capsys.readouterr().err.count("AWS c7a.large") == 1


def test_prices_of_several_teachers_are_looked_up_one_by_one(project: Path) -> None:
    write_annotation(project, "endpoint", texts_per_s=None, tokens=200_000, **{"gpt-4o-mini": 100_000, "x": 100_000})
    assert "{input: 0.15, output: 0.6} for gpt-4o-mini" in run_cost(project)["notes"][0]


def test_the_answers_without_times_count_in_what_a_local_teacher_cost(project: Path) -> None:
    change_run(project, seconds=1.0)  # ten texts of a thousand
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


def test_a_teacher_behind_an_endpoint_emits_what_ecologits_says(project: Path) -> None:
    write_annotation(
        project, "endpoint", texts_per_s=None, tokens=200_000, **{"gpt-4-turbo": 100_000, MIXTRAL: 100_000}
    )
    teacher = run_cost(project)["systems"]["teacher"]
    each = [
        estimate_llm_co2(model, 50, 2_000_000) for model in ("gpt-4-turbo", MIXTRAL)
    ]  # 2 answers of 50 tokens a text
    for bound in ("low", "mid", "high"):
        assert teacher["kg_co2_per_million"][bound] == pytest.approx(sum(getattr(co2, bound) for co2 in each), rel=1e-5)
    assert teacher["co2_method"].startswith("EcoLogits ")


def test_one_teacher_that_ecologits_does_not_know_leaves_the_co2_of_all_unknown(project: Path) -> None:
    write_annotation(project, "endpoint", texts_per_s=None, tokens=200_000, **{"gpt-4-turbo": 100_000, "mine": 100_000})
    cost = run_cost(project)
    assert cost["systems"]["teacher"]["kg_co2_per_million"] is None
    assert any("EcoLogits does not know mine;" in note for note in cost["notes"])
    write_annotation(project, "endpoint", texts_per_s=None, tokens=200_000, his=100_000, mine=100_000)
    assert any("EcoLogits does not know his and mine;" in note for note in run_cost(project)["notes"])


def test_the_co2_of_teachers_that_told_no_tokens_is_unknown_and_they_are_named(project: Path) -> None:
    write_annotation(project, "endpoint", texts_per_s=None, tokens=None, his=None, mine=None)
    (note,) = [note for note in run_cost(project)["notes"] if "CO2 is unknown" in note and "teacher" in note]
    assert note == (
        "the teacher's CO2 is unknown: the token counts of his and mine are not known; give "
        "cost.teacher_kwh_per_million_texts {low, mid, high}"
    )
    assert any("told no token counts of his and mine, so" in note for note in run_cost(project)["notes"])


def test_the_co2_of_a_teacher_on_this_machine_is_known_or_of_its_hours(project: Path) -> None:
    write_annotation(project, "local", texts_per_s=None, tokens=100_000)
    assert not any("CO2 is unknown" in note and "teacher" in note for note in run_cost(project)["notes"])


def test_an_endpoint_s_energy_gives_its_co2(project: Path) -> None:
    write_annotation(project, "endpoint", texts_per_s=50.0)
    write_params(project, {"teacher_kwh_per_million_texts": {"low": 10, "mid": 100, "high": 1000}})
    co2 = run_cost(project)["systems"]["teacher"]["kg_co2_per_million"]
    assert co2 == pytest.approx({"low": 0.3, "mid": 48.1, "high": 713.0})


def test_an_endpoint_without_price_is_not_priced_and_the_note_names_the_key(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_annotation(project, "endpoint", texts_per_s=None, tokens=100_000)
    cost = run_cost(project)
    assert cost["systems"]["teacher"]["usd_per_million"] is None
    assert cost["one_off"]["total_usd"] is None
    assert cost["break_even_texts"] is None
    assert "cost.teacher_usd_per_million_tokens" in cost["notes"][0]
    printed = capsys.readouterr()
    assert "cost.teacher_usd_per_million_tokens" in printed.err
    assert "unknown dollars" in printed.out
    assert "nobody knows when" in printed.out


def test_a_price_with_unknown_tokens_says_so(project: Path) -> None:
    write_annotation(project, "endpoint", texts_per_s=50.0, tokens=None)
    write_params(project, {"teacher_usd_per_million_tokens": {"input": 1, "output": 2}})
    assert "token counts" in run_cost(project)["notes"][0]


def test_an_old_price_warns(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_prices(project, price_date="2024-01-01")
    (note,) = run_cost(project)["notes"]
    assert "older than the measurement: AWS c7a.large" in note
    assert "(2024-01-01)" in note
    assert f"warning: {note}" in capsys.readouterr().err


def test_prices_that_are_old_today_warn_and_change_no_output(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_cost(project)
    before = (project / "cost.json").read_bytes()
    capsys.readouterr()
    monkeypatch.setattr("stages.cost.datetime", FarFuture)
    assert run_cost(project)["notes"] == []
    assert "a year older than today: AWS c7a.large" in capsys.readouterr().err
    assert (project / "cost.json").read_bytes() == before


def test_short_answers_of_models_with_and_without_a_time_to_the_first_token_are_not_comparable(project: Path) -> None:
    write_params(project, {"compare_models": ["gpt-6-luna", {"model": MIXTRAL, "base_url": TOGETHER}]})
    assert not any("first token" in note for note in run_cost(project)["notes"]), "50 tokens an answer"
    write_annotation(project, "local", texts_per_s=10.0, tokens=2000)
    assert any(f"the CO2 of {MIXTRAL}, of which" in note for note in run_cost(project)["notes"])


def test_a_compared_model_without_a_price_is_named_and_no_other(project: Path) -> None:
    write_params(project, {"compare_models": ["gpt-6-luna", "gpt-unheard-of"]})
    price, co2 = run_cost(project)["notes"]
    assert price.startswith("the price of gpt-unheard-of is not in genai-prices")
    assert "does not know gpt-unheard-of, so" in co2


def test_compared_prices_of_another_release_than_the_one_that_is_dated_say_so(project: Path) -> None:
    write_params(project, {"compare_models": ["gpt-6-luna"]})
    assert run_cost(project)["notes"] == []
    change_table(project, "tokens", {"version": "0.0.1"})
    (note,) = run_cost(project)["notes"]
    assert note.startswith("prices/tokens.yaml dates genai-prices 0.0.1, which is not the one installed")


def test_old_prices_of_every_kind_warn_together(project: Path) -> None:
    given = {"price_per_million_tokens": usd(1, 2), "price_source": "vendor", "price_date": "2025-01-31"}
    write_params(project, {"compare_models": [{"model": "m", **given}]})
    write_prices(project, {"t4": ROW | {"price_date": "2024-02-16"}, "newer": ROW | {"name": "newer"}})
    change_table(project, "tokens", {"date": "2025-05-31"})
    note = run_cost(project)["notes"][0]
    assert all(
        part in note for part in ("a T4 (2024-02-16)", "m (2025-01-31)", "genai-prices 0.2.3 tells (2025-05-31)")
    )
    assert "newer" not in note


def test_hardware_is_priced_at_the_speed_of_its_kind_or_at_a_published_one(project: Path) -> None:
    same_kind = ROW | {"name": "the same, elsewhere", "usd_per_hour": 0.72, "measured": True}
    write_prices(project, {"t4": ROW | PUBLISHED_RATE, "kind": same_kind, "alone": ROW | {"name": "a price alone"}})
    write_params(project, {"utilisation": 0.5})
    rented, published, elsewhere, alone = run_cost(project)["hardware_table"]
    assert (rented["throughput"], rented["texts_per_s"], rented["model"]) == ("measured", 1000.0, "student_int8")
    assert rented["usd_per_million"] == pytest.approx(0.2), "0.36 dollars an hour, of which half is used"
    assert (published["throughput"], published["throughput_source"]) == ("published", "the study")
    assert published["usd_per_million"] == pytest.approx(2 * 2.71, abs=0.01)
    assert elsewhere["throughput"] == "measured"
    assert elsewhere["usd_per_million"] == pytest.approx(0.4)
    assert (alone["throughput"], alone["texts_per_s"], alone["usd_per_million"]) == (None, None, None)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cpu": "Apple M1"}, "measured on Apple M1, and priced as AWS c7a.large"),
        ({"cores": 64, "threads": 64}, "measured on 64 cores in place of 2, and"),
        ({"gpu": "NVIDIA L4"}, "measured with NVIDIA L4, and"),
        ({"cpu": "Intel", "gpu": "NVIDIA L4"}, "measured on Intel and with NVIDIA L4, and"),
    ],
)
def test_another_machine_than_the_one_that_is_priced_is_named(
    project: Path, changes: dict[str, Any], said: str
) -> None:
    speed = read_details(project / "speed.json")
    write_metrics(project / "speed.json", {}, speed | {"machine": MACHINE | changes})
    cost = run_cost(project)
    assert said in cost["notes"][0]
    assert cost["hardware_table"][0]["throughput"] == "measured on another machine"


def test_a_gpu_that_is_priced_has_to_be_the_one_that_worked(project: Path) -> None:
    write_prices(project, gpu="L4")
    measured, trained = run_cost(project)["notes"]
    assert "with no GPU" in measured
    assert "training ran on cpu" in trained
    speed = read_details(project / "speed.json")
    write_metrics(project / "speed.json", {}, speed | {"machine": MACHINE | {"gpu": "NVIDIA L4"}})
    write_metrics(project / "train.json", {}, {"seconds": 60.0, "device": "cuda"})
    assert run_cost(project)["notes"] == []


def test_the_study_s_figures_are_labelled_as_what_they_are(project: Path) -> None:
    printed = run_cost(project)["published"]
    assert all("Laurer 2024" in one["source"] and one["date"] == "2024-02-16" for one in printed)
    gpt4 = {one["measure"]: one for one in printed if one["system"] == "GPT-4"}
    assert (gpt4["kg_co2_per_million"]["low"], gpt4["kg_co2_per_million"]["high"]) == (735, 1100)
    assert "guess" in gpt4["kg_co2_per_million"]["how"]
    assert "3 output tokens are those of a one-word answer" in gpt4["usd_per_million"]["how"]
    assert gpt4["latency_s"]["low"] is None, "it was told in words"
    assert "153.0" not in (project / "cost.json").read_text(), "a figure is written as it was printed"


def test_what_the_study_printed_stands_beside_what_there_is_here(project: Path) -> None:
    write_params(project, {"compare_models": ["gpt-4-turbo"]})
    cost = run_cost(project)
    here = {(one["system"], one["measure"]): (one["beside"], one["here"]) for one in cost["published"]}
    (gpt4,) = cost["compared_models"]
    student = cost["systems"]["student_int8"]
    for measure in ("usd_per_million", "kg_co2_per_million"):
        assert here["GPT-4", measure] == ("gpt-4-turbo", gpt4[measure])
        assert here["RoBERTa-base", measure] == ("student", student[measure])
    assert here["GPT-3.5", "usd_per_million"] == (None, None), "it is not compared here"
    assert here["RoBERTa-base", "accuracy"] == (None, None), "another teacher's student"


@pytest.mark.parametrize(("votes", "beside"), [(3, {"teacher", "student"}), (1, set())])
def test_an_accuracy_has_one_beside_it_only_where_the_teacher_is_the_study_s(
    project: Path, votes: int, beside: set[str]
) -> None:
    asked = read_details(project / "annotate.json")
    write_metrics(project / "annotate.json", {}, asked | {"teacher": MIXTRAL, "votes": votes})
    accuracies = [one for one in run_cost(project)["published"] if one["measure"] == "accuracy"]
    assert len(accuracies) == 10
    assert {one["beside"] for one in accuracies} - {None} == beside


@pytest.mark.parametrize("rate", [0.0, float("nan"), None])
def test_a_throughput_that_cannot_be_divided_by_is_unknown(project: Path, rate: float | None) -> None:
    speed = read_details(project / "speed.json")
    speed["systems"]["tfidf"]["offline"]["texts_per_s"] = rate
    asked = read_details(project / "annotate.json")
    asked["run"]["texts_per_s"] = rate
    for name, details in {"speed": speed, "annotate": asked}.items():  # json writes NaN as it is
        (project / f"{name}.json").write_text(json.dumps({"details": [details]}), encoding="utf-8")
    cost = run_cost(project)
    assert cost["systems"]["tfidf"]["usd_per_million"] is None
    assert cost["systems"]["teacher"]["usd_per_million"] is None
    assert cost["break_even_texts"] is None
    assert any("no throughput of tfidf" in note for note in cost["notes"])
    assert any("annotate.json" in note for note in cost["notes"])


def test_where_fp32_is_served_the_student_s_price_is_that_of_fp32(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    speed = read_details(project / "speed.json")
    del speed["systems"]["student_int8"]
    write_metrics(project / "speed.json", {}, speed | {"served": "student_onnx"})
    cost = run_cost(project)
    assert cost["served"] == "student_onnx"
    assert read_metrics(project / "cost.json")["usd_per_1m"] == {"teacher": 10.0, "student": 0.25}
    assert cost["break_even_texts"] == pytest.approx(0.016 / 9.75 * 1e6, abs=1)
    assert set(pd.read_csv(project / "break_even.csv")["system"]) == {"teacher", "student_onnx"}
    rented = cost["hardware_table"][0]
    assert (rented["model"], rented["throughput_source"]) == ("student_onnx", "the fp32 student, measured here")
    assert "with the fp32 student, $10.00" in capsys.readouterr().out


def test_a_missing_file_and_a_missing_student_are_one_line(project: Path) -> None:
    write_metrics(project / "speed.json", {}, {"date": "2026-06-01", "systems": {}})
    with pytest.raises(
        InputError, match=r"speed\.json has no speed of the served student; 'dvc repro -s -f benchmark'"
    ):
        run_cost(project)
    (project / "speed.json").unlink()
    with pytest.raises(InputError, match=r"speed\.json is missing; 'dvc repro' writes it"):
        run_cost(project)


def test_failed_tries_are_named_since_their_price_is_in_no_log(project: Path) -> None:
    write_annotation(project, "endpoint", texts_per_s=50.0, tokens=100_000)
    change_run(project, retries=100)
    write_params(project, {"teacher_usd_per_million_tokens": usd(100, 200)})
    notes = run_cost(project)["notes"]
    assert any("100 tries failed" in note and "$1.50 more" in note for note in notes), "30 x 100 / 2,000"
    change_run(project, retries=0)
    assert not any("tries failed" in note for note in run_cost(project)["notes"])


def test_a_price_that_genai_prices_knows_is_proposed_and_not_taken(project: Path) -> None:
    write_annotation(project, "endpoint", texts_per_s=50.0, tokens=100_000)
    annotate = read_details(project / "annotate.json")
    write_metrics(project / "annotate.json", {}, annotate | {"teacher": "gpt-4o-mini"})
    cost = run_cost(project)
    assert cost["systems"]["teacher"]["usd_per_million"] is None
    assert "{input: 0.15, output: 0.6}" in cost["notes"][0]


def test_the_plots_have_every_system_and_leave_the_unknown_out(project: Path) -> None:
    write_annotation(project, "endpoint", texts_per_s=50.0, tokens=100_000)
    write_params(project, {"compare_models": ["gpt-4-turbo", "no-such-model"]})
    run_cost(project)
    dollars, kg = (pd.read_csv(project / name).set_index("system") for name in ("costs.csv", "co2.csv"))
    assert dollars.loc["student_int8", "usd_per_million"] == pytest.approx(0.1)
    assert 0 < kg.loc["gpt-4-turbo", "low"] < kg.loc["gpt-4-turbo", "mid"] < kg.loc["gpt-4-turbo", "high"]
    assert not {"teacher", "no-such-model"} & {*dollars.index, *kg.index}
    assert dollars.notna().all(axis=None)
    assert set(pd.read_csv(project / "break_even.csv")["system"]) == {UNPRICED.format("student_int8")}


def test_the_headline_is_what_one_compares(project: Path) -> None:
    cost = run_cost(project)
    headline = read_metrics(project / "cost.json")
    assert headline.pop("details") == [cost]
    teacher, student = cost["systems"]["teacher"], cost["systems"]["student_int8"]
    assert headline == {
        "usd_per_1m": {"teacher": teacher["usd_per_million"], "student": student["usd_per_million"]},
        "kg_per_1m": {
            "teacher": teacher["kg_co2_per_million"]["mid"],
            "student": student["kg_co2_per_million"]["mid"],
        },
        "spent_usd": cost["one_off"]["annotation_usd"],
    }


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"compare_models": [{"model": "m", "price_per_million_tokens": {"input": 1}}]}, r"tokens\.output is missing"),
        ({"compare_models": [{"model": "m", "price_per_million_tokens": usd(1, 2)}]}, "needs its price_source"),
        ({"utilisation": 0}, "utilisation"),
        ({"hardware": {"name": "mine", "usd_per_hour": 1}}, r"cost\.hardware = .*name a row of prices/hardware\.yaml"),
        (
            {"hardware": "a T4"},
            r"cost\.hardware = 'a T4' in params\.yaml is no row of .*hardware\.yaml, .* c7a\.large;",
        ),
        ({"hardware": None}, r"cost\.hardware = None"),
        ({"pue": 1.2}, r"unknown key cost\.pue; allowed here: hardware, utilisation"),
        ({"currency": "EUR"}, "unknown key cost.currency"),
        ({"teacher_usd_per_hour": 1, "teacher_usd_per_million_tokens": usd(1, 2)}, "exclude each other"),
        ({"teacher_usd_per_million_tokens": {"input": 1}}, r"teacher_usd_per_million_tokens\.output is missing"),
        ({"teacher_usd_per_million_tokens": {"a": {"input": 1}}}, r"tokens\.a\.output is missing"),
        ({"teacher_usd_per_million_tokens": {"input": 1, "output": -2}}, r"tokens\.output = -2: .* or equal to 0"),
    ],
)
def test_a_wrong_figure_is_one_line(project: Path, changes: dict[str, Any], said: str) -> None:
    write_params(project, changes)
    with pytest.raises(InputError, match=said):
        run_cost(project)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({"t4": ROW | PUBLISHED_RATE | {"measured": True}}, r"hardware\.yaml: t4: .*take texts_per_s out"),
        ({"t4": ROW | {"texts_per_s": 61.49}}, "needs its model and its throughput_source"),
        ({"t4": ROW | {"watts": {"low": 1, "mid": 2, "high": 3}}}, "watts need their watts_source"),
        ({"g4dn.xlarge": ROW | PUBLISHED_RATE | {"texts_per_s": 0}}, r"g4dn\.xlarge\.texts_per_s = 0"),
        ({"t4": ROW | {"price_date": "last week"}}, r"t4\.price_date = 'last week'"),
        ({"t4": ROW | {"price_date": datetime.date(2026, 1, 1)}}, r"t4\.price_date = .*write it in quotes"),
        ({"t4": ROW | {"usd_per_hour": "cheap"}}, r"t4\.usd_per_hour = 'cheap'"),
        ({"t4": ROW | {"currency": "EUR"}}, r"unknown key t4\.currency; allowed here: name, cpu"),
        ({"t4": {key: ROW[key] for key in ROW if key != "price_source"}}, r"t4\.price_source is missing"),
        ({"t4": {key: ROW[key] for key in ROW if key != "price_date"}}, r"t4\.price_date is missing"),
        ({"t4": None}, r"t4\.name is missing"),
        ({"t4": 0.6}, r"t4 = 0\.6: write a mapping"),
    ],
)
def test_a_wrong_row_of_hardware_is_one_line_that_names_file_row_and_key(
    project: Path, rows: dict[str, Any], said: str
) -> None:
    write_prices(project, rows)
    refuse(project, "hardware.yaml", said)


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("electricity", {"grid_kg_per_kwh": {"low": 1, "mid": 0.5, "high": 2}}, "grid_kg_per_kwh = .*ascend"),
        ("electricity", {"pue": 0.5}, r"pue = 0\.5"),
        ("electricity", {"grid": 0.4}, "unknown key grid; allowed here: pue, pue_source"),
        ("tokens", {"date": "soon"}, "date = 'soon'"),
        ("tokens", {"version": 0.2}, r"version = 0\.2: .*write it in quotes"),
        ("tokens", {"url": "x"}, "unknown key url; allowed here: version, date"),
    ],
)
def test_a_wrong_figure_of_a_table_is_one_line_that_names_file_and_key(
    project: Path, name: str, changes: dict[str, Any], said: str
) -> None:
    change_table(project, name, changes)
    refuse(project, f"{name}.yaml", said)


@pytest.mark.parametrize("name", ["hardware", "electricity", "tokens"])
def test_a_table_that_is_missing_or_holds_nothing_says_what_to_do(project: Path, name: str) -> None:
    path = project / "prices" / f"{name}.yaml"
    path.write_text("")
    refuse(project, f"{name}.yaml", "must hold")
    path.unlink()
    refuse(project, f"{name}.yaml", rf"is missing; 'git checkout -- .*{name}\.yaml' brings it back")


def test_the_machine_that_is_priced_needs_all_that_pricing_takes(project: Path) -> None:
    write_prices(project, {"t4": ROW | PUBLISHED_RATE})
    write_params(project, {"hardware": "t4"})
    refuse(project, "hardware.yaml", "the row t4, .* has no cpu, cores, gpu, watts, watts_source; write that into it")
    described = {"cpu": "AMD EPYC", "cores": 2, "gpu": None}
    write_prices(project, {"t4": ROW | described})
    refuse(project, "hardware.yaml", "has no watts, watts_source;")
    power = {"watts": {"low": 1, "mid": 2, "high": 3}, "watts_source": "a meter"}
    write_prices(project, {"t4": ROW | PUBLISHED_RATE | described | power})
    rented, other = run_cost(project)["hardware_table"]
    assert (rented["name"], rented["throughput"], rented["texts_per_s"]) == ("a T4", "measured", 1000.0)
    assert (other["name"].split()[:2], other["usd_per_million"]) == (["AWS", HARDWARE], None)


def refuse(folder: Path, file: str, said: str) -> None:
    """The stage ends with one line that names the file."""
    with pytest.raises(InputError, match=said) as caught:
        run_cost(folder)
    assert file in str(caught.value)
    assert "\n" not in str(caught.value)
