"""Rows go out in each format and answers come back, as the tools write them."""

import csv
import json
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from libreoffice import needs_libreoffice, save_as

from distil.core.errors import InputError
from distil.core.ids import text_sha
from distil.core.params import Kind
from distil.forms.exchange import load_exchange
from distil.review.exporting import (
    is_shown_as,
    list_instructions,
    write_argilla,
    write_csv,
    write_label_studio,
    write_workbook,
)
from distil.review.importing import Row, Taken, take_answers
from distil.review.opening import Task

LABELS = ["good", "-1", "=A1", "a, b; c"]
NASTY = [
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-2",
    "@SUM(A1)",
    "tab\tand\nline",
    "ctrl \x0b",
    "x" * 40_000,
    "\u202eabc",
    "'quoted",
    "\N{GRINNING FACE} and \N{MAN}\u200d\N{WOMAN}",
    "مرحبا يا أحمد",
    "two\n\nparagraphs",
    "007",
    "3/4",
    "1e5",
    "_x000D_ is no line's end",
]
TEXTS = ["plain", *NASTY]
SPANS = '[{"start": 7, "end": 11, "label": "place"}]'
SPAN_TEXT = "\N{GRINNING FACE} from Oslo"
CASES: list[tuple[Kind, list[str], str, str]] = [
    ("classification", LABELS, "plain", "=A1"),
    ("multi_label", LABELS, "plain", '["good", "a, b; c"]'),
    ("multi_label", LABELS, "plain", "[]"),
    ("token_classification", ["person", "place"], SPAN_TEXT, SPANS),
    ("token_classification", ["person", "place"], SPAN_TEXT, "[]"),
]


def make_task(text: str, label: str | None = "good") -> Task:
    sha = text_sha(text)
    return Task("queue", sha[:16], sha, text, label, "a reason", ["the votes agree by 67%"])


def take(
    path: Path, tasks: Sequence[Task], kind: Kind = "classification", labels: Sequence[str] = LABELS, **more: Any
) -> Taken:
    rows = {("queue", task.id): Row(task.text_sha, task.text) for task in tasks}
    given = {"reader": "anna", "known": []} | more
    return take_answers(path, rows, given["known"], given["reader"], load_exchange(kind), labels)


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def fill_csv(
    path: Path, fill: Callable[[int, dict[str, str]], None], encoding: str = "utf-8-sig", **dialect: Any
) -> None:
    rows = read_csv(path)
    for number, row in enumerate(rows):
        fill(number, row)
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(file, list(rows[0]), **dialect)
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.parametrize(("kind", "labels", "text", "label"), CASES)
def test_a_label_of_each_kind_comes_back_from_each_tool(
    tmp_path: Path, kind: Kind, labels: list[str], text: str, label: str
) -> None:
    tasks, form = [make_task(text, label)], load_exchange(kind)
    write_csv(tmp_path / "a.csv", tasks)
    fill_csv(tmp_path / "a.csv", lambda _, row: row.update(label=row["teacher_label"]))
    write_workbook(tmp_path / "a.xlsx", tasks, labels, form)
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    heads = [cell.value for cell in book["Rows"][1]]
    book["Rows"].cell(2, heads.index("label") + 1).value = label
    book["Rows"].cell(2, heads.index("label") + 1).data_type = "s"
    book.save(tmp_path / "a.xlsx")
    tasks_json, config = write_label_studio(tmp_path / "ls", tasks, labels, form)
    (told,) = json.loads(tasks_json.read_text())
    exported = told | {"annotations": [{"result": told["predictions"][0]["result"], "completed_by": 1}]}
    (tmp_path / "ls.json").write_text(json.dumps([exported]))
    _, records = write_argilla(tmp_path / "rg", tasks, labels, form)
    (record,) = json.loads(records.read_text())
    value = record["suggestions"]["label"]["value"]
    done = record | {"status": "completed", "responses": {"label": [{"value": value, "user_id": "u1"}]}}
    (tmp_path / "rg.json").write_text(json.dumps([done]))
    for name in ("a.csv", "a.xlsx", "ls.json", "rg.json"):
        taken = take(tmp_path / name, tasks, kind, labels)
        assert [(answer.label, answer.reader) for answer in taken.answers] == [(label, "anna")], (name, taken)
    assert 'name="label" toName="text"' in config.read_text()


