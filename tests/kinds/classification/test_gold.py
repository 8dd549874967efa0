from typing import Any

import pandas as pd
import pytest

from distil.kinds.classification.labelling.gold import read_gold

LABELS = ["1", "joy", "anger"]


def read(*cells: Any, names: dict[str, str] | None = None) -> Any:
    index = pd.RangeIndex(5, 5 + len(cells), name="line")
    return read_gold(
        pd.Series(cells, index=index, dtype="object"), pd.Series("a text", index=index), LABELS, names or {}
    )


def test_gold_is_read_and_a_missing_cell_is_unknown() -> None:
    found = read("joy", None, "anger")
    assert (found.notes, found.fault) == ([], None)
    assert found.gold.dropna().to_dict() == {5: "joy", 7: "anger"}
    found = read(None, None)
    assert found.gold.isna().all()
    assert found.fault is None


def test_names_of_the_data_are_translated_and_the_task_s_own_stay() -> None:
    assert read("j", "anger", None, names={"j": "joy"}).gold.dropna().to_dict() == {5: "joy", 6: "anger"}


def test_whole_numbers_that_pandas_wrote_with_a_point_are_those_that_are_known() -> None:
    found = read("joy", "1.0", "1.00", "1")
    assert found.gold.tolist() == ["joy", "1", "1", "1"]
    assert found.notes == ["gold labels such as '1.0' are read as '1', which is known (rows: 2)"]
    found = read("-2.0", names={"-2": "joy"})
    assert found.gold.tolist() == ["joy"]
    assert found.notes == ["gold labels such as '-2.0' are read as '-2', which is known (rows: 1)"]
    assert read("2.0", names={"2.0": "joy", "2": "anger"}).gold.tolist() == ["joy"], "it is known as it stands"
    for cell in ("3.0", "1.5", "x1.0", "1.0x"):
        assert read("1", cell).fault.rows.tolist() == [False, True]


def test_what_is_no_label_is_told_with_its_remedy() -> None:
    found = read("joy", "bliss", None, "Joy")
    assert found.fault.rows.tolist() == [False, True, False, True]
    assert found.fault.complaint == (
        "is not in task.labels (1, joy, anger); correct it, or name its label in fetch.gold_names"
    )


@pytest.mark.parametrize("cell", ['["joy"]', '{"joy": 1}'])
def test_where_all_that_is_no_label_is_a_list_another_kind_may_be_meant(cell: str) -> None:
    assert read("joy", cell).fault.complaint == (
        "is not in task.labels (1, joy, anger); correct it, or name its label in fetch.gold_names; "
        "for several labels a text, or spans, set task.kind"
    )
    assert "task.kind" not in read("bliss", cell).fault.complaint
