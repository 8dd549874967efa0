"""The spans of one label asked about by itself, and what the answers about all labels say together."""

import pytest

from distil.forms.answers import Answer
from distil.forms.reading import Reading
from distil.kinds.token_classification.labelling.canonical.label import read_label, write_label
from distil.kinds.token_classification.labelling.parts import join, read_reply, show_answer

TEXT = "Ann Smith met Bob in New York."
ANN, BOB, PLACE = (0, 9, "PER"), (14, 17, "PER"), (21, 29, "LOC")


@pytest.mark.parametrize(
    ("reply", "spans"),
    [
        ('[{"text": "Ann Smith", "label": "PER"}, {"text": "Bob", "label": "PER"}]', [ANN, BOB]),
        ('["Ann Smith", "Bob"]', [ANN, BOB]),
        ("- Ann Smith\n- Bob", [ANN, BOB]),
        ('1. "Ann Smith"\n2. "Bob"', [ANN, BOB]),
        ("<PER>Ann Smith</PER> met <PER>Bob</PER> in New York.", [ANN, BOB]),
        ("Bob", [BOB]),
        ("none", []),
        ("[]", []),
        ("There is nobody in it, as far as I see.", None),
        ("Ann Smith\nCarol", None),
    ],
)
def test_spans_of_one_label(reply: str, spans: list[tuple[int, int, str]] | None) -> None:
    reading = read_reply(Answer(reply), "PER", TEXT)
    assert reading.label == (None if spans is None else write_label(spans))


def test_an_answer_that_was_cut_off_is_none() -> None:
    assert read_reply(Answer('["Ann Smith", "Bo', "length"), "PER", TEXT).status == "truncated"
    assert read_reply(Answer("Ann Smith\nBob", "length"), "PER", TEXT).status == "truncated"


def test_of_spans_that_overlap_the_longest_stays_and_the_others_are_counted() -> None:
    parts = {
        "PER": Reading("ok", write_label([ANN, BOB]), "names", 1),
        "LOC": Reading("ok", write_label([PLACE, (0, 3, "LOC")]), None, 0),
        "ORG": Reading("ok", "[]", "there is none"),
    }
    found = join(parts, ["PER", "LOC", "ORG"])
    assert read_label(found.label or "") == [ANN, BOB, PLACE]
    assert (found.status, found.reason, found.unplaced) == ("ok", "PER: names", 2)


def test_an_example_shows_the_spans_of_the_label() -> None:
    answer = write_label([ANN, BOB, PLACE])
    assert show_answer(answer, "LOC", TEXT, None) == "Ann Smith met Bob in <LOC>New York</LOC>."
    assert show_answer(answer, "ORG", TEXT, None) == "none"
    assert read_reply(Answer(show_answer(answer, "PER", TEXT, "names")), "PER", TEXT).label == write_label([ANN, BOB])
