"""What the readers take as it stands, and what they refuse: file, place and remedy in one line."""

import gzip
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_corpus import complain, read, write_texts

from distil.core.errors import InputError
from distil.texts.cells import Columns
from distil.texts.readers import read_file
from distil.texts.sources import SourceParams, UrlParams, load_source

ODD_TEXTS = [
    "n/a",
    "None",
    "null",
    "NaN",
    "1.0",
    "true",
    "{text} and {labels} and {{}}",
    'she said "so", he said \'no\', """',
    '"',
    "two\nlines\r\nand\ttabs\rand a return",
    "Label: positive",
    "\U0001f600 caf\u00e9 cafe\u0301 \u2028 \u0001 \u200b",
    " blanks at the ends  ",
    "=SUM(A1)",
    "word " * 10_000,
]


EXACT = [".csv", ".tsv", ".jsonl", ".json", ".parquet"]  # formats that hold any text


@pytest.mark.parametrize("suffix", [*EXACT, ".csv.gz", ".jsonl.gz", ".parquet.gz"])
def test_texts_survive_as_they_stand(tmp_path: Path, suffix: str) -> None:
    write_texts(tmp_path / f"odd{suffix}", ODD_TEXTS)
    assert read(tmp_path)["text"].tolist() == ODD_TEXTS


