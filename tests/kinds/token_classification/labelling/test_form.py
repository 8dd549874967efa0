import pytest

from distil.kinds.token_classification.labelling.canonical.label import name_labels, read_label, soften, write_label
from distil.kinds.token_classification.labelling.canonical.spans import Span, keep_longest
from distil.kinds.token_classification.labelling.form import check_label, read_cell

LABELS = ["person", "place, any", "id;no"]
ANN = '[{"start": 0, "end": 3, "label": "person"}]'


def test_the_canonical_form_is_sorted_and_reads_back() -> None:
    label = write_label([(4, 9, "caf\u00e9"), (0, 3, "person")])
    assert label == '[{"start": 0, "end": 3, "label": "person"}, {"start": 4, "end": 9, "label": "caf\u00e9"}]'
    assert read_label(label) == [Span(0, 3, "person"), Span(4, 9, "caf\u00e9")]
    assert name_labels(label) == ["person", "caf\u00e9"]
    assert write_label([]) == "[]"


@pytest.mark.parametrize(
    ("label", "complaint"),
    [
        (ANN, None),
        ("[]", None),
        ("person", "is not a list"),
        ("[1]", "is not a list"),
        ('{"start": 1}', "is not a list"),
        ("null", "is not a list"),
        (ANN.replace("person", "animal"), "the label 'animal'"),
        (ANN.replace("0", "-1"), "starts at -1"),
        (ANN.replace("0", "3"), "an empty span, from 3 to 3"),
        (ANN.replace("0", "5"), "ends at 3, before its start at 5"),
        (ANN.replace(", ", ","), "not as it is written here"),
        ('[{"start": 0, "end": 3, "label": "person"}, {"start": 2, "end": 4, "label": "person"}]', "0-3 and 2-4"),
    ],
)
def test_what_is_not_canonical_is_told(label: str, complaint: str | None) -> None:
    told = check_label(label, LABELS)
    assert told is None if complaint is None else complaint in (told or "")


def test_a_person_gives_all_of_the_share() -> None:
    label = write_label([(0, 3, "person"), (5, 9, "id;no")])
    assert soften(label, LABELS).tolist() == [0, 3, 0, 1, 5, 9, 2, 1]
    assert soften("[]", LABELS).tolist() == []


@pytest.mark.parametrize(
    ("cell", "spans"),
    [
        ("0-4 person; 9-12 place, any", [(0, 4, "person"), (9, 12, "place, any")]),
        ("9-12: person\n0\u20134 person;", [(0, 4, "person"), (9, 12, "person")]),
        (" None ", []),
        ("[]", []),
        ('[{"start": 5, "end": 6, "label": "id;no"}, [0, 4, "person"]]', [(0, 4, "person"), (5, 6, "id;no")]),
        ('{"entities": [[0, 4, "person"], [0, 4, "person"]]}', [(0, 4, "person")]),
        ('{"start": 0, "end": 4, "label": "person"}', [(0, 4, "person")]),
    ],
)
def test_what_a_person_writes_into_a_cell_is_read(cell: str, spans: list[tuple[int, int, str]]) -> None:
    assert read_cell(cell, LABELS) == write_label(spans)


@pytest.mark.parametrize(
    ("cell", "complaint"),
    [
        ("", "is no list of spans"),
        ("Ann", "is no list of spans"),
        ("0-4", "is no list of spans"),
        ("{}", "is no list of spans"),
        ("3", "is no list of spans"),
        ("0-4 animal", "the label 'animal', which is not in task.labels"),
        ("4-0 person", "ends at 0, before its start at 4"),
        ("4-4 person", "an empty span"),
        ("0-4 person; 3-5 person", "overlap: 0-4 and 3-5"),
        ('[{"text": "Ann", "label": "person"}]', "'Ann' without start and end"),
    ],
)
def test_what_cannot_be_a_correction_is_told(cell: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        read_cell(cell, LABELS)


def test_of_spans_that_overlap_the_longest_stays() -> None:
    spans = [Span(0, 3, "a"), Span(0, 8, "b"), Span(7, 12, "c"), Span(8, 9, "d"), Span(0, 8, "b"), Span(0, 8, "e")]
    assert keep_longest(spans) == ([Span(0, 8, "b"), Span(8, 9, "d")], 3)
    assert keep_longest([Span(2, 4, "b"), Span(0, 2, "a")]) == ([Span(0, 2, "a"), Span(2, 4, "b")], 0)
