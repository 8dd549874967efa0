"""Answers of several labels a text: how they are asked for, and what is told of them, by hand."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from distil.forms.answering import Answers
from distil.kinds.multi_label.labelling.canonical.label import write_label
from distil.kinds.multi_label.scoring import judging
from distil.kinds.multi_label.scoring.asking import ask
from distil.quality.bootstrap import Bootstrap
from distil.quality.calibration import measure_calibration
from distil.quality.judging import Scoring

LABELS = ["anger", "joy", "love"]
SCORING = Scoring(judging, LABELS, 10, Bootstrap(100, 0.95, 0))
SHARES = np.array([[0.9, 0.2, 0.6], [0.1, 0.3, 0.4], [0.55, 0.8, 0.1]])
ACTUAL = [write_label(names) for names in (["anger"], [], ["anger", "joy"])]
THRESHOLDS = np.array([0.55, 0.4, 0.5])


def answer() -> Answers:
    return ask(
        SimpleNamespace(labels=LABELS, predict_proba=lambda texts: SHARES, thresholds=THRESHOLDS), ["x"] * 3, LABELS
    )


def test_a_label_applies_from_its_threshold_on() -> None:
    found = answer()
    assert found.labels == ['["anger", "love"]', "[]", '["anger", "joy"]']
    np.testing.assert_array_equal(np.array(found.probabilities), SHARES)


def test_probabilities_are_rounded_after_the_decision() -> None:
    shares = np.array([[0.4999999, 0.5, 0.1234567]])
    classifier = SimpleNamespace(predict_proba=lambda texts: shares, thresholds=np.full(3, 0.5))
    found = ask(classifier, ["x"], LABELS)
    assert found.labels == ['["joy"]']
    assert found.probabilities[0] is not None and found.probabilities[0].tolist() == [0.5, 0.5, 0.123457]


def test_each_score_has_its_bounds_and_each_label_its_average_precision() -> None:
    found = judging.score(ACTUAL, answer(), SCORING)
    assert found["micro_f1"] == pytest.approx(2 * 3 / (3 + 4))
    assert found["mean_average_precision"] == 1
    assert found["confusion"] is None
    assert found["per_class"]["anger"]["average_precision"] == 1
    assert found["per_class"]["love"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}
    for name in judging.HEADLINE:
        assert found[f"{name}_low"] <= found[name] <= found[f"{name}_high"]
    assert found["calibration"]["rows"] == 4


@pytest.mark.parametrize(("actual", "shares"), [(ACTUAL, False), (["[]"] * 3, True)])
def test_without_probabilities_or_labels_there_is_no_precision_of_ranks(actual: list[str], shares: bool) -> None:
    said = answer()
    found = judging.score(actual, said if shares else Answers(said.labels, [None] * 3), SCORING)
    assert found["mean_average_precision"] is None
    assert (found["calibration"] is None) != shares


def test_a_text_without_probabilities_ranks_by_its_label_and_last_without_one() -> None:
    rank = SHARES[0]
    said = Answers([None, '["joy"]', '["joy"]'], [None, None, rank])
    found = judging.score(['["joy"]', '["joy"]', "[]"], said, SCORING)
    assert found["mean_average_precision"] == pytest.approx((1 / 1 + 2 / 3) / 2), "joy: 1 for the second, 0.2, 0"


def test_what_is_calibrated_is_each_label_that_is_given() -> None:
    judged = judging.judge(ACTUAL, answer(), SCORING)
    assert judged["confidence"].tolist() == [0.9, 0.6, 0.55, 0.8]
    assert judged["right"].tolist() == [True, False, True, True]
    assert judged["square"].tolist() == pytest.approx([0.01, 0.36, 0.45**2, 0.04])
    assert judged["bin"].tolist() == [8, 5, 5, 7]
    assert measure_calibration(judged, SCORING.bootstrap) is not None
    nothing = judging.judge(["[]"], Answers([None], [None]), SCORING)
    assert nothing.empty and measure_calibration(nothing, SCORING.bootstrap) is None


def test_decisions_pair_what_is_known_with_what_is_said() -> None:
    said = Answers(['["anger", "love"]', "[]", None], [None] * 3)
    assert list(judging.pair_decisions(ACTUAL, said)) == [
        ("anger", "anger"),
        ("none", "love"),
        ("none", "none"),
        ("anger", "none"),
        ("joy", "none"),
    ]


def test_votes_agree_as_far_as_about_the_label_that_is_disputed_most() -> None:
    assert judging.measure_consent(np.array([1.0, 0.25, 0.0])) == 0.75


def test_two_systems_are_compared_by_micro_f1() -> None:
    said, better = answer(), Answers(ACTUAL, [None] * 3)
    found = judging.compare(ACTUAL, said, better, SCORING, "other")
    assert found["difference"] == pytest.approx(6 / 7 - 1)
    assert set(found) == {"difference", "difference_low", "difference_high", "p_value"}


def test_what_the_rows_do_not_tell() -> None:
    said = {"one": answer(), "all": Answers(ACTUAL, [None] * 3), "nothing": Answers(["[]"] * 3, [None] * 3)}
    missing, same = judging.list_notes(ACTUAL, said, LABELS, "micro_f1")
    assert missing == "No scored row has the label love, so that is not tested."
    assert ": all, nothing. Resampling" in same and same.endswith("the interval of micro_f1 is unknown.")
    no_label, _ = judging.list_notes(["[]"] * 3, said, LABELS, "micro_f1")
    assert no_label.startswith("No scored row has any label")


def test_no_few_rows_are_drawn_and_a_note_says_so() -> None:
    texts = pd.DataFrame({"id": ["1"], "text": ["x"], "gold": ['["joy"]'], "split": [None]})
    few, (note,) = judging.draw_few(texts, pd.Series([], dtype=str), LABELS, 4, 0)
    assert few.empty and list(few) == ["id", "text", "gold"]
    assert note.startswith("few_shot is left out: ")
