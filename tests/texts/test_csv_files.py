"""Csv as it is written where the comma is the decimal sign: the separator is found, told, and never guessed wrongly."""

from pathlib import Path

import pytest
from toy_corpus import complain, read_all

GOLD = {"columns": {"text": "Text", "gold": "Label"}}


@pytest.mark.parametrize(
    ("content", "texts", "told"),
    [
        ("Text,Label\na,positive\n", ["a"], None),
        (
            'Nr;Text;Label\n1;"good; really";positive\n2;fine, and cheap;positive\n',
            ["good; really", "fine, and cheap"],
            ";",
        ),
        ("Nr\tText\tLabel\n1\tgood; fine, cheap\tpositive\n", ["good; fine, cheap"], "\t"),
        ('Text;Label\n"two\nlines; 3,5 ""stars""";positive\n', ['two\nlines; 3,5 "stars"'], ";"),
        ('Text,Label\n"a; b; c",positive\n"d; e; f",positive\n', ["a; b; c", "d; e; f"], None),
        ("sep=;\r\nText;Label\r\ngood, cheap;positive\r\n", ["good, cheap"], ";"),
        ("sep=|\nText|Label\ngood|positive\n", ["good"], "|"),
        ("Sep=\t\nText\tLabel\ngood\tpositive\n", ["good"], "\t"),
    ],
)
def test_the_separator_is_found_and_told(tmp_path: Path, content: str, texts: list[str], told: str | None) -> None:
    (tmp_path / "a.csv").write_bytes(content.encode())
    reading = read_all(tmp_path, **GOLD)
    assert reading.rows["text"].tolist() == texts
    names = {";": "semicolons", "\t": "tabs", "|": "'|'", None: None}
    expected = [f"{tmp_path / 'a.csv'}: cells are separated by {names[told]}"] if told else []
    assert reading.notes == expected


def test_one_column_with_commas_in_it_is_read_whole(tmp_path: Path) -> None:
    """Excel puts no quotes around a comma where the semicolon separates."""
    (tmp_path / "a.csv").write_text("text\ngood, cheap\nfine\n", encoding="utf-8")
    assert read_all(tmp_path).rows["text"].tolist() == ["good, cheap", "fine"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_what_excel_writes_with_a_mark(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.csv").write_bytes("Text\tLabel\r\n\U0001f600 na\u00efve\tpositive\r\n".encode(encoding))
    assert read_all(tmp_path, **GOLD).rows["text"].tolist() == ["\U0001f600 na\u00efve"]


def test_complaints_are_about_the_separator_that_was_found(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    assert "set fetch.columns.text to one of: Nr, Body, Label" in complain(
        path, "Nr;Body;Label\n1;x, y;positive\n", **GOLD
    )
    rows = "1;a;positive\n" * 1500
    message = complain(path, f"sep=;\nNr;Text;Label\n{rows}2;a;b;positive\n", **GOLD)
    assert "line 1503: 4 cells, but the header has 3; a cell that holds ';' stands in quotes" in message
    assert "line 4: ';' expected after '\"'" in complain(
        path, 'sep=;\nText;Label\na;positive\n"b" c;positive\n', **GOLD
    )
    assert "line 2: ',' expected after '\"'; put a cell" in complain(
        path, 'Nr,Text,Label\n1,"So" he said,positive\n', **GOLD
    )
    assert "has no header line" in complain(path, "\n\n", **GOLD)


def test_a_cell_longer_than_the_csv_module_s_limit(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"text\n{'word, ' * 30_000}\n", encoding="utf-8")
    assert read_all(tmp_path).rows["text"].str.len().tolist() == [180_000]
