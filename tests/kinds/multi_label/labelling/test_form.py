import json

import pytest
from hypothesis import given, settings
from kinds.multi_label.odd_labels import tasks_with_sets

from distil.kinds.multi_label.labelling.canonical.label import name_labels, read_label, soften, write_label
from distil.kinds.multi_label.labelling.form import check_label, read_cell

LABELS = ["joy", "anger", "fear, dread", "love; hate"]


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ('["anger", "joy"]', ["joy", "anger"]),
        ('  ["joy"] ', ["joy"]),
        ("['joy', 'anger']", ["joy", "anger"]),
        ("joy", ["joy"]),
        ("anger;joy", ["joy", "anger"]),
        ("joy, anger", ["joy", "anger"]),
        ("joy | anger", ["joy", "anger"]),
        ("fear, dread", ["fear, dread"]),
        ("joy, fear, dread", ["joy", "fear, dread"]),
        ("love; hate; joy", ["joy", "love; hate"]),
        ("none", []),
        ("[]", []),
        ('{"joy": 1, "anger": 0}', ["joy"]),
        ('{"joy": "0", "anger": true, "fear, dread": 1.0}', ["anger", "fear, dread"]),
        ('{"joy": false}', []),
    ],
)
def test_a_cell_is_read(cell: str, names: list[str]) -> None:
    assert read_label(read_cell(cell, LABELS)) == names


@pytest.mark.parametrize(
    ("cell", "complaint"),
    [
        ("", "is empty"),
        ("bliss", "names 'bliss', which is not in task.labels (joy, anger, fear, dread, love; hate)"),
        ("joy, bliss", "names 'bliss', which is not in task.labels"),
        ("joy; anger, joy", "names 'anger, joy', which is not"),
        ('["joy", "bliss"]', "names 'bliss', which is not in task.labels"),
        ("joy, joy", "names 'joy' twice"),
        ('["joy", "joy"]', "names 'joy' twice"),
        ('["joy", ["anger"]]', "holds ['anger'], which is no name"),
        ("[3]", "names 3, which is not in task.labels"),
        ("3", "names '3', which is not in task.labels"),
        ("[1.5]", "holds 1.5, which is no name"),
        ("[true]", "names True, which is not"),
        ("[null]", "holds None, which is no name"),
        ('{"joy": 2}', "gives 'joy' the value 2; write 1 where a label applies, else 0"),
        ('{"joy": null}', "gives 'joy' the value None"),
        ('{"bliss": 1}', "names 'bliss', which is not"),
        ("None", "write none, in small letters"),
        ('["joy"', "names '[\"joy\"', which is not"),
        ("[" * 100_000, "which is not in task.labels"),
    ],
)
def test_what_is_wrong_with_a_cell_is_told(cell: str, complaint: str) -> None:
    with pytest.raises(ValueError) as caught:
        read_cell(cell, LABELS)
    assert complaint in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_cell_that_can_be_read_in_more_than_one_way_is_refused() -> None:
    labels = ["a", "b", "c", "a, b"]
    assert read_label(read_cell("a, b", labels)) == ["a, b"]  # the whole cell goes first
    with pytest.raises(ValueError, match="more than one way; write a JSON list"):
        read_cell("a, b, c", labels)


def test_none_is_a_label_where_the_task_has_one() -> None:
    assert read_label(read_cell("none", ["none", "joy"])) == ["none"]
    assert read_label(read_cell("None", ["None", "joy"])) == ["None"]


@settings(max_examples=200)
@given(tasks_with_sets())
def test_any_set_of_any_labels_goes_there_and_back(task: tuple[list[str], list[str]]) -> None:
    labels, names = task
    label = write_label(names)
    assert read_label(label) == name_labels(label) == names
    assert check_label(label, labels) is None
    assert [name for name, share in zip(labels, soften(label, labels), strict=True) if share] == names
    for cell in (label, json.dumps(names[::-1]), json.dumps({name: name in names for name in labels})):
        assert read_cell(cell, labels) == label


@pytest.mark.parametrize(
    ("label", "complaint"),
    [
        ('["joy", "bliss"]', "names 'bliss', which is not in task.labels"),
        ('["anger", "joy"]', "in the order of task.labels"),
        ('["joy", "joy"]', "each label once"),
        ('["joy","anger"]', "in the order"),
        ("joy", "is not a JSON list of labels"),
        ("[1]", "is not a JSON list of labels"),
        ("{}", "is not a JSON list of labels"),
    ],
)
def test_what_is_not_canonical_is_told(label: str, complaint: str) -> None:
    assert complaint in (check_label(label, LABELS) or "")
