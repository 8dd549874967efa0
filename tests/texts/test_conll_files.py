import json

import pytest

from distil.core.errors import InputError
from distil.texts.conll_files import read_conll


def read(*tags: str) -> list[str]:
    """The spans of a sentence with these tags, as text and label."""
    content = "".join(f"w{number}\t{tag}\n" for number, tag in enumerate(tags))
    found = read_conll(content, "f")
    (text,), (gold,) = found.texts, found.gold
    return [f"{text[span['start'] : span['end']]} {span['label']}" for span in json.loads(gold)]


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        (["B-A", "I-A", "O", "B-A", "B-A"], ["w0 w1 A", "w3 A", "w4 A"]),
        (["I-A", "I-A", "B-A", "I-B", "O"], ["w0 w1 A", "w2 A", "w3 B"]),
        (["S-A", "B-B", "I-B", "E-B", "S-B"], ["w0 A", "w1 w2 w3 B", "w4 B"]),
        (["U-A", "B-B", "L-B", "I-B"], ["w0 A", "w1 w2 B", "w3 B"]),
        (["B-A-B", "I-A-B"], ["w0 w1 A-B"]),
        (["O"], []),
    ],
)
def test_all_ways_of_tagging_are_read(tags: list[str], spans: list[str]) -> None:
    assert read(*tags) == spans


def test_columns_are_separated_by_plain_blanks_alone_and_a_hashtag_is_no_comment() -> None:
    assert read_conll("A\u00a0b O\n", "f").texts == ["A\u00a0b"]
    with pytest.raises(InputError, match="is no token with a tag behind it"):
        read_conll("#nlproc\n", "f")


def test_sentences_comments_documents_and_columns() -> None:
    content = (
        "\ufeff-DOCSTART- -X- O O\r\n\r\nEU NNP B-ORG\r\n# SYM O\r\n\r\n\r\n# id = 3\n#\tO\nS\u00e3o Paulo\t_\tB-LOC"
    )
    found = read_conll(content, "f")
    assert found.texts == ["EU #", "# S\u00e3o Paulo"]
    assert found.lines == [3, 8]
    assert json.loads(found.gold[1]) == [{"start": 2, "end": 11, "label": "LOC"}]
    assert found.notes == []


def test_an_i_that_begins_a_span_is_told() -> None:
    found = read_conll("a\tO\nb\tI-A\n\nc\tI-A\nd\tI-A", "f")
    assert found.notes == ["f: spans that begin with I-, not B-: 2 (the first in line 2); read as IOB1"]


@pytest.mark.parametrize("line", ["word", "word X", "word B-", "word -A", "word b-A", "word Q-A", "word\t", "\tO"])
def test_a_malformed_line_is_refused_with_its_number(line: str) -> None:
    with pytest.raises(InputError, match=r"^f, line 3: "):
        read_conll(f"a O\n\n{line}\n", "f")
