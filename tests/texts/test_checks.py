"""Rows without a text, gold labels as pandas writes them, and lines of text."""

from pathlib import Path

import pytest
from toy_corpus import complain, read, read_all

from distil.texts.checks import has_content

UNSEEN = ["", " \t\n", "\u200b\u200d\ufeff", "\u2028\u00ad", "\u3164", "\ufe0f", "\u2800 \u061c"]


def test_what_nothing_is_seen_of_is_blank() -> None:
    assert not any(map(has_content, UNSEEN))
    assert all(map(has_content, ["\u200bx", ".", "\U0001f600", "\ue000", "\u0301", "0"]))


def test_rows_without_a_text_are_left_out_and_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('n,text,label\n1,x,positive\n2,"  ",nonsense\n3,\u200b,\n', encoding="utf-8")
    (tmp_path / "b.jsonl").write_text('{"text": null, "label": null}\n{"text": "y"}\n{"body": "z"}\n', encoding="utf-8")
    reading = read_all(tmp_path, columns={"gold": "label"})
    assert reading.rows["text"].tolist() == ["x", "y"]
    assert reading.blank == [
        f"{tmp_path}/{place}" for place in ("a.csv, line 3", "a.csv, line 4", "b.jsonl, line 1", "b.jsonl, line 3")
    ]


@pytest.mark.parametrize(
    "known", [{"1": "positive", "0": "negative"}, {"1": "positive", "0": "negative", "2.0": "positive"}]
)
def test_whole_numbers_with_a_point_are_told(tmp_path: Path, known: dict[str, str]) -> None:
    (tmp_path / "a.csv").write_text("text,label\na,1.0\nb,\nc,0.0\nd,1\n", encoding="utf-8")
    (tmp_path / "b.jsonl").write_text('{"text": "e", "label": 1.0}\n', encoding="utf-8")
    reading = read_all(tmp_path, columns={"gold": "label"}, gold_names=known)
    assert reading.rows["gold"].fillna("-").tolist() == ["positive", "-", "negative", "positive", "positive"]
    assert reading.notes == [
        f"{tmp_path}/a.csv: gold labels such as '1.0' are read as '1', which is known (rows: 2)",
        f"{tmp_path}/b.jsonl: gold labels such as '1.0' are read as '1', which is known (rows: 1)",
    ]


def test_a_point_that_is_known_or_says_more_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\na,1.0\n", encoding="utf-8")
    names = {"1.0": "positive", "1": "negative"}
    assert read(tmp_path, columns={"gold": "label"}, gold_names=names)["gold"].tolist() == ["positive"]
    message = complain(
        tmp_path / "a.csv", "text,label\na,1.5\n", columns={"gold": "label"}, gold_names={"1": "positive"}
    )
    assert "the gold '1.5' is not in task.labels" in message


def test_txt_has_a_text_a_line_or_is_one(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b'\xef\xbb\xbfone, "two"\r\n\r\nthree\xe2\x80\xa8four\n')
    (tmp_path / "b.txt").write_bytes(b"")
    (tmp_path / "c.csv").write_text("text,label\nx,positive\n", encoding="utf-8")
    assert "b.txt is empty" in complain(tmp_path / "b.txt", b"")
    keys = {"columns": {"gold": "label"}}
    reading = read_all(tmp_path, txt="file", **keys)
    assert reading.rows["text"].tolist() == ['one, "two"\r\n\r\nthree\u2028four', "x"]
    assert reading.blank == [f"{tmp_path}/b.txt"]
    (tmp_path / "b.txt").write_bytes(b"a\tpositive\nb\tnegative\n")
    reading = read_all(tmp_path, **keys)
    assert reading.rows["text"].tolist() == ['one, "two"', "three\u2028four", "a\tpositive", "b\tnegative", "x"]
    assert reading.notes == [
        f"{tmp_path}/b.txt: each line has a tab and is read as one text; if it is a table, name it .tsv"
    ]