def test_nothing_is_a_formula_and_nothing_is_lost(tmp_path: Path) -> None:
    tasks = [make_task(text) for text in TEXTS]
    write_workbook(tmp_path / "a.xlsx", tasks, LABELS, load_exchange("classification"))
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    assert book.sheetnames == ["Rows", "How to", "Labels"]
    sheet = book["Rows"]
    types = {cell.data_type for other in book for row in other.iter_rows() for cell in row if cell.value is not None}
    assert types <= {"s", "inlineStr"}
    assert sheet.freeze_panes == "A2"
    (picked,) = sheet.data_validations.dataValidation
    assert (picked.formula1, str(picked.sqref)) == ("Labels!$A$1:$A$4", f"B2:B{len(TEXTS) + 1}")
    assert [cell.value for cell in book["Labels"]["A"]] == LABELS
    for row in range(2, len(TEXTS) + 2):
        sheet.cell(row, 2).value = LABELS[row % 2]
    book.save(tmp_path / "a.xlsx")
    taken = take(tmp_path / "a.xlsx", tasks)
    assert (len(taken.answers), taken.refused) == (len(TEXTS), [])
    write_csv(tmp_path / "a.csv", tasks)
    cells = [cell for row in read_csv(tmp_path / "a.csv") for cell in row.values()]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    fill_csv(tmp_path / "a.csv", lambda number, row: row.update(label=("'=A1", "-1", "good")[number % 3]))
    taken = take(tmp_path / "a.csv", tasks)
    assert ([answer.label for answer in taken.answers[:3]], taken.refused) == (["=A1", "-1", "good"], [])


