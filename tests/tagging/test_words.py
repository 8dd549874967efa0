import numpy as np
import pytest

from distil.kinds.token_classification.labelling.canonical.label import read_label, soften, write_label
from distil.tagging.words import (
    Entity,
    Token,
    Word,
    count_in_utf16,
    group_words,
    name_tags,
    read_tags,
    redact,
    soften_words,
)

LABELS = ["PER", "LOC"]
TEXT = "Ann Smith in Bonn"
WORDS = [Word(1, 0, 3), Word(2, 4, 9), Word(4, 10, 12), Word(5, 13, 17)]


def test_words_are_tokens_with_what_goes_on_with_them() -> None:
    pieces = [Token(1, "ann", 0, 3), Token(2, "smi", 4, 7), Token(3, "##th", 7, 9), Token(4, "in", 10, 12)]
    assert group_words(TEXT, pieces, prefix="##") == WORDS[:3]
    unknown = [Token(1, "[UNK]", 0, 3, is_unknown=True), Token(2, "[UNK]", 3, 4, is_unknown=True)]
    assert group_words("Ann!", unknown, prefix="##") == [Word(1, 0, 3), Word(2, 3, 4)]
    spaced = [Token(1, "_Ann", 0, 3), Token(2, "_Smi", 3, 7), Token(3, "th", 7, 9), Token(4, "_in", 9, 12)]
    assert group_words(TEXT, spaced, prefix=None) == WORDS[:3]


def test_a_span_has_its_share_on_its_first_word_and_on_the_others() -> None:
    votes = [0, 9, 0, 0.75, 4, 9, 0, 0.25, 13, 17, 1, 0.5]
    shares = soften_words(WORDS, votes, LABELS)
    assert name_tags(LABELS) == ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    assert shares.tolist() == [
        [0.25, 0.75, 0, 0, 0],
        [0, 0.25, 0.75, 0, 0],
        [1, 0, 0, 0, 0],
        [0.5, 0, 0, 0.5, 0],
    ]
    assert soften_words(WORDS, [], LABELS)[:, 0].tolist() == [1, 1, 1, 1]
    assert soften_words(WORDS[:1], [0, 1, 0, 1, 1, 3, 1, 1], LABELS).tolist() == [[0, 0.5, 0, 0.5, 0]]
    assert soften_words([], [], LABELS).shape == (0, 5)


def test_tags_of_words_go_back_to_their_spans() -> None:
    label = write_label([(0, 3, "PER"), (4, 9, "PER"), (10, 17, "LOC")])
    found = read_tags(WORDS, soften_words(WORDS, soften(label, LABELS), LABELS), LABELS, TEXT)
    assert [span[:3] for span in found] == read_label(label)
    assert {span.probability for span in found} == {1}
    assert [span.text for span in found] == ["Ann", "Smith", "in Bonn"]
    assert read_tags([], np.zeros((0, 5)), LABELS, "") == []


def test_an_i_that_continues_nothing_begins_a_span() -> None:
    tags = [2, 4, 0, 4]  # I-PER, I-LOC, O, I-LOC
    found = read_tags(WORDS, np.eye(5)[tags] * 0.8, LABELS, TEXT)
    assert [span[:3] for span in found] == [(0, 3, "PER"), (4, 9, "LOC"), (13, 17, "LOC")]
    assert found[0].probability == pytest.approx(0.8)


def test_what_stands_for_blanks_alone_is_no_span() -> None:
    words = [Word(0, 0, 1), Word(1, 3, 3), Word(2, 3, 4)]
    tags = np.eye(5)[[1, 2, 1]]
    assert [span[:4] for span in read_tags(words, tags, LABELS, "a   ")] == [(0, 1, "PER", "a")]


def test_spans_are_replaced_by_their_labels() -> None:
    found = [Entity(0, 9, "PERSON", "Ann Smith", 0.9), Entity(14, 17, "PERSON", "Bo\u0308", 0.9)]
    assert redact("Ann Smith met Bo\u0308!", found[::-1]) == "[PERSON] met [PERSON]!"
    assert redact("nobody", []) == "nobody"


def test_places_in_utf16_are_those_of_javascript() -> None:
    text = "\N{PARTY POPPER}\N{PARTY POPPER} Zo\u00eb \N{FIRE} Bonn"
    found = [Entity(3, 6, "PER", "Zo\u00eb", 0.9), Entity(9, 13, "LOC", "Bonn", 0.8)]
    counted = count_in_utf16(text, found)
    units = text.encode("utf-16-le")
    assert [units[2 * one.start : 2 * one.end].decode("utf-16-le") for one in counted] == ["Zo\u00eb", "Bonn"]
    assert count_in_utf16("Zoe in Bonn", found[:1]) == found[:1]


def test_a_token_without_its_accent_begins_a_word_and_its_span_has_the_mark() -> None:
    text = "met Jose\u0301 in Os\u00adlo"
    pieces = [Token(1, "met", 0, 3), Token(2, "jose", 4, 8), Token(3, "in", 10, 12), Token(4, "oslo", 13, 18)]
    words = group_words(text, pieces, prefix="##")
    assert [(word.start, word.end) for word in words] == [(0, 3), (4, 8), (10, 12), (13, 18)]
    found = read_tags(words, np.eye(5)[[0, 1, 0, 3]], LABELS, text)
    assert redact(text, found) == "met [PER] in [LOC]"
    assert found[0].text == "Jose\u0301"
