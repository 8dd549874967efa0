import pandas as pd
import pytest

from distil.quality.decisions import leave_out_few, list_what_is_untold, tabulate_decisions, word_f1


def test_f1_is_told_by_its_name_and_article() -> None:
    assert word_f1("exact F1", "an")._asdict() == {
        "score": "exact F1",
        "gold": "has an exact F1 of",
        "teacher": "has, by the teacher's labels, an exact F1 of",
        "of": "on",
        "other": "one of",
        "agrees": "by an exact F1 of",
        "test": "approximate randomisation",
    }


def test_what_is_said_becomes_a_row_each() -> None:
    table = tabulate_decisions([(0, 0.9, True), (2, 0.6, False)], bins=10)
    assert table["text"].tolist() == [0, 2]
    assert table["right"].tolist() == [True, False]
    assert table["confidence"].tolist() == [0.9, 0.6]
    assert table["square"].tolist() == pytest.approx([0.01, 0.36])
    assert table["bin"].tolist() == [8, 5]
    nothing = tabulate_decisions([], bins=10)
    assert (len(nothing), list(nothing)) == (0, list(table))


def test_what_the_rows_do_not_tell_is_said() -> None:
    assert list_what_is_untold(["a", "b"], {"student": 0.5}, ["a", "b"], "micro F1") == []
    assert list_what_is_untold(["b"], {"student": 0.5}, ["a", "b", "c"], "micro F1") == [
        "No scored row has the label a or c, so that is not tested."
    ]
    assert list_what_is_untold([], {"student": 0.5}, ["a", "b"], "micro F1") == [
        "No scored row has any label, so F1 is zero whatever a system says: look at exact_match."
    ]
    (note,) = list_what_is_untold(["a"], {"teacher": 1, "student": 0.5, "other": 0}, ["a"], "micro F1")
    assert note.startswith("With all that the reference has, or nothing of it: teacher, other. ")
    assert "the interval of micro F1 is unknown" in note


def test_a_baseline_without_rows_says_why() -> None:
    texts = pd.DataFrame({"id": ["1"], "text": ["x"], "gold": ["a"], "split": [None]})
    rows, notes = leave_out_few(texts, "it is too dear")
    assert (len(rows), list(rows)) == (0, ["id", "text", "gold"])
    assert notes == ["few_shot is left out: it is too dear."]