@pytest.mark.parametrize(
    ("encoding", "dialect"),
    [("utf-8", {}), ("utf-16", {"delimiter": "\t"}), ("utf-8-sig", {"delimiter": ";", "lineterminator": "\r\n"})],
)
def test_a_csv_that_was_sorted_filtered_and_saved_otherwise(
    tmp_path: Path, encoding: str, dialect: dict[str, Any]
) -> None:
    tasks = [make_task(f"text {number}") for number in range(9)]
    write_csv(tmp_path / "a.csv", tasks)
    lines = read_csv(tmp_path / "a.csv")
    kept = [row | {"label": "GOOD", "mine": "x"} for row in sorted(lines, key=lambda row: row["text_id"])[:5]]
    with (tmp_path / "a.csv").open("w", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(file, ["mine", *reversed(lines[0])], **dialect)
        writer.writeheader()
        writer.writerows(kept)
    taken = take(tmp_path / "a.csv", tasks)
    assert ([answer.label for answer in taken.answers], taken.refused) == (["good"] * 5, [])


def test_what_cannot_be_taken_is_told_with_its_line(tmp_path: Path) -> None:
    tasks = [make_task(f"text {number}") for number in range(8)]
    write_csv(tmp_path / "a.csv", [*tasks, make_task("of another study")])
    changes: list[dict[str, str]] = [
        {"label": "good"},
        {"label": "gut"},
        {"label": "", "unsure": "X", "note": "=hm"},
        {"label": ""},
        {"label": "good", "text_sha": "0" * 64},
        {"label": "good", "text": "another text"},
        {"label": "good", "text_id": tasks[0].id, "text_sha": tasks[0].text_sha, "text": tasks[0].text},
        {"label": "good", "text_id": ""},
        {"label": "good"},
    ]
    fill_csv(tmp_path / "a.csv", lambda number, row: row.update(changes[number]))
    taken = take(tmp_path / "a.csv", tasks)
    assert [(answer.status, answer.label, answer.note) for answer in taken.answers] == [
        ("labelled", "good", ""),
        ("unsure", None, "=hm"),
    ]
    assert [(place, why.partition(";")[0]) for place, why in taken.refused] == [
        ("line 3", "label 'gut' is not in task.labels (good, -1, =A1, a, b"),
        ("line 6", f"text {tasks[4].id} is another one now, or was changed in the file"),
        ("line 7", f"text {tasks[5].id} is another one now, or was changed in the file"),
        ("line 8", f"text {tasks[0].id} is answered before by anna"),
        ("line 10", f"text {text_sha('of another study')[:16]} is on no sheet of this study, or gone from its data"),
    ]
    assert taken.left_out == [("line 5", "label is empty"), ("line 9", "the row has no text_id")]
    again = take(tmp_path / "a.csv", tasks, known=taken.answers)
    assert (again.answers, again.known) == ([], 2)


def test_a_row_that_is_no_utf_8_is_refused_with_what_to_do(tmp_path: Path) -> None:
    tasks = [make_task("t\N{LATIN SMALL LETTER E WITH ACUTE}"), make_task("u")]
    write_csv(tmp_path / "a.csv", tasks)
    fill_csv(tmp_path / "a.csv", lambda _, row: row.update(label="good"), encoding="cp1252")
    taken = take(tmp_path / "a.csv", tasks)
    assert len(taken.answers) == 1
    assert [why for _, why in taken.refused] == ["the row is not UTF-8; save the file as UTF-8, in Excel as CSV UTF-8"]


def test_labels_that_differ_in_case_alone_are_not_folded(tmp_path: Path) -> None:
    tasks, labels = [make_task("t"), make_task("u")], ["US", "us", "Them"]
    write_csv(tmp_path / "a.csv", tasks)
    fill_csv(tmp_path / "a.csv", lambda number, row: row.update(label=["Us", "THEM"][number]))
    taken = take(tmp_path / "a.csv", tasks, labels=labels)
    assert [answer.label for answer in taken.answers] == ["Them"]
    assert [why for _, why in taken.refused] == ["label 'Us' is not in task.labels (US, us, Them)"]


def test_label_studio_s_export(tmp_path: Path) -> None:
    tasks = [make_task(f"text {number}") for number in range(6)]
    told = json.loads(write_label_studio(tmp_path, tasks, LABELS, load_exchange("classification"))[0].read_text())

    def choose(label: str, **more: Any) -> dict[str, Any]:
        result = {"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": [label]}}
        note = {"from_name": "note", "to_name": "text", "type": "textarea", "value": {"text": ["a", "note"]}}
        whole = {"completed_by": 1, "result": [result, note], "was_cancelled": False, "lead_time": 3.5}
        return whole | {"created_at": "2026-01-31T12:00:00.123456Z"} | more

    given: list[dict[str, Any]] = [
        {"annotations": [choose("good"), choose("-1", completed_by={"id": 2, "email": "Ben@example.org"})]},
        {"annotations": [choose("good", was_cancelled=True)]},
        {"annotations": [], "drafts": [{"result": []}]},
        {"annotations": []},
        {"annotations": [choose("good", result=[])]},
        {"annotations": [choose("gut")]},
    ]
    exported = [{"id": number} | task | more for number, (task, more) in enumerate(zip(told, given, strict=True))]
    (tmp_path / "e.json").write_text(json.dumps(exported))
    taken = take(tmp_path / "e.json", tasks, reader=None)
    assert [(each.reader, each.label, each.note, each.seconds, each.at) for each in taken.answers] == [
        ("user-1", "good", "a note", 3.5, "2026-01-31T12:00:00+00:00"),
        ("ben@example.org", "-1", "a note", 3.5, "2026-01-31T12:00:00+00:00"),
    ]
    assert taken.left_out == [
        ("object 2", "cancelled (skipped)"),
        ("object 3", "a draft that was not submitted"),
        ("object 4", "not annotated"),
        ("object 5", "submitted without a label"),
    ]
    assert [place for place, _ in taken.refused] == ["object 6"]
    with pytest.raises(InputError, match=r"has answers of 2 readers .* so --reader cannot be all of them"):
        take(tmp_path / "e.json", tasks)
    small = [task["data"] | {"id": 1, "label": "good", "annotator": 7, "lead_time": 2} for task in told]
    (tmp_path / "min.json").write_text(json.dumps(small))
    assert {each.reader for each in take(tmp_path / "min.json", tasks, reader=None).answers} == {"user-7"}, (
        "as the whole export calls that annotator"
    )


