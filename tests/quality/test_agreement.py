import pytest
from sklearn.metrics import cohen_kappa_score

from distil.forms.scores import load_scores
from distil.quality.agreement import measure_agreement, name_agreement

ONE, OTHER, LABELS = ["a", "b", "a", "b", "a"], ["a", "b", "b", "b", "a"], ["a", "b"]


def test_one_label_a_text_is_measured_beyond_chance() -> None:
    form = load_scores("classification")
    assert name_agreement(form) == "Cohen's kappa"
    assert measure_agreement(ONE, OTHER, form, LABELS) == pytest.approx(cohen_kappa_score(ONE, OTHER))
    assert measure_agreement(ONE, ONE, form, LABELS) == 1
    assert measure_agreement(["a"], ["b"], form, LABELS) == 0


def test_sets_and_spans_are_measured_by_what_both_name() -> None:
    form = load_scores("multi_label")
    assert name_agreement(form) == name_agreement(load_scores("token_classification")) == "F1"
    found = measure_agreement(['["a"]', '["a", "b"]'], ['["a"]', '["b"]'], form, LABELS)
    assert found == pytest.approx(2 * 2 / (3 + 2))
    assert measure_agreement(['["a"]'], ['["a"]'], form, LABELS) == 1


def test_where_it_is_not_defined_there_is_none() -> None:
    assert measure_agreement([], [], load_scores("classification"), LABELS) is None
    assert measure_agreement(["a", "a"], ["a", "a"], load_scores("classification"), LABELS) is None
    assert measure_agreement([], [], load_scores("multi_label"), LABELS) is None
