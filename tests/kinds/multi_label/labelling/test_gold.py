from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from kinds.multi_label.odd_labels import tasks_with_sets

from distil.kinds.multi_label.labelling.canonical.label import write_label
from distil.kinds.multi_label.labelling.gold import read_gold

LABELS = ["joy", "anger"]


def read(*cells: Any, names: dict[str, str] | None = None) -> Any:
    index = pd.RangeIndex(5, 5 + len(cells), name="line")
    return read_gold(pd.Series(cells, index=index), pd.Series("a text", index=index), LABELS, names or {})


def test_gold_is_read_and_an_empty_cell_is_unknown() -> None:
    found = read("anger;joy", None, "none", "", " ", '{"joy": 0, "anger": 1}')
    assert found.fault is None
    assert found.notes == []
    assert found.gold.index.tolist() == [5, 6, 7, 8, 9, 10]
    assert found.gold.dropna().to_dict() == {5: '["joy", "anger"]', 7: "[]", 10: '["anger"]'}
    assert read(None, None).gold.isna().all()


def test_names_of_the_data_are_translated_numbers_too() -> None:
    names = {"2": "joy", "13": "anger"}
    for cell in ("2,13", "[2, 13]", '["2", "13"]', '{"2": 1, "13": 1}'):
        assert read(cell, names=names).gold.tolist() == ['["joy", "anger"]']
    found = read("2.0", "13", names=names)
    assert found.gold.tolist() == ['["joy"]', '["anger"]']
    assert found.notes == ["gold labels such as '2.0' are read as '2', which is known (rows: 1)"]


def test_two_names_of_the_data_may_stand_for_one_label() -> None:
    names = {"annoyance": "anger"}
    for cell in ("annoyance; anger", '["annoyance", "anger"]', '{"annoyance": 1, "anger": "1"}'):
        assert read(cell, names=names).gold.tolist() == ['["anger"]']
    assert read("anger; anger", names=names).fault


def test_columns_of_0_and_1_are_read_as_pandas_writes_them() -> None:
    found = read('{"joy": "True", "anger": "False"}', '{"joy": "0.0", "anger": "1.0"}')
    assert found.gold.tolist() == ['["joy"]', '["anger"]']


def test_all_rows_at_fault_are_told_and_what_is_wrong_with_the_first() -> None:
    found = read("joy", "joy;bliss", "anger", '["joy", "joy"]')
    assert found.fault.rows.tolist() == [False, True, False, True]
    assert found.fault.complaint == (
        "names 'bliss', which is not in task.labels (joy, anger); correct it, or name its label in fetch.gold_names"
    )
    assert read('["joy", "joy"]').fault.complaint == "names 'joy' twice; name each label once"


@pytest.mark.parametrize(
    "cell", ['["joy", ["anger"]]', "[1]", "1", '{"joy": 7}', "None", "joy;;anger", "null", '["joy']
)
def test_what_is_no_set_of_labels_is_one_fault(cell: str) -> None:
    assert read("joy", cell).fault.rows.tolist() == [False, True]


@settings(max_examples=50)
@given(tasks_with_sets())
def test_any_set_of_any_labels_is_read_back(task: tuple[list[str], list[str]]) -> None:
    labels, names = task
    found = read_gold(pd.Series([write_label(names)]), pd.Series(["a text"]), labels, {})
    assert found.gold.tolist() == [write_label(names)]