def test_label_studio_s_tables_of_sets(tmp_path: Path) -> None:
    tasks = [make_task("text 0", "[]"), make_task("text 1", "[]"), make_task("text 2", "[]")]
    keys: list[dict[str, Any]] = [
        {"text": task.text, "text_id": task.id, "text_sha": task.text_sha, "annotator": 1} for task in tasks
    ]
    told: list[dict[str, Any]] = [
        {"label": '{"choices":["good","-1"]}', "annotation_id": 1},
        {"label": "", "annotation_id": 2},
        {"label": ""},
    ]
    rows: list[dict[str, Any]] = [{"annotation_id": "", **key, **more} for key, more in zip(keys, told, strict=True)]
    with (tmp_path / "a.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(rows)
    taken = take(tmp_path / "a.csv", tasks, "multi_label", reader=None)
    assert [each.label for each in taken.answers] == ['["good", "-1"]', "[]"]
    assert taken.left_out == [("line 4", "label is empty")]


def test_argilla_s_records_with_the_status_of_each_response(tmp_path: Path) -> None:
    tasks = [make_task(f"text {number}") for number in range(4)]
    records = json.loads(write_argilla(tmp_path, tasks, LABELS, load_exchange("classification"))[1].read_text())
    flat = [
        {"id": record["id"], "_server_id": None, **record["fields"], **record["metadata"]}
        | {
            "label.responses": ["good", "-1", "-1"][: number + 1],
            "label.responses.users": ["u1", "u2", "u3"][: number + 1],
            "label.responses.status": ["submitted", "draft", "discarded"][: number + 1],
        }
        for number, record in enumerate(records[:3])
    ]
    flat.append({"id": records[3]["id"], "_server_id": None, **records[3]["fields"], **records[3]["metadata"]})
    (tmp_path / "flat.json").write_text(json.dumps(flat))
    taken = take(tmp_path / "flat.json", tasks, reader=None)
    assert [each.reader for each in taken.answers] == ["user-u1"] * 3
    assert sorted(why for _, why in taken.left_out) == ["a draft", "a draft", "discarded", "no response"]
    several = [{"value": "good", "user_id": "u1"}, {"value": "-1", "user_id": "u2"}]
    nested = [record | {"status": "completed", "responses": {"label": several}} for record in records]
    (tmp_path / "nested.json").write_text(json.dumps(nested))
    taken = take(tmp_path / "nested.json", tasks, reader=None)
    assert not taken.answers
    assert "flatten=True" in taken.left_out[0][1]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"text,label\na,good\n", "a.csv has no column 'text_id', so nobody knows which texts it is about"),
        ("a.json", b'{"a": 1}', "must be one array of objects"),
        ("a.docx", b"", "a.docx is none of .csv"),
        ("a.xlsx", b"PK", "not a sound xlsx workbook"),
        ("b.csv", None, "b.csv is missing"),
    ],
)
def test_a_file_that_is_no_answers(tmp_path: Path, name: str, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=said):
        take(tmp_path / name, [make_task("t")])


def test_a_file_that_does_not_say_who_read_it(tmp_path: Path) -> None:
    tasks = [make_task("t")]
    write_csv(tmp_path / "a.csv", tasks)
    fill_csv(tmp_path / "a.csv", lambda _, row: row.update(label="good"))
    with pytest.raises(InputError, match=r"a\.csv does not say who read it; add --reader NAME"):
        take(tmp_path / "a.csv", tasks, reader=None)


@pytest.mark.parametrize(
    "annotation",
    [
        "foo",
        {"result": "foo"},
        {"result": ["x"]},
        {"result": [{"from_name": "label", "value": {"choices": None}}]},
        {"result": [], "completed_by": [1]},
        {"result": [{"from_name": "note", "value": {"text": [["x"]]}}]},
        {
            "result": [
                {"from_name": "label", "value": {"choices": ["good"]}},
                {"from_name": "note", "value": {"text": ["\ud800"]}},
            ]
        },
    ],
)
def test_an_annotation_that_is_none_is_refused_with_its_place(tmp_path: Path, annotation: Any) -> None:
    task = make_task("plain")
    data = {"text_id": task.id, "text_sha": task.text_sha, "sheet": "queue", "text": task.text}
    (tmp_path / "a.json").write_text(json.dumps([{"data": data, "annotations": [annotation]}]))
    taken = take(tmp_path / "a.json", [task])
    assert (len(taken.refused), taken.answers) == (1, [])


