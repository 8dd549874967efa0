import json
from collections.abc import Mapping
from typing import Any

import pandas as pd
import pytest

from distil.forms.gold import GoldRead
from distil.kinds.token_classification.labelling.canonical.label import read_label, write_label
from distil.kinds.token_classification.labelling.gold import read_gold

LABELS = ["person", "place"]
ANN = write_label([(0, 3, "person")])
SMILE = "\U0001f600"


def read(*rows: tuple[Any, str | None], names: Mapping[str, str] | None = None) -> GoldRead:
    """Read rows of gold, JSON unless it is a string or None, and text."""
    cells = [cell if isinstance(cell, str | None) else json.dumps(cell, ensure_ascii=False) for cell, _ in rows]
    texts = pd.Series([text for _, text in rows], dtype="str")
    return read_gold(pd.Series(cells, dtype="str"), texts, LABELS, names or {})


@pytest.mark.parametrize(
    "gold",
    [
        [{"start": 0, "end": 3, "label": "person"}],
        [[0, 3, "person"]],
        {"entities": [[0, 3, "person"]]},
        {"label": [[0, 3, "person"]]},
        {"entities": [{"id": 7, "label": "person", "start_offset": 0, "end_offset": 3}]},
        {"ents": [{"start": 0.0, "end": 3.0, "label": "person"}]},
        [{"value": {"start": 0, "end": 3, "text": "Ann", "labels": ["person"]}, "from_name": "l", "type": "labels"}],
        [{"id": 1, "result": [{"value": {"start": 0, "end": 3, "labels": ["person"]}}]}],
        [{"entity_type": "person", "entity_value": "Ann", "start_position": 0, "end_position": 3}],
        [{"entity_group": "person", "word": "Ann", "start": 0, "end": 3, "score": 0.9}],
        [{"text": "Ann", "label": "person"}],
        [["ann", "person"]],
        "[{'start': 0, 'end': 3, 'label': 'person'}]",
    ],
)
def test_gold_of_all_tools_is_read(gold: Any) -> None:
    found = read((gold, "Ann is here"), (None, "Bob"), ([], "nobody"))
    assert found.fault is None
    assert found.notes == []
    assert found.gold.isna().tolist() == [False, True, False]
    assert found.gold[[0, 2]].tolist() == [ANN, "[]"]


def test_names_of_the_data_are_translated_and_a_row_without_a_text_has_no_gold() -> None:
    found = read(([[0, 3, "PER"]], "Ann"), ([[0, 3, "PER"]], None), names={"PER": "person"})
    assert found.gold.isna().tolist() == [False, True]
    assert (found.gold[0], found.fault) == (ANN, None)


@pytest.mark.parametrize(
    ("gold", "complaint"),
    [
        ([[0, 30, "person"]], "ends at 30, past the text, which has 11 characters"),
        ([[3, 0, "person"]], "ends at 0, before its start at 3"),
        ([[2, 2, "person"]], "an empty span, from 2 to 2"),
        ([[-3, 2, "person"]], "starts at -3"),
        ([[0, 3, "animal"]], "the label 'animal', which is not in task.labels (person, place)"),
        ([{"start": 0, "end": 3, "label": "person", "text": "Bob"}], "has 'Bob' at 0-3, where 'Ann' stands"),
        ([{"text": "Bob", "label": "person"}], "has 'Bob', which does not stand in the text"),
        ([{"start": 0, "label": "person"}], "is no list of spans"),
        ([["0", "3", "person"]], "is no list of spans"),
        ("Ann", "is no list of spans"),
        ("[" * 5000, "is no list of spans"),
        ({"text": "Ann"}, "is no list of spans"),
    ],
)
def test_a_fault_is_told_with_its_rows(gold: Any, complaint: str) -> None:
    found = read((ANN, "Ann"), (gold, "Ann is here"), (None, "Bob"))
    assert found.fault is not None
    assert found.fault.rows.tolist() == [False, True, False]
    assert complaint in found.fault.complaint
    assert found.gold[0] == ANN


def test_of_nested_spans_the_longest_stays_and_the_rest_is_told() -> None:
    found = read(([[0, 3, "person"], [0, 8, "place"], [4, 8, "person"]], "Ann Town"), (ANN, "Ann"))
    assert [read_label(label) for label in found.gold] == [[(0, 8, "place")], [(0, 3, "person")]]
    assert found.notes == ["spans that overlap a longer one are left out: 2 (rows: 1)"]


@pytest.mark.parametrize(("unit", "start"), [("UTF-16 units", 3), ("bytes of UTF-8", 5)])
def test_other_offsets_are_converted_where_the_words_of_all_rows_prove_them(unit: str, start: int) -> None:
    proof = {"start": start, "end": start + 3, "label": "person", "text": "Ann"}
    silent = {"start": start, "end": start + 3, "label": "person"}
    found = read(([proof], f"{SMILE} Ann"), ([silent], f"{SMILE} Bob"), (ANN, "Ann"))
    assert found.fault is None
    assert [read_label(label)[0].start for label in found.gold] == [2, 2, 0]
    assert len(found.notes) == 1
    assert unit in found.notes[0]


def test_other_offsets_are_refused_where_rows_differ() -> None:
    wide = {"start": 3, "end": 6, "label": "person", "text": "Ann"}
    narrow = wide | {"start": 2, "end": 5}
    found = read(([wide], f"{SMILE} Ann"), ([narrow], f"{SMILE} Ann"))
    assert found.fault is not None
    assert found.fault.rows.tolist() == [True, False]
    assert "these offsets count UTF-16 units, not all of the file's do" in found.fault.complaint


def test_offsets_without_words_count_code_points() -> None:
    found = read(([[2, 5, "person"]], f"{SMILE} Ann"))
    assert found.gold[0] == write_label([(2, 5, "person")])
