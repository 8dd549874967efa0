"""Certified thresholds on rows whose true risk is known: how often they miss it, and when there is none."""

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from distil.core.errors import InputError
from distil.core.params import load_params
from distil.selective.params import CascadeParams, Target
from distil.selective.threshold import (
    AT_THE_STRICTEST,
    GRID,
    Calibrated,
    certify,
    choose_threshold,
    place_starts,
)

RNG = np.random.default_rng(0)
TEACHER = 0.94  # how often it is right


def draw(rows: int, rng: np.random.Generator) -> Calibrated:
    """Rows whose student is right as often as it is sure, and whose teacher errs anywhere alike."""
    sureness = rng.beta(4, 1, rows)
    return Calibrated(sureness, rng.random(rows) < sureness, rng.random(rows) < TEACHER)


def agreement(rows: Calibrated) -> Calibrated:
    return rows._replace(teacher_right=np.ones(len(rows.sureness), dtype=bool))


WORLD = draw(400_000, np.random.default_rng(1))


def true_accuracy(threshold: float, teacher_right: bool) -> float:
    keeps = WORLD.sureness >= threshold
    teacher = np.ones(len(keeps), dtype=bool) if teacher_right else WORLD.teacher_right
    return float(np.where(keeps, WORLD.student_right, teacher).mean())


@pytest.mark.parametrize("target", [Target("agreement", 0.9), Target("accuracy", 0.9)])
def test_targets_are_missed_no_more_often_than_the_risk_allows(target: Target) -> None:
    rng = np.random.default_rng(2)
    starts = place_starts(draw(80, rng).sureness)
    found, missed, draws, risk = 0, 0, 150, 0.1
    for _ in range(draws):
        rows = draw(300, rng)
        of_agreement = target.name == "agreement"
        chosen = choose_threshold(agreement(rows) if of_agreement else rows, target, 0.1, risk, starts)
        if chosen.threshold is not None:
            found += 1
            missed += true_accuracy(chosen.threshold, of_agreement) < target.value
            assert chosen.kept is not None and chosen.kept > 0
    assert found > draws / 2
    assert binomtest(missed, draws, risk, alternative="greater").pvalue > 0.01
    assert missed < 0.1 * draws


def test_of_agreement_the_loosest_threshold_is_taken_whose_errors_are_few_enough() -> None:
    rows = agreement(draw(500, np.random.default_rng(3)))
    chosen = choose_threshold(rows, Target("agreement", 0.9), 0.1, 0.05)
    assert chosen.threshold is not None
    losses = [(~rows.student_right & (rows.sureness >= threshold)).sum() for threshold in GRID]
    enough = [number for number, loss in enumerate(losses) if binom.cdf(loss, 500, 0.1) <= 0.05]
    assert GRID[enough[-1]] == chosen.threshold
    assert chosen.kept == (rows.sureness >= chosen.threshold).mean()


def test_a_few_rows_certify_nothing_and_it_is_told_how_many_would_do() -> None:
    rows = agreement(draw(98, np.random.default_rng(4)))
    right = rows._replace(student_right=np.ones(98, dtype=bool))
    target = Target("agreement", 0.97)
    few = choose_threshold(right, target, 0.03, 0.05)
    assert (few.threshold, few.why) == (None, "about 99 rows would do with an even chance, by the rates of these")
    more = Calibrated(np.append(right.sureness, 0.9), np.ones(99, dtype=bool), np.ones(99, dtype=bool))
    assert choose_threshold(more, target, 0.03, 0.05).kept == 1.0


def test_a_target_that_no_number_of_rows_would_hold_is_refused() -> None:
    wrong = draw(400, np.random.default_rng(5))._replace(student_right=np.zeros(400, dtype=bool))
    chosen = choose_threshold(wrong, Target("accuracy", 0.97), 0.03, 0.05)
    assert chosen.threshold is None
    assert chosen.why == "no threshold that keeps 10% of them holds it, whatever their number: lower the target"
    nothing = agreement(draw(0, RNG))
    assert choose_threshold(nothing, Target("agreement", 0.95), 0.05, 0.05).threshold is None


