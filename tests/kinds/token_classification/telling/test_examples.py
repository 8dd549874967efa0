"""What examples show of spans: the text in pieces, whatever is in it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distil.forms.telling import Piece
from distil.kinds.token_classification.labelling.canonical.label import write_label
from distil.kinds.token_classification.telling.examples import choose_excerpt, cut_pieces, find_confidence

TEXT = "Anna Berg sings in Oslo."
ANNA, OSLO = (0, 9, "person"), (19, 23, "location")
WHOLE = (0, len(TEXT))


def test_spans_are_drawn_in_their_text() -> None:
    assert cut_pieces(TEXT, write_label([ANNA, OSLO]), write_label([ANNA, OSLO]), WHOLE) == [
        Piece("Anna Berg", "person"),
        Piece(" sings in "),
        Piece("Oslo", "location"),
        Piece("."),
    ]


@pytest.mark.parametrize("other", [(0, 4, "person"), (0, 9, "location")])
def test_a_span_with_another_end_or_label_than_people_s_is_wrong(other: tuple[int, int, str]) -> None:
    first = cut_pieces(TEXT, write_label([other]), write_label([ANNA]), WHOLE)[0]
    assert first == Piece(TEXT[: other[1]], other[2], wrong=True)


def test_no_span_is_the_text_as_it_is_and_no_answer_is_nothing() -> None:
    assert cut_pieces(TEXT, "[]", write_label([ANNA]), WHOLE) == [Piece(TEXT)]
    assert cut_pieces(TEXT, None, write_label([ANNA]), WHOLE) == []


def test_a_long_text_is_shown_where_the_answers_differ() -> None:
    text = "x" * 700 + TEXT + "y" * 700
    there, moved = write_label([(700, 709, "person")]), write_label([(700, 704, "person")])
    start, end = choose_excerpt(text, [there, there, moved], 500)
    assert (start, end) == (600, 1100)
    assert Piece("Anna Berg", "person") in cut_pieces(text, there, None, (start, end))
    assert choose_excerpt(text, [there, there, None], 500) == (0, 500), "no answer is no other span"
    assert choose_excerpt(TEXT, [there], 500) == WHOLE


def test_a_span_that_sticks_out_of_the_excerpt_is_cut_off() -> None:
    assert cut_pieces(TEXT, write_label([ANNA, OSLO]), None, (5, 21)) == [
        Piece("Berg", "person"),
        Piece(" sings in "),
        Piece("Os", "location"),
    ]


@given(text=st.text(min_size=1, max_size=60), data=st.data())
def test_the_pieces_are_the_text_again(text: str, data: st.DataObject) -> None:
    ends = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=6)))
    spans = [(start, end, "person") for start, end in zip(ends[::2], ends[1::2], strict=False)]
    pieces = cut_pieces(text, write_label(spans), None, (0, len(text)))
    assert "".join(piece.text for piece in pieces) == text
    assert [piece.text for piece in pieces if piece.label] == [text[start:end] for start, end, _ in spans]


def test_a_set_of_spans_is_as_sure_as_its_spans_are_on_average() -> None:
    soft = np.array([0, 9, 0, 0.9, 19, 23, 1, 0.5])
    assert find_confidence(write_label([ANNA, OSLO]), soft, ["person", "location"]) == pytest.approx(0.7)
    assert find_confidence("[]", np.array([]), ["person"]) == find_confidence("[]", None, ["person"]) == 0
