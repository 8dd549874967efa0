import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from distil.scores import bootstrap_intervals, compare_paired, is_right, score_labels

LABELS = ("a", "b", "c")
PAIRS = st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), min_size=1, max_size=40)


@given(PAIRS)
@settings(max_examples=50, deadline=None)
def test_agrees_with_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    actual, predicted = (list(side) for side in zip(*pairs, strict=True))
    scores = score_labels(actual, predicted, LABELS)
    assert scores["accuracy"] == pytest.approx(accuracy_score(actual, predicted))
    assert scores["micro_f1"] == pytest.approx(accuracy_score(actual, predicted))
    assert scores["macro_f1"] == pytest.approx(f1_score(actual, predicted, average="macro", zero_division=0))
    if len(set(actual)) > 1 and set(predicted) <= set(actual):
        assert scores["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(actual, predicted))


def test_abstention_lowers_accuracy_and_recall_never_precision() -> None:
    actual = ["a", "a", "b", "b"]
    full, partial = (score_labels(actual, predicted, LABELS) for predicted in (actual, ["a", None, "b", "b"]))
    assert full["accuracy"] == full["macro_f1"] == full["micro_f1"] == 1
    assert partial["accuracy"] == 0.75
    assert partial["recall"] == partial["balanced_accuracy"] == 0.75
    assert partial["precision"] == 1
    assert partial["per_class"]["a"] == {"precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "support": 2}
    assert partial["per_class"]["b"]["recall"] == 1


def test_nothing_but_abstentions() -> None:
    scores = score_labels(["a", "b"], [None, None], LABELS)
    assert scores["accuracy"] == scores["macro_f1"] == scores["precision"] == 0


def test_label_that_does_not_occur_is_left_out_of_macro_scores() -> None:
    scores = score_labels(["a", "b"], ["a", "b"], LABELS)
    assert list(scores["per_class"]) == ["a", "b"]
    assert scores["macro_f1"] == 1


def test_intervals_are_those_of_resampled_rows() -> None:
    rng = np.random.default_rng(1)
    actual = rng.choice(LABELS, 200).tolist()
    answers: list[str | None] = ["a", "b", "c", None]
    predicted = [label if rng.random() < 0.7 else answers[rng.integers(4)] for label in actual]
    found = bootstrap_intervals(actual, predicted, LABELS, samples=4000, confidence=0.9, seed=0)
    drawn: dict[str, list[float]] = {"accuracy": [], "macro_f1": []}
    for _ in range(200):
        rows = rng.integers(0, 200, 200)
        scores = score_labels([actual[row] for row in rows], [predicted[row] for row in rows], LABELS)
        for name, values in drawn.items():
            values.append(scores[name])
    for name, values in drawn.items():
        assert found[name] == pytest.approx(np.quantile(values, [0.05, 0.95]), abs=0.015)


def test_intervals_depend_on_the_seed_alone() -> None:
    actual, predicted = ["a", "b", "c", "a"] * 20, ["a", "b", "a", None] * 20
    one, again, other = (bootstrap_intervals(actual, predicted, LABELS, 200, 0.95, seed) for seed in (0, 0, 1))
    assert one == again != other
    assert one["accuracy"][0] < 0.5 < one["accuracy"][1]


def test_interval_of_a_perfect_system() -> None:
    found = bootstrap_intervals(["a", "b"] * 10, ["a", "b"] * 10, LABELS, 100, 0.95, 0)
    assert found == {"accuracy": (1, 1), "macro_f1": (1, 1)}


def test_paired_difference() -> None:
    right, other = np.array([True] * 8 + [False] * 2 + [True] * 5), np.array([False] * 8 + [True] * 2 + [True] * 5)
    *counts, p_value = compare_paired(right, other)
    assert counts == [8, 2]
    assert p_value == pytest.approx(0.109375)  # 2 (1 + 10 + 45) / 2^10
    assert compare_paired(other, right) == (2, 8, p_value)
    assert compare_paired(right, right) == (0, 0, 1.0)


def test_missing_prediction_is_not_right() -> None:
    assert is_right(["a", "b", "c"], ["a", None, "a"]).tolist() == [True, False, False]
