from typing import Any

import numpy as np
import pytest

from distil.kinds.token_classification.labelling.canonical.label import write_label
from distil.kinds.token_classification.scoring.scores import HEADLINE, bound_scores, compare_paired, score_labels
from distil.quality.bootstrap import Bootstrap

LABELS = ["PER", "LOC", "ORG"]
Spans = list[tuple[int, int, str]]


def score(*pairs: tuple[Spans, Spans | None]) -> dict[str, Any]:
    """Scores of what is known of each text and what was said."""
    return score_labels(
        [write_label(known) for known, _ in pairs],
        [None if said is None else write_label(said) for _, said in pairs],
        LABELS,
    )


def test_a_span_counts_if_ends_and_label_are_right() -> None:
    scores = score(
        ([(0, 3, "PER"), (5, 8, "LOC")], [(0, 3, "PER"), (5, 9, "LOC")]),
        ([(0, 3, "PER")], [(0, 3, "LOC")]),
        ([], []),
    )
    assert (scores["micro_precision"], scores["micro_recall"], scores["micro_f1"]) == pytest.approx(
        (1 / 3, 1 / 3, 1 / 3)
    )
    assert scores["exact_match"] == pytest.approx(1 / 3)
    per = {"precision": 1, "recall": 0.5, "f1": pytest.approx(2 / 3), "support": 2}
    loc = {"precision": 0, "recall": 0, "f1": 0, "support": 1}
    assert scores["per_class"] == {"PER": per, "LOC": loc}
    assert scores["macro_f1"] == pytest.approx(1 / 3)  # of the labels that occur
    assert set(HEADLINE) < set(scores)


def test_an_abstention_found_nothing() -> None:
    gold: Spans = [(0, 3, "PER")]
    silent, empty = score((gold, gold), (gold, None), ([], None)), score((gold, gold), (gold, []), ([], []))
    assert silent["micro_recall"] == empty["micro_recall"] == 0.5
    assert silent["micro_precision"] == 1
    assert silent["exact_match"] == pytest.approx(1 / 3)
    assert empty["exact_match"] == pytest.approx(2 / 3)


SEMEVAL = [  # known, said, and twice the worth of what was said: strict, exact, partial, type
    ([(0, 3, "PER")], [(0, 3, "PER")], (2, 2, 2, 2)),
    ([(0, 3, "PER")], [(0, 3, "LOC")], (0, 2, 2, 0)),
    ([(0, 3, "PER")], [(0, 5, "PER")], (0, 0, 1, 2)),
    ([(0, 3, "PER")], [(1, 5, "LOC")], (0, 0, 1, 0)),
    ([(0, 3, "PER")], [(3, 5, "PER")], (0, 0, 0, 0)),
    ([(0, 3, "PER"), (4, 9, "PER")], [(0, 9, "PER")], (0, 0, 1, 2)),  # takes one of the two; the other is missed
    ([(0, 9, "PER")], [(0, 3, "PER"), (4, 9, "PER")], (0, 0, 1, 2)),  # the second is spurious
    ([(0, 3, "LOC"), (4, 9, "PER")], [(2, 9, "PER")], (0, 0, 1, 2)),  # by type that of its label
    ([(0, 3, "PER")], [], (0, 0, 0, 0)),
]


@pytest.mark.parametrize(("known", "said", "worth"), SEMEVAL)
def test_the_four_of_semeval(known: Spans, said: Spans, worth: tuple[int, ...]) -> None:
    scores = score((known, said))
    found = [scores[f"{scheme}_f1"] * (len(known) + len(said)) for scheme in ("strict", "exact", "partial", "type")]
    assert found == pytest.approx(worth)


def draw(seed: int, texts: int = 200) -> tuple[list[str], list[str]]:
    """Known spans and what a system says that is wrong on some."""
    rng = np.random.default_rng(seed)
    known, said = [], []
    for _ in range(texts):
        spans = [(10 * place, 10 * place + 5, str(rng.choice(LABELS))) for place in range(rng.integers(0, 4))]
        kept = [(start, end + int(rng.random() < 0.2), label) for start, end, label in spans if rng.random() < 0.8]
        known.append(write_label(spans))
        said.append(write_label(kept))
    return known, said


def test_strict_is_exact_f1() -> None:
    scores = score_labels(*draw(1), LABELS)
    assert scores["strict_f1"] == pytest.approx(scores["micro_f1"])
    assert scores["strict_f1"] < scores["exact_f1"] + 1e-9 < scores["partial_f1"]


def test_bounds_hold_the_score_and_are_those_of_drawing_texts() -> None:
    known, said = draw(2)
    scores, bounds = score_labels(known, said, LABELS), bound_scores(known, said, LABELS, Bootstrap(2000, 0.95, 0))
    assert set(bounds) == set(scores) - {"per_class"}
    assert bounds == bound_scores(known, said, LABELS, Bootstrap(2000, 0.95, 0))
    rng = np.random.default_rng(1)
    drawn = []
    for _ in range(300):
        rows = rng.integers(0, len(known), len(known))
        drawn.append(score_labels([known[row] for row in rows], [said[row] for row in rows], LABELS)["micro_f1"])
    low, high = bounds["micro_f1"]
    assert low is not None
    assert high is not None
    assert low < scores["micro_f1"] < high
    assert (low, high) == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.01)


def test_bounds_without_width_are_unknown() -> None:
    known, _ = draw(3, texts=20)
    assert bound_scores(known, known, LABELS, Bootstrap(100, 0.95, 0))["micro_f1"] == (None, None)


def test_systems_are_compared_on_the_same_texts() -> None:
    known, said = draw(4)
    none: list[str | None] = [None] * len(known)
    same = compare_paired(known, said, said, LABELS, Bootstrap(500, 0.95, 0))
    assert (same["difference"], same["p_value"]) == (0, 1)
    better = compare_paired(known, said, none, LABELS, Bootstrap(500, 0.95, 0))
    assert better["difference"] == pytest.approx(score_labels(known, said, LABELS)["micro_f1"])
    assert better["p_value"] == pytest.approx(1 / 501)
    worse = compare_paired(known, none, said, LABELS, Bootstrap(500, 0.95, 0))
    assert worse["difference"] == -(better["difference"] or 0)
    assert worse["difference_high"] == pytest.approx(-(better["difference_low"] or 0), abs=0.01)


def test_a_difference_by_chance_is_told_as_one() -> None:
    known, said = draw(5, texts=60)
    other = [*said[:1], write_label([]), *said[2:]]
    assert (compare_paired(known, said, other, LABELS, Bootstrap(500, 0.95, 0))["p_value"] or 0) > 0.2
