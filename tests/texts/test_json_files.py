"""Objects one a line or in an array, and keys within objects."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from toy_corpus import complain, read

COLUMNS = {"columns": {"text": "data.body", "gold": "meta.rating.label"}}
RECORDS: list[dict[str, Any]] = [
    {"data": {"body": "good"}, "meta": {"rating": {"label": "positive"}}},
    {"data": {"body": "so"}, "meta": {"rating": None}},
    {"data": {"body": "hm"}},
]


def test_keys_within_objects(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(RECORDS), encoding="utf-8")
    (tmp_path / "b.jsonl").write_text("\n".join(map(json.dumps, RECORDS)), encoding="utf-8")
    pq.write_table(pa.Table.from_pylist(RECORDS), tmp_path / "c.parquet")
    rows = read(tmp_path, **COLUMNS)
    assert rows["text"].tolist() == ["good", "so", "hm"] * 3
    assert rows["gold"].fillna("-").tolist() == ["positive", "-", "-"] * 3


def test_a_key_that_has_a_dot_itself_goes_first(tmp_path: Path) -> None:
    record = {"data": {"body": "inner"}, "data.body": "outer", "x.y": {"z": "both"}}
    (tmp_path / "a.jsonl").write_text(json.dumps(record), encoding="utf-8")
    assert read(tmp_path, columns={"text": "data.body"})["text"].tolist() == ["outer"]
    assert read(tmp_path, columns={"text": "x.y.z"})["text"].tolist() == ["both"]


@pytest.mark.parametrize("deep", ["[" * 100_000 + "]" * 100_000, '{"a":' * 100_000 + "1" + "}" * 100_000])
def test_what_is_nested_too_deeply_is_one_line(tmp_path: Path, deep: str) -> None:
    record = f'{{"text": "x", "deep": {deep}}}'
    too_deep = "has lists or objects within each other too deep to be read; take out what lies so deep"
    assert f"a.json {too_deep}" in complain(tmp_path / "a.json", f"[{record}]")
    (tmp_path / "a.json").unlink()
    assert f"a.jsonl, line 2 {too_deep}" in complain(tmp_path / "a.jsonl", f'{{"text": "y"}}\n{record}\n')


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("a.jsonl", json.dumps(RECORDS[0]), "one of: data, data.title, meta"),
        ("a.json", '{"a": [1]}', 'holds {"a": [1]}; it must be one array of objects'),
        ("a.json", '{"text": "x"}\n{"text": "y"}\n', "if it has an object a line, name it .jsonl"),
        ("a.json", '[{"data": {"body": "x"}}, 5]', "object 2 is 5; each object must be one object"),
        ("a.json", "[]", "has no rows"),
        ("a.json", '[{"data": {"body": 5}}]', "object 1: the text is 5, not a string; write it in quotes"),
        ("a.parquet", None, "one of: data, data.title, n"),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path: Path, name: str, content: str | None, complaint: str) -> None:
    if content is None:
        pq.write_table(pa.Table.from_pylist([{"data": {"title": "x"}, "n": 1}]), tmp_path / name)
        content_bytes = (tmp_path / name).read_bytes()
    else:
        content_bytes = content.replace("body", "title", "one of" in complaint).encode()
    assert complaint in complain(tmp_path / name, content_bytes, columns={"text": "data.body"})