@settings(max_examples=50)
@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")).filter(str.strip), min_size=1, max_size=5)
)
def test_any_text_survives(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    folder = tmp_path_factory.mktemp("corpus")
    for suffix in EXACT:
        write_texts(folder / f"any{suffix}", texts)
        assert read_file(folder / f"any{suffix}", "any", Columns()).rows["text"].tolist() == texts


def test_all_formats_in_one_folder(tmp_path: Path) -> None:
    names = ["a.csv", "b.tsv", "c.jsonl", "d.xlsx", "e.JSON", "f.tsv.gz", "g.xlsx.gz", "sub/h.parquet"]
    for name in names:
        (tmp_path / "sub").mkdir(exist_ok=True)
        write_texts(tmp_path / name, [name])
    (tmp_path / "README.md").write_text("about these files", encoding="utf-8")
    (tmp_path / ".gitignore").write_text("*", encoding="utf-8")
    assert read(tmp_path)["text"].tolist() == names
    assert read(tmp_path, files=["b.tsv", "*.csv", "a.*"])["text"].tolist() == ["b.tsv", "a.csv"]


def test_byte_order_mark_is_no_part_of_the_header(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbftext\r\nhello\r\n\r\n")
    (tmp_path / "b.jsonl").write_bytes(b'\xef\xbb\xbf{"text": "again"}\r\n\r\n')
    assert read(tmp_path)["text"].tolist() == ["hello", "again"]


def test_gold_by_name_number_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("label,text\n1,good\nnegative,bad\n,unknown\n", encoding="utf-8")
    (tmp_path / "b.jsonl").write_text(
        '{"text": "nice", "label": 1}\n{"text": "so", "label": null}\n{"text": "la"}\n', encoding="utf-8"
    )
    pq.write_table(pa.table({"text": ["poor", "hm"], "label": [0, None]}), tmp_path / "c.parquet")
    rows = read(tmp_path, columns={"gold": "label"}, gold_names={"0": "negative", "1": "positive"})
    gold = rows.set_index("text")["gold"]
    assert gold.dropna().to_dict() == {"good": "positive", "bad": "negative", "nice": "positive", "poor": "negative"}
    assert gold[gold.isna()].index.tolist() == ["unknown", "so", "la", "hm"]


def test_split_by_file_and_by_column(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,part\nx,test\ny,\n", encoding="utf-8")
    (tmp_path / "b.csv").write_text("text,part\nz,train\n", encoding="utf-8")
    by_column = read(tmp_path, columns={"split": "part"})
    assert by_column["split"].fillna("none").tolist() == ["test", "none", "train"]
    by_file = read(tmp_path, files={"b.csv": "test", "a.csv": None})
    assert by_file["split"].fillna("none").tolist() == ["test", "none", "none"]


ERROR = {"blank": "error"}


@pytest.mark.parametrize(
    ("name", "content", "keys", "complaint"),
    [
        ("a.csv", "", {}, "a.csv is empty"),
        ("a.csv", "text\n", {}, "a.csv has no rows"),
        ("a.jsonl", "\n\n", {}, "a.jsonl has no rows"),
        ("a.csv", "title,body\nx,y\n", {}, "no column 'text'; set fetch.columns.text to one of: title, body"),
        ("a.jsonl", '{"title": "x"}\n', {}, "no column 'text'; set fetch.columns.text to one of: title"),
        ("a.csv", "text\nx\n", {"columns": {"gold": "label"}}, "set fetch.columns.gold to one of: text"),
        ("a.csv", "text,text\nx,y\n", {}, "2 columns 'text'"),
        (
            "a.csv",
            "id,text\n1,x\n2,\n3,y\n4,\n",
            ERROR,
            "line 3: the text is blank; fill it in or take the row out, or set fetch.blank: leave_out (such rows: 2)",
        ),
        ("a.csv", 'id,text\n1,"x\ny"\n2," \n"\n', ERROR, "line 4: the text is blank"),
        ("a.jsonl", '{"text": "x"}\n{"text": null}\n', ERROR, "line 2: the text is blank"),
        ("a.jsonl", '{"text": "x"}\n{"body": "y"}\n', ERROR, "line 2: the text is blank"),
        ("a.csv", "id,text\n1,\n2, \n", {}, "none of 2 rows has a text (the first is"),
        ("a.jsonl", '{"text": "x"}\n{"text": 5}\n', {}, "line 2: the text is 5, not a string; write it in quotes"),
        ("a.jsonl", '{"text": "x"}\n{"text": "\\ud83d"}\n', {}, "line 2: the text holds half of a surrogate pair"),
        ("a.jsonl", '{"text": "x"}\n{"text": "y"\n', {}, "line 2 is not JSON"),
        ("a.jsonl", '["x"]\n', {}, 'line 1 is ["x"]; each line must be one object'),
        ("a.csv", "id,text\n1,x\n2,y,z\n", {}, "line 3: 3 cells, but the header has 2"),
        ("a.csv", "id,text\n1,x\n2\n", {}, "line 3: 1 cells, but the header has 2"),
        ("a.tsv", 'id\ttext\n1\t"So" he said\n', {}, "line 2: '\\t' expected after '\"'; put a cell"),
        ("a.csv", 'text\nx\n"y\n', {}, "unexpected end of data"),
        ("a.csv", b"text\ngood\ncaf\xe9\n", {}, "not UTF-8 (byte 13 is 0xe9); save it as UTF-8"),
        ("a.jsonl", b'{"text": "caf\xe9"}\n', {}, "not UTF-8 (byte 13 is 0xe9)"),
        ("a.parquet", "text\nx\n", {}, "not a sound parquet file"),
        ("a.doc", "x\n", {}, "files of the kind '.doc' are not read; .csv, .tsv, .jsonl, .json, .parquet, .xlsx, .txt"),
        ("a.doc.gz", "x\n", {}, "files of the kind '.doc' are not read; .csv,"),
    ],
)
def test_unsound_file_is_refused(tmp_path: Path, name: str, content: str | bytes, keys: Any, complaint: str) -> None:
    assert complaint in complain(tmp_path / name, content, **keys)


def test_gold_outside_the_labels_names_the_row_and_the_remedy(tmp_path: Path) -> None:
    content = "text,label\nx,positive\ny,pos\nz,POS\n"
    message = complain(tmp_path / "a.csv", content, columns={"gold": "label"})
    assert "line 3: the gold 'pos' is not in task.labels (negative, positive)" in message
    assert "fetch.gold_names (such rows: 2)" in message


def test_split_of_another_name_is_refused(tmp_path: Path) -> None:
    message = complain(tmp_path / "a.csv", "text,part\nx,dev\n", columns={"split": "part"})
    assert "line 2: the split 'dev' is none of train, validation, test" in message
    message = complain(tmp_path / "a.csv", "text,part\nx,test\n", columns={"split": "part"}, files={"a.csv": "test"})
    assert "split twice" in message


@pytest.mark.parametrize(
    ("column", "complaint"),
    [
        (pa.array([1, 2]), "the text column holds int64, not strings"),
        (pa.array([b"x", b"\xff"]).view(pa.string()), "the text column is not UTF-8"),
    ],
)
def test_parquet_that_holds_no_text_is_refused(tmp_path: Path, column: pa.Array, complaint: str) -> None:
    pq.write_table(pa.table({"text": column}), tmp_path / "a.parquet")
    assert complaint in complain(tmp_path / "a.parquet", (tmp_path / "a.parquet").read_bytes())


@pytest.mark.parametrize("name", ["a.parquet", "a.parquet.gz"])
def test_a_damaged_parquet_file_is_one_line_with_the_remedy(tmp_path: Path, name: str) -> None:
    stream = io.BytesIO()
    pq.write_table(pa.table({"text": [f"text number {number} of these" for number in range(1000)]}), stream)
    whole = stream.getvalue()
    for place in (20, len(whole) // 2, len(whole) - 200):  # a page, another one, the footer
        damaged = whole[:place] + b"\xff" * 64 + whole[place + 64 :]
        content = gzip.compress(damaged) if name.endswith(".gz") else damaged
        message = complain(tmp_path / name, content)
        assert "is not a sound parquet file (" in message and "copy, download or write it anew" in message


def test_a_damaged_gz_of_a_parquet_file_is_told_as_such(tmp_path: Path) -> None:
    assert "is not a sound .gz file" in complain(tmp_path / "a.parquet.gz", b"PAR1 and no more")


def test_pattern_without_a_file_shows_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "README.md").touch()
    with pytest.raises(InputError, match=r"matches no file in .*; there: none"):
        read(tmp_path)
    write_texts(tmp_path / "a.csv", ["x"])
    with pytest.raises(InputError, match=r"'\*\.jsonl' matches no file in .*; there: a\.csv"):
        read(tmp_path, files=["*.jsonl"])
    with pytest.raises(InputError, match="two splits"):
        read(tmp_path, files={"a.csv": "test", "*": "train"})


def test_gold_names_must_be_labels(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"fetch\.gold_names has the label 'good', which task\.labels lacks"):
        read(tmp_path, columns={"gold": "label"}, gold_names={"1": "good"})


def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, section: str) -> SourceParams:
    (tmp_path / "params.yaml").write_text(f"fetch: {section}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return load_source()


def test_section_is_read_as_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    params = load(
        tmp_path, monkeypatch, "{source: url, files: {'https://x/a.csv#sha256=0': test}, columns: {text: body}}"
    )
    assert isinstance(params, UrlParams)
    assert (params.files, params.columns.text) == ({"https://x/a.csv#sha256=0": "test"}, "body")


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        ("{source: web}", "fetch.source = 'web': Input should be 'reviews', 'corpus', 'url', 'hub' or 'templates'"),
        ("{files: [a.csv]}", "fetch.source is missing"),
        (
            "{source: corpus, min_rating: 1}",
            "unknown key fetch.min_rating; allowed here: limit, columns, gold_names, label_names, blank, format, "
            "header, quotes, sheet, txt, source, files",
        ),
        ("{source: corpus, columns: {txt: a}}", "unknown key fetch.columns.txt; allowed here: text, gold, split"),
        ("{source: corpus, files: a.csv}", "fetch.files = 'a.csv': write a list of names, or a mapping"),
        ("{source: corpus, files: []}", "fetch.files = []: Value should have at least 1 item"),
        (
            "{source: corpus, files: {a.csv: dev}}",
            "fetch.files.a.csv = 'dev': Input should be 'train', 'validation' or 'test'",
        ),
        ("{source: corpus, gold_names: {1: positive}}", "(write it in quotes)"),
        ("{source: corpus, gold_names: {'1': positive}}", "gold_names needs columns.gold"),
        ("{source: hub, dataset: owner/name}", "fetch.revision is missing"),
        ("{source: reviews, archive: x, min_rating: 9}", "fetch.min_rating = 9"),
    ],
)
def test_wrong_section_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, section: str, complaint: str
) -> None:
    with pytest.raises(InputError) as caught:
        load(tmp_path, monkeypatch, section)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_link_that_leads_out_of_the_corpus_is_refused(tmp_path: Path) -> None:
    corpus, outside = tmp_path / "corpus", tmp_path / "outside"
    for folder in (corpus, outside):
        folder.mkdir()
        write_texts(folder / "a.csv", [folder.name])
    (corpus / "b.csv").symlink_to("a.csv")
    assert read(corpus)["text"].tolist() == ["corpus", "corpus"]
    (corpus / ".#a.csv").symlink_to("nobody@nowhere")  # how an editor marks a file that is open
    assert len(read(corpus)) == 2
    for target in (outside / "a.csv", outside, tmp_path / "nothing", Path("c.csv")):
        (corpus / "c.csv").symlink_to(target)
        with pytest.raises(InputError, match=rf"c\.csv is a link to .*{target.name}, which is not a file of") as caught:
            read(corpus, files=["a.csv"])
        assert "\n" not in str(caught.value)
        (corpus / "c.csv").unlink()
