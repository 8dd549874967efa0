"""Files of texts from strangers: each is read, or refused in one line, and none takes all memory or an hour."""

import gzip
from pathlib import Path

import pytest
from hostile_archives import change_sheet, make_gzip_bomb, make_parquet, make_tar, make_tar_bomb, make_workbook
from mutations import CASES, mutate

from distil.core.errors import DistilError, InputError
from distil.texts.cells import Columns
from distil.texts.readers import read_file, read_whole
from distil.texts.reviews import MEMBER, read_reviews

MEBI = 1 << 20
COLUMNS = Columns(text="text", gold="label")


def refuse(path: Path) -> str:
    with pytest.raises(DistilError) as caught:
        read_file(path, path.name, COLUMNS)
    assert str(caught.value).isprintable()
    return str(caught.value)


SOUND = {
    "a.csv": b'text,label\nhello,good\n"a ""b"", c",bad\n',
    "a.tsv": b"text\tlabel\nhello\tgood\n",
    "a.jsonl": b'{"text": "hello", "label": "good"}\n{"text": "no", "label": "bad", "more": [1, {"a": null}]}\n',
    "a.json": b'[{"text": "hello", "label": "good"}, {"text": "no\\ud83d\\ude42", "label": 1}]',
    "a.txt": "hello\nthere\r\n\u00e9\n".encode(),
    "a.parquet": make_parquet(),
    "a.xlsx": make_workbook(),
}
SOUND |= {"b.csv.gz": gzip.compress(SOUND["a.csv"]), "b.jsonl.gz": gzip.compress(SOUND["a.jsonl"])}


@pytest.mark.parametrize("cases", CASES)
@pytest.mark.parametrize("name", SOUND)
def test_any_damage(tmp_path: Path, name: str, cases: int) -> None:
    path = tmp_path / name
    for damaged in mutate(SOUND[name], cases if name != "a.xlsx" else cases // 5):
        path.write_bytes(damaged)
        try:
            read_file(path, name, Columns() if name == "a.txt" else COLUMNS)
        except InputError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize("name", ["a.csv.gz", "a.jsonl.gz", "a.json.gz", "a.txt.gz", "a.parquet.gz", "a.xlsx.gz"])
def test_gz_that_unpacks_to_far_more_than_it_is(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(make_gzip_bomb(b"text,label\n" if "csv" in name else b"", 100 * MEBI))
    assert "which no honest file does" in refuse(tmp_path / name)


def test_text_file_that_unpacks_to_far_more(tmp_path: Path) -> None:
    (tmp_path / "a.txt.gz").write_bytes(make_gzip_bomb(b"", 100 * MEBI))
    with pytest.raises(InputError, match="which no honest file does"):
        read_whole(tmp_path / "a.txt.gz", "a.txt.gz")


def test_workbook_that_unpacks_to_far_more(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(change_sheet(make_workbook(), b"<sheetData>", b" " * 100 * MEBI + b"<sheetData>"))
    assert "which no honest file does" in refuse(tmp_path / "a.xlsx")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'<row r="2"', b'<row r="999999999999"'),
        (b'<c r="A2"', b'<c r="ZZZ2"'),
        (b'<c r="A2"', b'<c r="A999999999"'),
        (b"<worksheet", b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><worksheet'),
        (b"<sheetData>", b"<a>" * 50_000 + b"<sheetData>"),
    ],
)
def test_workbook_with_hostile_cells(tmp_path: Path, old: bytes, new: bytes) -> None:
    (tmp_path / "a.xlsx").write_bytes(change_sheet(make_workbook(), old, new))
    try:
        read = read_file(tmp_path / "a.xlsx", "a.xlsx", COLUMNS)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert len(read) < 9


def test_workbook_of_entities(tmp_path: Path) -> None:
    """Each doubles the one before: some hundred bytes would be gigabytes."""
    doubled = b"".join(b'<!ENTITY a%d "&a%d;&a%d;">' % (n, n - 1, n - 1) for n in range(1, 40))
    head = b'<!DOCTYPE x [<!ENTITY a0 "aaaaaaaaaa">' + doubled + b"]><worksheet"
    book = change_sheet(make_workbook(), b"<worksheet", head)
    (tmp_path / "a.xlsx").write_bytes(change_sheet(book, b"hello", b"&a39;"))
    assert "not a sound xlsx workbook" in refuse(tmp_path / "a.xlsx")


def test_parquet_that_unpacks_to_far_more(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(make_parquet(8000, "a" * 10_000))  # one text, named again and again
    assert "which no honest file does" in refuse(tmp_path / "a.parquet")
    (tmp_path / "a.parquet").write_bytes(make_parquet(1, "a" * 70 * MEBI, compression="zstd", use_dictionary=False))
    assert "which no honest file does" in refuse(tmp_path / "a.parquet")


@pytest.mark.parametrize(
    "line",
    ["[" * 100_000, '{"a":' * 100_000, '{"text": ' + "[" * 5000 + "]" * 5000 + "}", '{"text": ' + "9" * 5000 + "}"],
)
def test_line_of_json_that_is_too_much(tmp_path: Path, line: str) -> None:
    for name, content in (("a.jsonl", line), ("a.json", f"[{line}]")):
        (tmp_path / name).write_text(content)
        refuse(tmp_path / name)


def test_reviews_in_a_hostile_archive(tmp_path: Path) -> None:
    path = tmp_path / "reviews.tar.gz"
    sound = make_tar([(MEMBER, b"1\t2.5\tgood\n2\t-2.5\tbad\n")])
    path.write_bytes(sound)
    assert read_reviews(path, 1)[0]["gold"].tolist() == ["positive", "negative"]
    hostile = [
        b"",
        b"x",
        sound[: len(sound) // 2],
        make_tar([]),
        make_tar([("other", b"")]),
        make_tar([(MEMBER, b"1\tx\t")]),
    ]
    for content in (*hostile, make_tar_bomb(100 * MEBI), make_tar([(MEMBER, b"\xff\t1\tx\n")])):
        path.write_bytes(content)
        with pytest.raises(DistilError) as caught:
            read_reviews(path, 1)
        assert "\n" not in str(caught.value)
