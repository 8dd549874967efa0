"""What is seen in a file, in any format that fetch reads."""

import gzip
import json
from pathlib import Path

import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from toy_corpus import to_xlsx

from distil.core.errors import InputError
from distil.new_study.encoding import bring_file
from distil.new_study.language import UNKNOWN, tell_language
from distil.new_study.looking import Found, Wishes, look

GERMAN = ["Das Gerät läuft auch nach Wochen noch tadellos.", "Für diesen Preis eine Zumutung; nie wieder!"]
ROWS = [(f"Nr. {number}: {GERMAN[number % 2]}", ["gut", "schlecht"][number % 2]) for number in range(12)]


def see(path: Path, **wishes: object) -> Found:
    return look(path, path.name, Wishes(**wishes))  # type: ignore[arg-type]


def write_odd(path: Path, encoding: str) -> Path:
    """Semicolons, ids, addresses, an empty column, a row twice, one without a text, one without a label."""
    lines = ["Nr;Kundentext;Leer;Bewertung;Link"]
    cells = [*ROWS, ROWS[0], ("", ""), ("Nr. 99: Tut, was es soll.", "")]
    lines += [f'{1000 + at};"{text}";;{label};https://shop.example/{at}' for at, (text, label) in enumerate(cells)]
    path.write_bytes("\r\n".join(lines).encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8", "utf-8-sig", "utf-16"])
def test_a_file_with_odd_columns_is_seen_through(tmp_path: Path, encoding: str) -> None:
    told = bring_file(write_odd(tmp_path / "odd.csv", encoding), tmp_path / "kunden.csv", ".csv", None)
    found = see(tmp_path / "kunden.csv")
    assert found.columns == ["Nr", "Kundentext", "Leer", "Bewertung", "Link"]
    assert (found.text, found.split, found.language, found.max_length) == ("Kundentext", None, "de", 128)
    assert found.gold is not None
    assert (found.gold.column, found.gold.kind, set(found.gold.labels)) == (
        "Bewertung",
        "classification",
        {"gut", "schlecht"},
    )
    assert (found.rows, found.blank, found.texts, found.gold.rows) == (15, 1, 13, 13)
    assert found.notes == ["kunden.csv: cells are separated by semicolons"]
    if encoding == "cp1252":
        assert told is not None and told.startswith("read as cp1252 (") and "--encoding names another" in told
        assert "Gerät" in (tmp_path / "kunden.csv").read_text(encoding="utf-8")
    else:
        assert told is None


def test_an_encoding_that_is_named_is_taken_at_its_word(tmp_path: Path) -> None:
    odd = write_odd(tmp_path / "odd.csv", "cp1252")
    told = bring_file(odd, tmp_path / "copy.csv", ".csv", "cp1252")
    assert told is not None and "--encoding" not in told
    with pytest.raises(InputError, match=r"odd\.csv cannot be read as utf-8 .* name its encoding: --encoding"):
        bring_file(odd, tmp_path / "copy.csv", ".csv", "utf-8")
    with pytest.raises(InputError, match="unknown encoding"):
        bring_file(odd, tmp_path / "copy.csv", ".csv", "no-such")


@pytest.mark.parametrize(
    "encoding", ["punycode", "undefined", "idna", "hex", "no-such", "", "unicode_escape", "utf-16", "ascii"]
)
def test_an_encoding_that_does_not_fit_is_one_line(tmp_path: Path, encoding: str) -> None:
    odd = tmp_path / "odd.csv"
    odd.write_bytes("a,b\nGerät \\ud800,\\ud800x\n".encode("cp1252"))
    with pytest.raises(InputError, match=r"odd\.csv cannot be read as .* name its encoding: --encoding") as caught:
        bring_file(odd, tmp_path / "copy.csv", ".csv", encoding)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("encoding", ["cp1252", None])
def test_what_is_packed_is_converted_too(tmp_path: Path, encoding: str | None) -> None:
    packed = tmp_path / "odd.csv.gz"
    packed.write_bytes(gzip.compress(write_odd(tmp_path / "odd.csv", "cp1252").read_bytes()))
    told = bring_file(packed, tmp_path / "copy.csv.gz", ".csv", encoding)
    assert told is not None and "read as cp1252" in told
    assert "Gerät" in gzip.decompress((tmp_path / "copy.csv.gz").read_bytes()).decode()
    assert see(tmp_path / "copy.csv.gz").text == "Kundentext"
    packed.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"odd\.csv\.gz is not a sound \.gz file"):
        bring_file(packed, tmp_path / "copy.csv.gz", ".csv", encoding)


def test_what_is_no_text_file_has_no_encoding(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.parquet is no text file, so --encoding cp1252 says nothing of it"):
        bring_file(tmp_path / "a.parquet", tmp_path / "copy.parquet", ".parquet", "cp1252")


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".json"])
def test_many_columns_are_read_in_as_many_passes_as_few(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"wide{suffix}"
    table = pd.DataFrame({"body": [f"a text of some words {row}" for row in range(1000)]})
    for column in range(40):
        table[f"nr{column}"] = [f"{(row * 7919 + column) % 997} is so" for row in range(1000)]
    if suffix in (".jsonl", ".json"):
        table.to_json(path, orient="records", lines=suffix == ".jsonl")
    else:
        table.to_csv(path, sep="\t" if suffix == ".tsv" else ",", index=False)
    before = psutil.Process().io_counters().read_chars
    found = see(path)
    assert (found.text, found.gold, len(found.columns)) == ("body", None, 41)
    assert psutil.Process().io_counters().read_chars - before < 15 * path.stat().st_size


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".parquet", ".xlsx", ".tsv"])
def test_other_formats_are_seen_alike(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"file{suffix}"
    records = [{"id": number, "body": text, "mood": label} for number, (text, label) in enumerate(ROWS)]
    if suffix == ".jsonl":
        path.write_text("\n".join(map(json.dumps, records)))
    elif suffix == ".json":
        path.write_text(json.dumps(records))
    elif suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(records), path)
    elif suffix == ".xlsx":
        path.write_bytes(to_xlsx({"Sheet1": [list(records[0]), *(list(record.values()) for record in records)]}))
    else:
        pd.DataFrame(records).to_csv(path, sep="\t", index=False)
    found = see(path)
    assert found.gold is not None
    assert (found.text, found.gold.column, found.rows) == ("body", "mood", 12)


