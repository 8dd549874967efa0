"""What the 2024 study printed comes out of its own inputs, as far as these are at hand."""

import csv
import re
from collections import Counter
from collections.abc import Sequence

import pytest
import yaml
from conftest import ROOT

from distil.cost.carbon import Bounds, estimate_machine_co2
from distil.cost.machines import price_machine
from distil.cost.prices import TokenPrices, Tokens, price_tokens
from distil.cost.published import ACCURACY, PUBLISHED

ANSWERS = ROOT.parent / "shared" / "data"
CANDIDATES = yaml.safe_load((ROOT / "presets/phrasebank-recorded.yaml").read_text())["compare"]["candidates"]
FILES = {"Mixtral-8x7B": "mixtral", "GPT-3.5 (0613)": "gpt35", "GPT-4 (0125)": "gpt4"}
COLUMNS = ("label_llm", "label_llm_cot", "label_llm_cot_multiple")


def find(system: str, measure: str) -> tuple[float | None, float | None]:
    ((low, high),) = {(one.low, one.high) for one in PUBLISHED if (one.system, one.measure) == (system, measure)}
    return low, high


def test_the_printed_dollars_are_those_of_the_inputs_beside_them() -> None:
    assert find("RoBERTa-base", "usd_per_million")[0] == round(price_machine(61.49, 0.60, 1.0), 1)
    tokens = Tokens(input=297_160_000, cached_input=None, output=3_000_000)
    for system, per_input, per_output in [("GPT-3.5", 0.5, 1.5), ("GPT-4", 10.0, 30.0)]:
        whole = price_tokens(tokens, TokenPrices(input=per_input, output=per_output))
        assert whole is not None
        assert find(system, "usd_per_million")[0] == int(whole), "the blog drops the cents"


def test_the_student_s_co2_is_that_of_a_t4_in_virginia() -> None:
    """70 W and 367.8 g/kWh are in gpus.csv and impact.csv of github.com/mlco2/impact, which knows no PUE."""
    hours = 1_000_000 / 61.49 / 3600
    assert hours == pytest.approx(4.52, abs=0.005)
    watts, grid = Bounds(low=70, mid=70, high=70), Bounds(low=0.3678, mid=0.3678, high=0.3678)
    kg = estimate_machine_co2(4.52 * 3600, watts, pue=1.0, grid_kg_per_kwh=grid)
    assert find("RoBERTa-base", "kg_co2_per_million")[0] == round(kg.mid, 2)


def test_both_ends_of_gpt_4_s_co2_stand_on_one_factor_of_the_grid() -> None:
    low, high = find("GPT-4", "kg_co2_per_million")
    assert low is not None
    kg_per_kwh = low / (0.0017 * 1_000_000)
    assert high == round(0.0026 * 1_000_000 * kg_per_kwh, -2), "printed as 1.1 tonnes"


def test_the_preset_says_of_its_candidates_what_the_study_published() -> None:
    published = [candidate["published"]["accuracy"] for candidate in CANDIDATES]
    assert published == [accuracy for accuracies in ACCURACY.values() for accuracy in accuracies]


needs_answers = pytest.mark.skipif(
    not ANSWERS.exists(), reason="the study's answers (../shared) are not part of the project"
)


def read_answers(teacher: str) -> list[dict[str, str]]:
    with (ANSWERS / f"{FILES[teacher]}_test.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@needs_answers
def test_the_preset_s_reasons_for_other_figures_are_what_the_answers_give() -> None:
    """Of three votes without two that agree the study drew one by lot, which is an abstention here."""
    rows = read_answers("Mixtral-8x7B")
    votes = [Counter(row[f"sc_iter{number}"] for number in (1, 2, 3)).most_common(1)[0] for row in rows]
    decided = [label if count > 1 else None for label, count in votes]
    answers: list[Sequence[str | None]] = [
        [row["label_llm"] for row in rows],
        [row["sc_iter1"] for row in rows],
        decided,
    ]
    texts = [{row["text"] for row in read_answers(teacher)} for teacher in ("Mixtral-8x7B", "GPT-4 (0125)")]
    for candidate, labels in zip(CANDIDATES, answers, strict=False):
        right = sum(row["label_experts"] == label for row, label in zip(rows, labels, strict=True)) / len(rows)
        said = candidate["published"]["difference"]
        assert f"; there {right:.3f} here" in said
        assert re.findall(r"\d+", said)[:2] == [str(len(rows)), str(len(texts[0] & texts[1]))]


@needs_answers
@pytest.mark.parametrize("teacher", FILES)
def test_the_teachers_accuracies_are_those_of_their_answers(teacher: str) -> None:
    rows = read_answers(teacher)
    right = [sum(row[column] == row["label_experts"] for row in rows) / len(rows) for column in COLUMNS]
    assert len(rows) == 453
    assert tuple(round(share, 3) for share in right) == ACCURACY[teacher]
