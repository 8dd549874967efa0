from pathlib import Path

import krippendorff
import numpy as np
import pytest
from toy_review import answer, write_review

from distil.core.params import Kind
from distil.forms.labelling import load_labelling
from distil.forms.scores import load_scores
from distil.review.agreement import Measure, describe_measure, measure_agreement

LABELS = ["a", "b", "c"]
TEXTS = [f"text {number}" for number in range(40)]


def measure(folder: Path, kind: Kind, by_reader: dict[str, list[str | None]]) -> list[Measure]:
    places = write_review(folder, TEXTS, [None] * len(TEXTS), audited=0)
    given = [
        each
        for reader, labels in by_reader.items()
        for text, label in zip(TEXTS, labels, strict=False)
        for each in answer(places, "queue", [text], label, reader=reader)
    ]
    return measure_agreement(given, load_labelling(kind).votes, load_scores(kind), LABELS)


def test_kappa_and_alpha_of_two_readers_are_those_of_the_libraries(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    one = rng.choice(LABELS, 40).tolist()
    other = [label if rng.random() < 0.8 else "a" for label in one]
    kappa, alpha = measure(tmp_path, "classification", {"x": one, "y": [*other[:-1], None]})
    assert (kappa.name, kappa.rows) == ("Cohen's kappa", 39)
    numbers = [[LABELS.index(label) for label in labels[:39]] for labels in (one, other)]
    assert alpha.value == pytest.approx(krippendorff.alpha(numbers, level_of_measurement="nominal"))
    for found in (kappa, alpha):
        assert found.value is not None and found.low is not None and found.high is not None
        assert found.low < found.value < found.high
        assert 0.1 < found.high - found.low < 0.5


def test_three_readers_have_a_pair_each_and_one_alpha(tmp_path: Path) -> None:
    found = measure(tmp_path, "classification", {"x": ["a", "b"] * 10, "y": ["a", "b"] * 10, "z": ["a"] * 20})
    assert [measure.readers for measure in found] == [["x", "y"], ["x", "z"], ["y", "z"], ["x", "y", "z"]]
    assert (found[0].value, found[1].value) == (1, 0)


def test_sets_and_spans_go_by_f1(tmp_path: Path) -> None:
    spans = ['[{"start": 0, "end": 4, "label": "a"}]', "[]"] * 5
    f1, alpha = measure(tmp_path, "token_classification", {"x": list(spans), "y": [*spans[:-2], "[]", "[]"]})
    assert (f1.name, f1.same) == ("F1", 0.9)
    assert f1.value == pytest.approx(8 / 9)
    assert alpha.value is not None and 0.5 < alpha.value < 1


def test_nothing_is_measured_where_nobody_read_the_same_rows(tmp_path: Path) -> None:
    assert measure(tmp_path, "classification", {"x": ["a", "b"]}) == []


def test_one_label_alone_is_no_agreement_beyond_chance(tmp_path: Path) -> None:
    kappa, alpha = measure(tmp_path, "classification", {"x": ["a"] * 5, "y": ["a"] * 5})
    assert (kappa.value, alpha.value) == (None, None)
    assert describe_measure(kappa) == "x, y: the same on 100.0% of 5 rows, Cohen's kappa not defined"