def test_an_apostrophe_in_a_name_is_folded(tmp_path: Path) -> None:
    task = make_task("plain")
    data = {"text_id": task.id, "text_sha": task.text_sha, "sheet": "queue", "text": task.text}
    result = [{"from_name": "label", "value": {"choices": ["good"]}}]
    told = {"data": data, "annotations": [{"result": result, "completed_by": {"email": "o'brien@x.org"}}]}
    (tmp_path / "a.json").write_text(json.dumps([told]))
    assert [it.reader for it in take(tmp_path / "a.json", [task], reader=None).answers] == ["o-brien@x.org"]


def test_an_id_that_a_spreadsheet_took_for_a_number_is_known_by_the_hash(tmp_path: Path) -> None:
    digits = (text for text in map(str, range(100_000)) if text_sha(text)[:16].isdigit())
    tasks = [*map(make_task, islice(digits, 3)), make_task("t"), make_task("u")]
    first, second, third = (float(task.id) for task in tasks[:3])
    became = [f"{first:.2E}", f"{second:.15g}", f"{third / 2:.0f}", "1.23E+15", "x"]
    write_csv(tmp_path / "a.csv", tasks)
    fill_csv(tmp_path / "a.csv", lambda number, row: row.update(label="good", text_id=became[number]))
    taken = take(tmp_path / "a.csv", tasks)
    assert [answer.id for answer in taken.answers] == [task.id for task in tasks[:2]]
    assert len(taken.refused) == 3, "another number, and what is none of the id"


def test_a_text_is_known_whatever_the_number_of_its_blanks_and_no_other_is() -> None:
    for cell in ("a b c", "a  b\tc", "a b\nc", " a b c ", "a bc"):
        assert is_shown_as("a b\tc", cell)
    for cell in ("ab c", "abc", "a b d"):
        assert not is_shown_as("a b\tc", cell)
    assert not is_shown_as("the rapist", "therapist")


@pytest.mark.slow
@needs_libreoffice
def test_libreoffice_keeps_what_a_reader_needs_and_answers_come_back(tmp_path: Path) -> None:
    cases: dict[Kind, tuple[list[str], str, str]] = {
        "classification": (LABELS, "=A1", "=A1"),
        "multi_label": (LABELS, "good; -1", '["good", "-1"]'),
        "token_classification": (["person", "place"], "0-1 place", '[{"start": 0, "end": 1, "label": "place"}]'),
    }
    tasks = [make_task(text, None) for text in TEXTS]
    for kind, (labels, _, _) in cases.items():
        write_workbook(tmp_path / f"{kind}.xlsx", tasks, labels, load_exchange(kind))
    write_csv(tmp_path / "rows.csv", tasks)
    save_as("ods", [tmp_path / f"{kind}.xlsx" for kind in cases], tmp_path / "as_ods")
    save_as("xlsx", [tmp_path / "as_ods" / f"{kind}.ods" for kind in cases], tmp_path / "saved")
    save_as("csv", [tmp_path / "rows.csv"], tmp_path / "saved")
    for kind, (labels, cell, label) in cases.items():
        form, path = load_exchange(kind), tmp_path / "saved" / f"{kind}.xlsx"
        book = openpyxl.load_workbook(path)
        sheet = book["Rows"]
        picked = [(it.type, it.formula1, str(it.sqref)) for it in sheet.data_validations.dataValidation]
        assert picked == ([("list", "Labels!$A$1:$A$4", f"B2:B{len(TEXTS) + 1}")] if form.ONE else [])
        assert [row[0].value for row in book["How to"]] == list_instructions(form)
        assert {cell.data_type for row in sheet for cell in row if cell.value is not None} == {"s"}
        for row in range(2, len(TEXTS) + 2):
            sheet.cell(row, 2, cell).data_type = "s"
        book.save(path)
        taken = take(path, tasks, kind, labels)
        assert ([answer.label for answer in taken.answers], taken.refused) == ([label] * len(TEXTS), [])
    fill_csv(tmp_path / "saved" / "rows.csv", lambda _, row: row.update(label="good"))
    taken = take(tmp_path / "saved" / "rows.csv", tasks)
    assert (len(taken.answers), taken.refused) == (len(TEXTS), [])