def test_a_target_above_the_teacher_s_own_accuracy_is_found_where_both_together_beat_it() -> None:
    rng = np.random.default_rng(6)
    sureness = rng.random(3000)
    student = np.where(sureness > 0.5, True, rng.random(3000) < 0.6)
    rows = Calibrated(sureness, student, rng.random(3000) < 0.9)
    target = Target("accuracy", 0.915)
    alone = choose_threshold(rows, target, 0.085, 0.05)
    assert alone.threshold is None, "the strictest threshold leaves all to a teacher that is right on 90 %"
    chosen = choose_threshold(rows, target, 0.085, 0.05, place_starts(rng.random(100)))
    assert chosen.threshold is not None and 0.4 < chosen.threshold < 0.5


def test_dollars_bound_the_share_that_is_passed_on() -> None:
    rows = draw(400, np.random.default_rng(7))
    chosen = choose_threshold(rows, Target("usd_per_million", 50.0), 0.25, 0.05)
    assert chosen.threshold is not None
    passed = (rows.sureness < chosen.threshold).sum()
    assert binom.cdf(passed, 400, 0.25) <= 0.05
    assert 0.15 < passed / 400 < 0.25


def test_the_fallback_procedure_stops_at_what_is_not_rejected_and_starts_again() -> None:
    p_values = np.array([0.2, 0.0, 0.03, 0.04, 0.06, 0.0, 0.0])
    assert certify(p_values, 0.05, {0: 0.1, 2: 0.8, 5: 0.1}).tolist() == [False] * 2 + [True, True, False, True, True]
    assert not certify(p_values, 0.05, AT_THE_STRICTEST).any()
    assert certify(np.array([0.005, 0.045, 0.05, 0.051]), 0.05, {0: 0.1, 1: 0.8, 2: 0.1}).tolist() == [True] * 3 + [
        False
    ]


def test_starts_keep_the_shares_that_they_are_to_keep() -> None:
    sureness = np.linspace(0.5, 0.999, 300)
    kept = {float(np.mean(sureness >= GRID[number])): part for number, part in place_starts(sureness).items()}
    assert list(kept) == pytest.approx([0, 1 / 3, 2 / 3], abs=0.05)
    assert sum(kept.values()) == pytest.approx(1)
    assert sum(place_starts(np.full(5, 0.7)).values()) == pytest.approx(1)
    assert place_starts(np.zeros(0)) == AT_THE_STRICTEST


@pytest.mark.parametrize(
    ("section", "fault"),
    [
        ("{accuracy: 0.9, agreement: 0.9}", "accuracy and agreement exclude each other: keep one target"),
        ("{risk: 0.1}", "it names no target: give one of accuracy, agreement, usd_per_million"),
        ("{agreement: 1.0}", "cascade.agreement = 1.0"),
        ("{agreement: yes}", "cascade.agreement = True"),
        ("{agrees: 0.9}", "unknown key cascade.agrees"),
    ],
)
def test_a_section_that_means_nothing_is_refused(tmp_path, section: str, fault: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "params.yaml"
    path.write_text(f"cascade: {section}\n")
    with pytest.raises(InputError, match=fault):
        load_params("cascade", CascadeParams, path)


@pytest.mark.parametrize("text", ["cascade: null\n", "cascade:\n", "other: 1\n"])
def test_without_a_target_there_is_no_cascade(tmp_path, text: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "params.yaml"
    path.write_text(text)
    params = load_params("cascade", CascadeParams, path, optional=True)
    assert params.target is None
    params.check_rows(0)


def test_a_cascade_needs_rows_and_accuracy_needs_gold() -> None:
    CascadeParams(agreement=0.9).check_gold(0)
    with pytest.raises(
        InputError, match=r"needs rows of its own to choose a threshold on, and split\.calibration_share"
    ):
        CascadeParams(agreement=0.9).check_rows(0)
    with pytest.raises(
        InputError, match="needs calibration rows that people labelled, and there are none; set agreement"
    ):
        CascadeParams(accuracy=0.9).check_gold(0)
