"""Answers that are spans: how they are asked for, and what is told of them, by hand."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from distil.forms.answering import Answers
from distil.kinds.token_classification.labelling.canonical.label import read_soft, soften, write_label
from distil.kinds.token_classification.labelling.canonical.spans import Span
from distil.kinds.token_classification.scoring import judging
from distil.kinds.token_classification.scoring.asking import ask
from distil.quality.bootstrap import Bootstrap
from distil.quality.judging import Scoring

LABELS = ["person", "place"]
SCORING = Scoring(judging, LABELS, 10, Bootstrap(100, 0.95, 0))
ACTUAL = [write_label(spans) for spans in ([(0, 4, "person"), (10, 14, "place")], [], [(3, 8, "place")])]


def found(start: int, end: int, label: str, probability: float) -> Any:
    return SimpleNamespace(start=start, end=end, label=label, probability=probability)


SAID = [
    [found(10, 14, "person", 0.6), found(0, 4, "person", 0.91234567)],
    [],
    [found(3, 7, "place", 0.8), found(9, 12, "place", 0.7)],
]


def answer() -> Answers:
    return ask(SimpleNamespace(predict=lambda texts: SAID), ["x"] * 3, LABELS)


def test_spans_come_in_the_order_of_the_text_with_their_probabilities() -> None:
    said = answer()
    assert said.labels[0] == write_label([(0, 4, "person"), (10, 14, "person")])
    assert said.labels[1] == "[]"
    first, second, _ = said.probabilities
    assert first is not None and first.tolist() == [0, 4, 0, 0.912346, 10, 14, 0, 0.6]
    assert second is not None and second.size == 0


def test_soft_is_read_as_it_is_written() -> None:
    assert read_soft(soften(ACTUAL[0], LABELS), LABELS) == {Span(0, 4, "person"): 1, Span(10, 14, "place"): 1}


def test_each_score_has_its_bounds() -> None:
    scores = judging.score(ACTUAL, answer(), SCORING)
    assert scores["micro_f1"] == pytest.approx(2 * 1 / (3 + 4))
    assert scores["exact_match"] == pytest.approx(1 / 3)
    assert scores["confusion"] is None
    for name in (*judging.HEADLINE, "exact_match", "type_f1"):
        assert scores[f"{name}_low"] <= scores[name] <= scores[f"{name}_high"]


def test_right_on_all_texts_has_exact_bounds_of_the_exact_match() -> None:
    actual = ACTUAL[:1] * 3
    scores = judging.score(actual, Answers(actual, [None] * 3), SCORING)
    assert (scores["micro_f1"], scores["micro_f1_low"], scores["calibration"]) == (1, None, None)
    assert scores["exact_match_low"] == pytest.approx(0.025 ** (1 / 3)) and scores["exact_match_high"] == 1


def test_what_is_calibrated_is_each_span_that_is_said() -> None:
    judged = judging.judge(ACTUAL, answer(), SCORING)
    assert judged["confidence"].tolist() == [0.912346, 0.6, 0.8, 0.7]
    assert judged["right"].tolist() == [True, False, False, False]
    votes = np.array([0, 4, 0, 0.75, 0, 6, 0, 0.25])
    teacher = judging.judge(ACTUAL[:1], Answers([write_label([(0, 4, "person")])], [votes]), SCORING)
    assert teacher["confidence"].tolist() == [0.75], "of the spans that votes name those in the label"


def test_decisions_pair_what_stands_at_the_same_place() -> None:
    assert list(judging.pair_decisions([*ACTUAL, ACTUAL[2]], Answers([*answer().labels, None], [None] * 4))) == [
        ("person", "person"),
        ("place", "person"),
        ("none", "none"),
        ("place", "none"),
        ("none", "place"),
        ("none", "place"),
        ("place", "none"),
    ]


def test_votes_agree_as_far_as_about_the_span_that_is_disputed_most() -> None:
    assert judging.measure_consent(np.array([0, 4, 0, 1.0, 5, 7, 1, 0.25])) == 0.75
    assert judging.measure_consent(np.array([])) == 1, "no vote names anything"


def test_two_systems_are_compared_by_exact_f1() -> None:
    compared = judging.compare(ACTUAL, answer(), Answers(ACTUAL, [None] * 3), SCORING, "other")
    assert compared["difference"] == pytest.approx(2 / 7 - 1)


def test_what_the_rows_do_not_tell() -> None:
    systems = {"one": answer(), "nothing": Answers([None, "[]", "[]"], [None] * 3)}
    (same,) = judging.list_notes(ACTUAL, systems, LABELS, "micro_f1_with_teacher")
    assert ": nothing. Resampling" in same and same.endswith("the interval of micro_f1_with_teacher is unknown.")
    texts = pd.DataFrame({"id": ["1"], "text": ["x"], "gold": ["[]"], "split": [None]})
    few, (note,) = judging.draw_few(texts, pd.Series([], dtype=str), LABELS, 4, 0)
    assert few.empty and note.startswith("few_shot is left out: ")
