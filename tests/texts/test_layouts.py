from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from toy_corpus import complain, read

from distil.assets.references import sha256_of
from distil.core.errors import InputError
from distil.texts.cells import Columns
from distil.texts.readers import Layout, read_file

BY_NUMBER = {"text": "1", "gold": "2"}


@pytest.mark.parametrize(("name", "separator"), [("a.csv", ","), ("a.csv", ";"), ("a.csv", "\t"), ("a.tsv", "\t")])
def test_a_file_without_a_header_has_its_columns_by_number(tmp_path: Path, name: str, separator: str) -> None:
    rows = [["good, really", "positive"], ["bad", "negative"]]
    content = "\n".join(separator.join(f'"{cell}"' for cell in row) for row in rows)
    (tmp_path / name).write_text(content)
    found = read(tmp_path, header=False, columns=BY_NUMBER)
    assert found[["text", "gold"]].to_numpy().tolist() == rows


def test_a_row_of_another_length_is_named_by_its_line(tmp_path: Path) -> None:
    message = complain(tmp_path / "a.tsv", "one\tpositive\ntwo\n", header=False, columns=BY_NUMBER)
    assert message.startswith(f"{tmp_path / 'a.tsv'}, line 2: 1 cells, but the first row has 2")


def test_a_column_that_is_not_there_is_named_by_its_number(tmp_path: Path) -> None:
    message = complain(tmp_path / "a.tsv", "one\tpositive\n", header=False, columns={"text": "1", "gold": "3"})
    assert "no column '3'; set fetch.columns.gold to one of: 1, 2" in message


def test_a_quotation_mark_is_a_sign_like_any_other_where_quotes_enclose_nothing(tmp_path: Path) -> None:
    content = '"No" he said\tpositive\n5" screen\tnegative\n"open\tpositive\n'
    assert "set fetch.quotes: false" in complain(tmp_path / "a.tsv", content, header=False, columns=BY_NUMBER)
    found = read(tmp_path, header=False, quotes=False, columns=BY_NUMBER)
    assert found["text"].tolist() == ['"No" he said', '5" screen', '"open']


def test_a_format_holds_whatever_the_suffix(tmp_path: Path) -> None:
    (tmp_path / "btc.train").write_text("text\tgold\nhello\tpositive\n")
    with pytest.raises(InputError, match=r"files of the kind '.train' are not read"):
        read(tmp_path)
    assert read(tmp_path, format="tsv", columns={"gold": "gold"})["gold"].tolist() == ["positive"]


def test_labels_by_number_are_named_by_a_pinned_file(tmp_path: Path) -> None:
    (tmp_path / "names").write_text("negative\npositive\n")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "a.csv").write_text("text,gold\nhello,1\nbye,0\nwell,\n")
    pinned = f"{tmp_path / 'names'}#sha256={sha256_of(tmp_path / 'names')}"
    found = read(corpus, columns={"gold": "gold"}, label_names=pinned)
    assert found["gold"].tolist()[:2] == ["positive", "negative"]
    assert found["gold"].isna().tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "text,joy,anger\nhello,1,0\nwell,,\n"),
        ("a.jsonl", '{"text": "hello", "joy": "1", "anger": "0"}\n{"text": "well"}\n'),
        ("a.json", '[{"text": "hello", "joy": "1", "anger": "0"}, {"text": "well"}]'),
    ],
)
def test_columns_of_0_and_1_become_one(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    rows = read_file(tmp_path / name, name, Columns(gold=["joy", "anger"])).rows
    assert rows["gold"].tolist()[0] == '{"joy": "1", "anger": "0"}'
    assert rows["gold"].isna().tolist() == [False, True]
    with pytest.raises(InputError, match=r"no column 'love'; set fetch.columns.gold to one of: text, joy, anger"):
        read_file(tmp_path / name, name, Columns(gold=["joy", "love"]), Layout())


def test_columns_of_parquet_with_gaps_become_one(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a", "b"], "joy": [1, None], "anger": [0, None]}), tmp_path / "a.parquet")
    rows = read_file(tmp_path / "a.parquet", "a.parquet", Columns(gold=["joy", "anger"])).rows
    assert rows["gold"].isna().tolist() == [False, True]


@pytest.mark.parametrize("name", ["a.txt", "a.conll"])
def test_a_file_without_columns_has_none_for_each_label(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("word\tO\n")
    with pytest.raises(InputError, match="has no columns, so none for each label"):
        read_file(tmp_path / name, name, Columns(gold=["joy", "love"]))


def test_conll_has_no_gold_where_none_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_text("Anna\tB-PER\n")
    assert list(read_file(tmp_path / "a.conll", "a.conll", Columns()).rows) == ["text"]
    assert list(read_file(tmp_path / "a.conll", "a.conll", Columns(gold="gold")).rows) == ["text", "gold"]


def test_a_structure_beside_a_field_of_another(tmp_path: Path) -> None:
    cells = {"data": [{"body": "Ann", "more": {"deep": 1}}], "labels": [{"joy": 1}]}
    pq.write_table(pa.table(cells), tmp_path / "a.parquet")
    rows = read_file(tmp_path / "a.parquet", "a.parquet", Columns(text="data.body", gold="labels")).rows
    assert rows[["text", "gold"]].to_numpy().tolist() == [["Ann", '{"joy": 1}']]
    deep = read_file(tmp_path / "a.parquet", "a.parquet", Columns(text="data.body", gold="data.more.deep")).rows
    assert deep["gold"].tolist() == ["1"]


def test_one_label_a_text_takes_no_list_and_says_what_does(tmp_path: Path) -> None:
    message = complain(tmp_path / "a.jsonl", '{"text": "a", "gold": ["positive"]}\n', columns={"gold": "gold"})
    assert "'[\"positive\"]' is not in task.labels" in message
    assert "for several labels a text, or spans, set task.kind" in message
