import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, precision_recall_fscore_support

from distil.quality.scores import compare_paired, is_right, score_labels, score_tables, tabulate

LABELS = ("a", "b", "c")
PAIRS = st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), min_size=1, max_size=40)


@given(PAIRS)
@settings(max_examples=50)
def test_agrees_with_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    actual, predicted = (list(side) for side in zip(*pairs, strict=True))
    scores = score_labels(actual, predicted, LABELS)
    assert scores["accuracy"] == pytest.approx(accuracy_score(actual, predicted))
    assert scores["micro_f1"] == pytest.approx(accuracy_score(actual, predicted))
    assert scores["macro_f1"] == pytest.approx(f1_score(actual, predicted, average="macro", zero_division=0))
    if len(set(actual)) > 1 and set(predicted) <= set(actual):
        assert scores["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(actual, predicted))


@given(st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from([*LABELS, None])), min_size=1, max_size=40))
@settings(max_examples=50)
def test_agrees_with_scikit_learn_where_some_abstain(pairs: list[tuple[str, str | None]]) -> None:
    actual, predicted = [known for known, _ in pairs], [label for _, label in pairs]
    scores = score_labels(actual, predicted, LABELS)
    said = [label or "" for label in predicted]
    occurring = [label for label in LABELS if label in actual or label in said]
    options = {"labels": occurring, "zero_division": 0.0}
    by_label = precision_recall_fscore_support(actual, said, **options)
    assert list(scores["per_class"]) == occurring
    for column, name in enumerate(("precision", "recall", "f1", "support")):
        assert [found[name] for found in scores["per_class"].values()] == pytest.approx(by_label[column])
    for name, value in zip(("precision", "recall", "macro_f1"), by_label, strict=False):
        assert scores[name] == pytest.approx(value.mean())
    assert scores["micro_f1"] == pytest.approx(f1_score(actual, said, average="micro", **options))


def test_tables_are_counted_and_scored_many_at_a_time() -> None:
    one = tabulate(["a", "a", "b", "c"], ["a", None, "a", "c"], LABELS)
    assert one.tolist() == [[1, 0, 0, 1], [1, 0, 0, 0], [0, 0, 1, 0]]
    both = score_tables(np.stack([one, 3 * one, np.eye(3, 4, dtype=np.int64)]))
    for name, values in both.items():
        assert values.tolist() == pytest.approx([float(score_tables(one)[name])] * 2 + [1])


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


def test_one_label_is_scored_without_a_warning(recwarn: pytest.WarningsRecorder) -> None:
    scores = score_labels(["a"] * 4, ["a", "a", "b", None], LABELS)
    assert scores["accuracy"] == scores["balanced_accuracy"] == 0.5
    assert (scores["precision"], scores["recall"]) == (0.5, 0.25)  # means over a and b, which occurs as an answer
    assert not recwarn.list


def test_paired_difference() -> None:
    right, other = np.array([True] * 8 + [False] * 2 + [True] * 5), np.array([False] * 8 + [True] * 2 + [True] * 5)
    *counts, p_value = compare_paired(right, other)
    assert counts == [8, 2]
    assert p_value == pytest.approx(0.109375)  # 2 (1 + 10 + 45) / 2^10
    assert compare_paired(other, right) == (2, 8, p_value)
    assert compare_paired(right, right) == (0, 0, 1.0)


def test_missing_prediction_is_not_right() -> None:
    assert is_right(["a", "b", "c", None], ["a", None, "a", None]).tolist() == [True, False, False, False]
