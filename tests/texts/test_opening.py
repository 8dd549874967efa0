"""Packed files and byte order marks, and the one line that is said of bytes that are no text."""

import gzip
from pathlib import Path

import pytest
from toy_corpus import complain, read, to_xlsx


def test_utf_16_of_either_order_is_read_by_its_mark(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\xff\xfe" + '{"text": "caf\u00e9"}\n'.encode("utf-16-le"))
    (tmp_path / "b.json").write_bytes(b"\xfe\xff" + '[{"text": "\u00fcber"}]'.encode("utf-16-be"))
    (tmp_path / "c.txt").write_bytes("line\r\nnext\r\n".encode("utf-16"))
    (tmp_path / "d.csv.gz").write_bytes(gzip.compress("text\nd\n".encode("utf-8-sig")))
    assert read(tmp_path)["text"].tolist() == ["caf\u00e9", "\u00fcber", "line", "next", "d"]


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("a.csv", "text\nx\n".encode("utf-16-le"), "holds NUL bytes (the first is byte 1), which no text does"),
        ("a.csv", to_xlsx({"a": [["text"], ["x"]]}), "holds NUL bytes"),
        ("a.jsonl", b'{"text": "x\0y"}\n', "holds NUL bytes (the first is byte 11)"),
        ("a.jsonl", b'{"text": "x"}\n{"text": "a\\u0000b"}\n', "line 2: the text holds a NUL character"),
        ("a.csv", b"text\n" + b"x\n" * 5000 + b"a\0b\n", "line 5002: the text holds a NUL character"),
        ("a.csv", "text\nx\n".encode("utf-16")[:-1], "begins as UTF-16 but is not (truncated data)"),
        ("a.csv.gz", b"text\nx\n", "not a sound .gz file (Not a gzipped file"),
        ("a.csv.gz", gzip.compress(b"text\n" + b"x\n" * 99, mtime=0)[:-9], "not a sound .gz file"),
        ("a.csv.gz", gzip.compress(b"text\ncaf\xe9\n", mtime=0), "not UTF-8 (byte 8 is 0xe9)"),
        ("a.parquet.gz", gzip.compress(b"x", mtime=0), "not a sound parquet file"),
        ("a.csv.gz", gzip.compress(b"", mtime=0), "has no header line"),
        ("a.gz", gzip.compress(b"", mtime=0), "does not tell what kind of file it is; end it with one of .csv,"),
    ],
)
def test_what_is_no_text_is_one_line(tmp_path: Path, name: str, content: bytes, complaint: str) -> None:
    assert complaint in complain(tmp_path / name, content)
