"""What examples show of several labels a text."""

import numpy as np
import pytest

from distil.forms.telling import Piece
from distil.kinds.multi_label.telling.examples import cut_pieces, find_confidence

LABELS = ["anger", "joy", "love"]


def test_what_people_do_not_say_is_wrong() -> None:
    pieces = cut_pieces("text", '["anger", "joy"]', '["joy", "love"]', (0, 4))
    assert pieces == [Piece("anger", "anger", True), Piece("joy", "joy")]


def test_no_label_is_an_answer_and_no_answer_is_none() -> None:
    assert cut_pieces("text", "[]", '["joy"]', (0, 4)) == [Piece("none")]
    assert cut_pieces("text", None, '["joy"]', (0, 4)) == []


def test_without_a_reference_nothing_is_wrong() -> None:
    assert cut_pieces("text", '["anger"]', None, (0, 4)) == [Piece("anger", "anger")]


def test_a_set_is_as_sure_as_the_label_that_is_least_sure() -> None:
    shares = np.array([0.1, 0.7, 0.95])
    assert find_confidence('["joy", "love"]', shares, LABELS) == pytest.approx(0.7)
    assert find_confidence('["love"]', shares, LABELS) == pytest.approx(0.3)
    assert find_confidence('["love"]', None, LABELS) == 0
