"""A file of texts that a stranger wrote: read, or one line that names it; and nothing of it is code or a command."""

import contextlib
import json
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hostile_cases import CASES, try_cases
from hypothesis import strategies as st

from distil.core.errors import InputError
from distil.texts.cells import Columns
from distil.texts.readers import FORMATS, read_file, read_whole

COLUMNS = Columns(gold="gold", split="data.split")
FLAT = Columns(gold="gold")


def make_workbook() -> bytes:
    book, stream = openpyxl.Workbook(), BytesIO()
    for row in (["text", "gold"], ["a", "b"], ["c", 1]):
        book.active.append(row)
    book.save(stream)
    return stream.getvalue()


def make_parquet() -> bytes:
    stream = BytesIO()
    pq.write_table(pa.table({"text": ["a", "b"], "gold": ["c", None], "data": [{"split": "test"}, None]}), stream)
    return stream.getvalue()


SOUND: dict[str, bytes] = {
    ".csv": b'text,gold\n"a, ""b""",c\nd,e\n',
    ".tsv": b"text\tgold\na\tb\n",
    ".jsonl": b'{"text": "a", "gold": 1, "data": {"split": "test"}}\n{"text": null, "gold": true}\n',
    ".json": b'[{"text": "a", "gold": "b"}, {"text": "c", "gold": null}]',
    ".txt": b"a\nb\n",
    ".parquet": make_parquet(),
    ".xlsx": make_workbook(),
}


def read_or_refuse(path: Path) -> None:
    for columns in (FLAT, COLUMNS):
        try:
            read_file(path, path.name, columns)
        except InputError as error:
            assert "\n" not in str(error)


def alter(content: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    """Pieces put in the place of others."""
    for place, length, piece in changes:
        at = place % (len(content) + 1)
        content = content[:at] + piece + content[at + length :]
    return content


PIECES = st.one_of(
    st.binary(max_size=4),
    st.sampled_from(
        [b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b'"', b"\r", b"\n", b"[", b"{", b"1e999", b"NaN", b"\\ud800"]
    ),
    st.sampled_from([b"[" * 3000, b"9" * 5000, b'{"a":' * 3000, b"sep=;", b"-1", b"null", b"<!DOCTYPE a [", b"&a;"]),
)
CHANGES = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 20), PIECES), max_size=4)
FILES: st.SearchStrategy[Any] = st.one_of(
    st.tuples(st.sampled_from(FORMATS), CHANGES, st.none()),
    st.tuples(st.sampled_from(FORMATS), st.just([]), st.one_of(st.binary(max_size=40), st.text(max_size=40))),
)


@CASES
def test_no_file_of_a_corpus_ends_in_a_traceback(tmp_path: Path, cases: int) -> None:
    def check(case: tuple[str, list[tuple[int, int, bytes]], bytes | str | None]) -> None:
        kind, changes, whole = case
        content = alter(SOUND[kind], changes) if whole is None else whole
        path = tmp_path / f"f{kind}"
        path.write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
        read_or_refuse(path)
        if kind == ".txt":
            with contextlib.suppress(InputError):
                read_whole(path, path.name)

    try_cases(check, FILES, cases)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)
RECORDS = st.fixed_dictionaries({}, optional={"text": JSON, "gold": JSON, "data": JSON})


@CASES
def test_no_record_of_json_ends_in_a_traceback(tmp_path: Path, cases: int) -> None:
    def check(records: list[Any]) -> None:
        (tmp_path / "f.json").write_text(json.dumps(records))
        (tmp_path / "f.jsonl").write_text("\n".join(map(json.dumps, records)))
        for name in ("f.json", "f.jsonl"):
            read_or_refuse(tmp_path / name)

    try_cases(check, st.lists(st.one_of(RECORDS, JSON), max_size=3), cases)


def make_book_with(sheet: str) -> bytes:
    """The workbook with another sheet in it."""
    stream = BytesIO()
    with zipfile.ZipFile(BytesIO(SOUND[".xlsx"])) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, sheet if name == "xl/worksheets/sheet1.xml" else old.read(name))
    return stream.getvalue()


def test_entities_of_a_workbook_do_not_unfold(tmp_path: Path) -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    cell = '<c t="inlineStr"><is><t>&e9;</t></is></c>'
    rows = f"<worksheet><sheetData><row>{cell}</row></sheetData></worksheet>"
    sheet = f'<!DOCTYPE x [<!ENTITY e0 "lol">{entities}]>{rows}'
    path = tmp_path / "f.xlsx"
    path.write_bytes(make_book_with(sheet))
    with pytest.raises(InputError, match="is not a sound xlsx workbook"):
        read_file(path, path.name, FLAT)
