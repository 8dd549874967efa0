from typing import Any

import numpy as np
import pytest
from growth import grows_in_proportion
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, jaccard_score, precision_recall_fscore_support

from distil.kinds.multi_label.labelling.canonical.label import soften, write_label
from distil.kinds.multi_label.scoring.scores import HEADLINE, bound_scores, compare_paired, score_labels
from distil.quality.bootstrap import Bootstrap

LABELS = ("a", "b", "c", "d")
SETS = st.sets(st.sampled_from("abcd")).map(lambda names: write_label(sorted(names)))
PAIRS = st.lists(st.tuples(SETS, SETS | st.none()), min_size=1, max_size=30)


def draw(rows: int, right: float, seed: int, labels: int = 4) -> tuple[list[str], list[str]]:
    """Sets of labels, and answers that are right about each label at a rate."""
    rng = np.random.default_rng(seed)
    known = rng.random((rows, labels)) < 0.3
    said = known ^ (rng.random(known.shape) > right)
    names = [f"l{number}" for number in range(labels)] if labels > 4 else LABELS
    return tuple(
        [write_label(name for name, has in zip(names, row, strict=True) if has) for row in side]
        for side in (known, said)
    )  # type: ignore[return-value]


@given(PAIRS)
@settings(max_examples=60)
def test_agrees_with_scikit_learn(pairs: list[tuple[str, str | None]]) -> None:
    actual, predicted = [known for known, _ in pairs], [said for _, said in pairs]
    known = np.array([soften(label, LABELS) for label in actual], dtype=int)
    said = np.array([soften(label or "[]", LABELS) for label in predicted], dtype=int)
    scores = score_labels(actual, predicted, LABELS)
    occurring = np.flatnonzero((known + said).any(axis=0)).tolist()
    for average in ("micro", "macro"):
        if occurring:
            expected = precision_recall_fscore_support(
                known, said, labels=occurring, average=average, zero_division=0.0
            )
            for name, value in zip(("precision", "recall", "f1"), expected, strict=False):
                assert scores[f"{average}_{name}"] == pytest.approx(value)
    by_label = precision_recall_fscore_support(known, said, zero_division=0.0)
    assert list(scores["per_class"]) == [LABELS[number] for number in occurring]
    for column, name in enumerate(("precision", "recall", "f1", "support")):
        found = [each[name] for each in scores["per_class"].values()]
        assert found == pytest.approx([by_label[column][number] for number in occurring])
    if None not in predicted:
        assert scores["exact_match"] == pytest.approx(accuracy_score(known, said))
        assert scores["jaccard"] == pytest.approx(jaccard_score(known, said, average="samples", zero_division=1.0))
    assert set(HEADLINE) <= set(scores)


def test_an_abstention_finds_nothing_and_is_never_right() -> None:
    scores = score_labels(['["a"]', "[]", "[]"], ['["a"]', None, "[]"], LABELS)
    assert scores["exact_match"] == scores["jaccard"] == pytest.approx(2 / 3)
    assert scores["micro_f1"] == 1
    missed = score_labels(['["a"]', '["a", "b"]'], ['["a"]', None], LABELS)
    assert missed["micro_precision"] == 1
    assert missed["micro_recall"] == pytest.approx(1 / 3)


def test_labels_that_never_occur_distort_no_macro_figure() -> None:
    few, many = (score_labels(['["a"]', '["b"]'], ['["a"]', '["b"]'], labels) for labels in (("a", "b"), LABELS))
    assert few == many
    assert many["macro_f1"] == 1


def test_bounds_hold_the_score_and_shrink_with_rows() -> None:
    widths = []
    for rows in (60, 600):
        actual, predicted = draw(rows, 0.9, 0)
        scores = score_labels(actual, predicted, LABELS)
        bounds = bound_scores(actual, predicted, LABELS, Bootstrap(500, 0.95, 1))
        assert bounds == bound_scores(actual, predicted, LABELS, Bootstrap(500, 0.95, 1))
        assert set(bounds) == {name for name in scores if name != "per_class"}
        for name, (low, high) in bounds.items():
            assert low is not None
            assert high is not None
            assert low <= scores[name] <= high
        widths.append(bounds["micro_f1"][1] - bounds["micro_f1"][0])  # type: ignore[operator]
    assert widths[1] == pytest.approx(widths[0] / np.sqrt(10), rel=0.3)


def test_bounds_are_those_of_texts_drawn_one_by_one() -> None:
    actual, predicted = draw(150, 0.9, 3)
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(500):
        rows = rng.integers(0, 150, 150)
        drawn.append(score_labels([actual[row] for row in rows], [predicted[row] for row in rows], LABELS)["macro_f1"])
    assert bound_scores(actual, predicted, LABELS, Bootstrap(2000, 0.9, 0))["macro_f1"] == pytest.approx(
        np.quantile(drawn, [0.05, 0.95]), abs=0.008
    )


def test_where_all_texts_are_right_only_a_share_of_texts_has_bounds() -> None:
    bounds = bound_scores(['["a"]'] * 30, ['["a"]'] * 30, LABELS, Bootstrap(100, 0.95, 0))
    assert bounds["micro_f1"] == (None, None)
    assert bounds["exact_match"] == pytest.approx((0.8843, 1.0), abs=1e-4)


def compare(actual: list[str], one: Any, other: Any, samples: int = 1000) -> dict[str, Any]:
    return compare_paired(actual, one, other, LABELS, Bootstrap(samples, 0.95, 0))


def test_a_better_system_is_told_from_another_and_the_same_is_not() -> None:
    actual, good = draw(300, 0.95, 0)
    _, bad = draw(300, 0.8, 0)
    found = compare(actual, good, bad)
    expected = score_labels(actual, good, LABELS)["micro_f1"] - score_labels(actual, bad, LABELS)["micro_f1"]
    assert found["difference"] == pytest.approx(expected)
    assert 0 < found["difference_low"] < found["difference"] < found["difference_high"]
    assert found["p_value"] == pytest.approx(1 / 1001)
    back = compare(actual, bad, good)
    assert back["difference"] == pytest.approx(-expected)
    assert back["p_value"] == found["p_value"]
    same = compare(actual, good, good)
    assert same == {"difference": 0, "difference_low": None, "difference_high": None, "p_value": 1}


def test_p_values_of_systems_that_are_as_good_are_spread_evenly() -> None:
    p_values = []
    for seed in range(60):
        actual, one = draw(80, 0.85, seed)
        known = np.array([soften(label, LABELS) for label in actual], dtype=bool)
        flips = np.random.default_rng(1000 + seed).random(known.shape) > 0.85
        other = [write_label(name for name, has in zip(LABELS, row, strict=True) if has) for row in known ^ flips]
        p_values.append(compare(actual, one, other, samples=200)["p_value"])
    assert 0.3 < np.mean(p_values) < 0.7
    assert np.mean(np.array(p_values) < 0.1) < 0.25


def test_an_abstention_can_be_compared() -> None:
    assert compare(['["a"]', '["b"]'], ['["a"]', None], [None, None])["difference"] == pytest.approx(2 / 3)


def test_many_texts_take_time_in_proportion() -> None:
    labels = [f"l{number}" for number in range(40)]

    def score(texts: int) -> None:
        actual, predicted = draw(texts, 0.97, 0, labels=40)
        bound_scores(actual, predicted, labels, Bootstrap(200, 0.95, 0))
        compare_paired(actual, predicted, actual, labels, Bootstrap(200, 0.95, 0))

    assert grows_in_proportion(score, 1000)
