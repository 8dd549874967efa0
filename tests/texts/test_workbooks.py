"""Workbooks: the sheet that is asked for, cells as Excel holds them, and what is said of a file that is none."""

import datetime
import io
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.chart import BarChart
from toy_corpus import complain, read, to_xlsx

GOLD = {"columns": {"gold": "label"}, "gold_names": {"0": "negative", "1": "positive"}}


def test_a_sheet_by_default_the_first(tmp_path: Path) -> None:
    first: list[list[Any]] = [[None, None], ["label", "text"], [1, "good"], [None, None], [0.0, "n/a"], [None, "so"]]
    (tmp_path / "a.xlsx").write_bytes(to_xlsx({"First": first, "Second": [["text", "label"], ["other", 1]]}))
    rows = read(tmp_path, **GOLD)
    assert rows["text"].tolist() == ["good", "n/a", "so"]
    assert rows["gold"].fillna("-").tolist() == ["positive", "negative", "-"]
    assert read(tmp_path, **GOLD, sheet="Second")["text"].tolist() == ["other"]


def test_escapes_of_excel_are_undone(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(to_xlsx({"a": [["text"], ["two_x000D_\nlines"], ["_x005F_x000D_"]]}))
    assert read(tmp_path)["text"].tolist() == ["two\r\nlines", "_x000D_"]


@pytest.mark.parametrize(
    ("sheets", "keys", "complaint"),
    [
        ({"a": [["body"], ["x"]]}, {}, "no column 'text'; set fetch.columns.text to one of: body"),
        ({"a": [["text", "text"], ["x", "y"]]}, {}, "2 columns 'text'"),
        ({"a": [["text"], ["x"]], "b": []}, {"sheet": "c"}, "no sheet 'c'; set fetch.sheet to one of: a, b"),
        ({"a": [["text"], ["x"]], "b": []}, {"sheet": "b"}, "has no rows on the sheet 'b'"),
        ({"a": [["text"]]}, {}, "has no rows"),
        (
            {"a": [["n", "text"], [1, "x"], [2, 5]]},
            {},
            "row 3: the text is 5, not a string; write ' before it in the cell",
        ),
        ({"a": [["text"], [datetime.date(2024, 2, 6)]]}, {}, 'row 2: the text is "2024-02-06 00:00:00", not a string'),
        ({"a": [["n", "text"], [1, "x"], [2, None]]}, {"blank": "error"}, "row 3: the text is blank"),
    ],
)
def test_what_cannot_be_read_is_one_line(
    tmp_path: Path, sheets: dict[str, list[list[Any]]], keys: dict[str, Any], complaint: str
) -> None:
    assert complaint in complain(tmp_path / "a.xlsx", to_xlsx(sheets), **keys)


def test_a_workbook_of_charts_alone_is_one_line(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.create_chartsheet("a chart").add_chart(BarChart())
    book.remove(book.worksheets[0])
    stream = io.BytesIO()
    book.save(stream)
    for keys in ({}, {"sheet": "a chart"}):
        message = complain(tmp_path / "a.xlsx", stream.getvalue(), **keys)
        assert "has no sheet with rows, charts alone; put the texts on a sheet" in message


def test_what_is_no_workbook_is_one_line(tmp_path: Path) -> None:
    remedy = "save it anew as .xlsx, without a password"
    whole = to_xlsx({"a": [["text"], *([f"text {number}"] for number in range(2000))]})
    for content in (b"text\nx\n", whole[: len(whole) // 2], whole.replace(b"xl/workbook", b"xl/workboox")):
        assert remedy in complain(tmp_path / "a.xlsx", content)