def test_lists_spans_and_tokens_are_gold(tmp_path: Path) -> None:
    path = tmp_path / "file.jsonl"
    path.write_text("\n".join(json.dumps({"t": f"so it is {n}", "e": ["a", "b"][: n % 3]}) for n in range(12)))
    found = see(path)
    assert found.gold is not None and found.gold.kind == "multi_label"
    path.write_text("\n".join(json.dumps({"t": f"so it is {n}", "e": [[0, 2, "X"], [3, 5, "Y"]]}) for n in range(12)))
    found = see(path)
    assert found.gold is not None and found.gold.kind == "token_classification"
    table = {"tokens": [["Anna", "sings", str(n)] for n in range(12)], "ner_tags": [["B-PER", "O", "O"]] * 12}
    pq.write_table(pa.table(table), tmp_path / "file.parquet")
    found = see(tmp_path / "file.parquet", kind="token_classification", gold="ner_tags")
    assert found.gold is not None
    assert (found.text, found.gold.column, set(found.gold.labels)) == ("tokens", "ner_tags", {"PER"})


def test_files_without_columns(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one text here\nand another one\n")
    found = see(tmp_path / "a.txt")
    assert (found.columns, found.text, found.gold, found.texts) == ([], None, None, 2)
    (tmp_path / "b.conll").write_text("Anna\tB-PER\nsings\tO\n\nin\tO\nOslo\tB-LOC\n")
    found = see(tmp_path / "b.conll")
    assert found.gold is not None
    assert (found.gold.kind, set(found.gold.labels)) == ("token_classification", {"PER", "LOC"})
    (tmp_path / "c.csv").write_text("a first text,x\na second text,y\na third text,x\na fourth one,y\n")
    found = see(tmp_path / "c.csv", header=False)
    assert found.gold is not None
    assert (found.text, found.gold.column, found.rows) == ("1", "2", 4)


def test_what_the_user_says_goes_before_what_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    pd.DataFrame(
        {"title": ["a b", "c d"] * 5, "body": ["long text one", "long text two"] * 5, "c": ["x", "y"] * 5}
    ).to_csv(path, index=False)
    assert see(path, text="title", gold="c").text == "title"
    assert see(path, gold="none").gold is None
    chosen = see(path, gold="title").gold
    assert chosen is not None and chosen.column == "title"
    path.write_text("body,c\nlong text one,x\nlong text two,y\n")  # as many labels as rows, and yet
    assert see(path).gold is None
    assert see(path, gold="c").gold is not None


@pytest.mark.parametrize(
    ("content", "wishes", "said"),
    [
        ("a,b\nsome text,x\n", {"text": "c"}, "has no column 'c'; --text-column takes one of: a, b"),
        ("a,b\nsome text,x\n", {"gold": "c"}, "has no column 'c'; --gold-column takes none or: b"),
        (
            "a,b\nsome text,x\nmore text,x\n",
            {"gold": "b", "kind": "token_classification"},
            "holds no labels of the kind token_c",
        ),
        ("a,b\n1,2\n3,4\n", {}, "has no column of texts; name it with --text-column: a, b"),
        ("a,b\nsome text,\nmore text,\n", {"gold": "b"}, "holds no labels at all"),
        ("", {}, "is empty"),
        ('a,b\n"open,x\n', {}, "line 2"),
        ("a,b\n\0,x\n", {}, "holds NUL bytes"),
    ],
)
def test_what_cannot_be_seen_is_one_line(tmp_path: Path, content: str, wishes: dict[str, str], said: str) -> None:
    path = tmp_path / "file.csv"
    path.write_text(content)
    with pytest.raises(InputError) as caught:
        see(path, **wishes)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_split_column_is_one_of_the_names_that_fetch_knows(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    for second, found in (("test", "part"), ("dev", None)):
        rows = [f"a text number {n},{['train', second][n % 2]}" for n in range(8)]
        path.write_text("\n".join(["body,part", *rows]))
        assert see(path, gold="none").split == found


def test_long_texts_get_a_longer_window(tmp_path: Path) -> None:
    for words, length in ((20, 128), (150, 256), (10_000, 512)):
        (tmp_path / "a.txt").write_text("word " * words + "\n")
        assert see(tmp_path / "a.txt").max_length == length


def test_a_language_is_told_or_unknown() -> None:
    assert tell_language(["my card was declined"] * 40) == "en"
    assert tell_language([f"{n} 12 34 56" for n in range(40)]) == UNKNOWN
    assert tell_language(GERMAN * 30 + ["the quick brown fox jumps over it"] * 60) == UNKNOWN
    assert tell_language([]) == UNKNOWN
