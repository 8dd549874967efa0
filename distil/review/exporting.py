"""A sheet as a file for another tool: a workbook, csv, tasks of Label Studio, records of Argilla.

What joins the answers again is the id of a text and the hash of it, `text_id` and `text_sha`; the text itself is never
read back, so it may be shortened to what a cell can hold. Nothing in a cell is a formula, whatever stands in texts
and labels: cells of a workbook are strings by their type, and in csv what a spreadsheet would take for a formula begins
with an apostrophe (OWASP, CSV Injection). So does a text that it would take for a number or a date.
"""

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distil.core.whole_files import written_whole
from distil.forms.exchange import ExchangeForm
from distil.review.opening import Task
from distil.review.sheets import QUEUE

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

FILLED_IN = ("label", "unsure", "note")  # by people
KEYS = ("sheet", "text_id", "text_sha")
ABOUT = ("teacher_label", "teacher_reason", "why", "readers")  # those that a sheet has anything for
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # that a cell may begin with
LIKE_NUMBER = re.compile(r"(?=.*\d)[\d\s.,:/%eE+-]+")
LONGEST_CELL = 32_767  # Excel's
CUT = " [...]"
ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")  # what begins like an escape of a workbook and is none
NO_XML = re.compile("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\ud800-\\udfff\\ufffe\\uffff]")
WIDTHS = {"text": 80, "label": 24, "unsure": 8, "note": 24, "teacher_reason": 40, "why": 40, "readers": 32}
NARROW = 14
SHEETS = ("Rows", "How to", "Labels")  # of a workbook


def tabulate(tasks: Sequence[Task]) -> tuple[list[str], list[list[str]]]:
    """The columns, and a row of cells a task; columns about what the reader may know are there if any task has it."""
    about = [
        {
            "teacher_label": task.teacher_label or "",
            "teacher_reason": task.reason or "",
            "why": "\n".join(task.why),
            "readers": "\n".join(f"{reader}: {label}" for reader, label in task.said.items()),
        }
        for task in tasks
    ]
    shown = [name for name in ABOUT if any(row[name] for row in about)]
    cells = [
        [task.text, *[""] * len(FILLED_IN), *(row[name] for name in shown), task.sheet, task.id, task.text_sha]
        for task, row in zip(tasks, about, strict=True)
    ]
    return ["text", *FILLED_IN, *shown, *KEYS], cells


def shorten(text: str) -> str:
    """A text as a cell of a workbook holds it: without control characters, which XML has not, and not too long."""
    shown = NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)
    return shown if len(shown) <= LONGEST_CELL else shown[: LONGEST_CELL - len(CUT)] + CUT


def is_shown_as(text: str, cell: str) -> bool:
    """Whether a cell shows a text, as one of the formats here does, whatever became of the number of its blanks.

    LibreOffice drops tabs where it saves as ods.
    """
    shown, ways = _join_blanks(cell), (text, shorten(text), guard_text(text))
    return any(_join_blanks(way.replace("\t", tab)) == shown for way in ways for tab in (" ", ""))


def _join_blanks(text: str) -> str:
    """A text with one blank for several, and what looks like an escape read as one: some programs do, others do not."""
    from openpyxl.utils.escape import unescape

    return " ".join(unicodedata.normalize("NFC", unescape(text)).split())


def write_csv(path: Path, tasks: Sequence[Task]) -> None:
    """Write csv that Excel opens as UTF-8."""
    columns, rows = tabulate(tasks)
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerows([columns, *([guard_text(shown), *map(guard, others)] for shown, *others in rows)])
    with written_whole(path) as half:
        half.write_bytes(text.getvalue().encode("utf-8-sig", "backslashreplace"))


def guard(cell: str) -> str:
    """A cell of csv that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def guard_text(text: str) -> str:
    """A text as a cell of csv that a spreadsheet takes for a text, and does not cut."""
    return shorten(f"'{text}" if LIKE_NUMBER.fullmatch(text) else guard(text))


def write_workbook(path: Path, tasks: Sequence[Task], labels: Sequence[str], form: ExchangeForm) -> None:
    """Write a workbook: rows with a list of the labels to pick from, how to fill them in, and the labels."""
    import openpyxl  # here, since only who wants a workbook needs it
    from openpyxl.worksheet.datavalidation import DataValidation

    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.title = SHEETS[0]
    columns, rows = tabulate(tasks)
    for number, row in enumerate([columns, *rows], start=1):
        _write_row(sheet, number, row)
    _lay_out(sheet, columns)
    for lines, title in ((list_instructions(form), SHEETS[1]), (labels, SHEETS[2])):
        other = book.create_sheet(title)
        for number, line in enumerate(lines, start=1):
            _write_row(other, number, [line])
    book[SHEETS[1]].column_dimensions["A"].width = 110
    place = sheet.cell(1, columns.index("label") + 1).column_letter
    picked = DataValidation(type="list", formula1=f"{SHEETS[2]}!$A$1:$A${len(labels)}", allow_blank=True)
    picked.showErrorMessage = form.ONE
    picked.error = "Pick one of the labels."
    if form.ONE and rows:
        picked.add(f"{place}2:{place}{len(rows) + 1}")
        sheet.add_data_validation(picked)
    with written_whole(path) as half:
        _save(book, half)


def list_instructions(form: ExchangeForm) -> list[str]:
    """What the second sheet of a workbook says."""
    return [
        f"Read the text, and fill in the column label. {form.HOW}",
        "Leave it empty where you have not read the text.",
        "Write x into the column unsure where you cannot tell; notes are free.",
        "You may sort, filter, hide and add columns. Leave sheet, text_id and text_sha as they are.",
        "Then: distil review import FILE --reader YOUR-NAME",
    ]


def write_label_studio(folder: Path, tasks: Iterable[Task], labels: Sequence[str], form: ExchangeForm) -> list[Path]:
    """Write tasks.json, which Label Studio imports, and config.xml, its labelling config; returns the files."""
    told = [
        {"data": _tell(task), **({"predictions": _predict(task, form)} if task.teacher_label is not None else {})}
        for task in tasks
    ]
    note = '<TextArea name="note" toName="text" placeholder="note" maxSubmissions="1" editable="true"/>'
    unsure = (
        '<Choices name="unsure" toName="text" choice="multiple" showInLine="true"><Choice value="unsure"/></Choices>'
    )
    about = any("about" in task["data"] for task in told)
    config = (
        f"<View>{form.label_studio_control(labels)}\n"
        f'<Text name="text" value="$text" granularity="symbol"/>\n{unsure}\n{note}\n'
        + ('<Header value="$about" size="6"/>\n' if about else "")
        + "</View>\n"
    )
    return _write_all(folder, {"tasks.json": _dump(told), "config.xml": config})


def write_argilla(folder: Path, tasks: Iterable[Task], labels: Sequence[str], form: ExchangeForm) -> list[Path]:
    """Write settings.json and records.json as argilla 2 reads them (`Settings.from_json`, `records.from_json`)."""
    records = [
        {
            "id": task.id,
            "fields": {key: value for key, value in _tell(task).items() if key in ("text", "about")},
            "metadata": {name: value for name, value in _tell(task).items() if name in KEYS},
            "suggestions": {"label": {"value": form.write_value(task.teacher_label), "score": None, "agent": "teacher"}}
            if task.teacher_label is not None
            else {},
            "responses": {},
            "vectors": {},
        }
        for task in tasks
    ]
    about = [_field("about", required=False)] if any("about" in record["fields"] for record in records) else []
    settings = {
        "guidelines": f"{form.HOW} Discard a text that you cannot tell.",
        "fields": [_field("text", required=True), *about],
        "questions": [
            _question("label", form.argilla_question(labels), required=form.ONE),
            _question("note", {"type": "text", "use_markdown": False}, required=False),
        ],
        "metadata": [
            {
                "name": name,
                "title": name,
                "settings": {"type": "terms", "values": None, "visible_for_annotators": False},
            }
            for name in KEYS
        ],
        "vectors": [],
        "allow_extra_metadata": True,
        "distribution": {"strategy": "overlap", "min_submitted": 1},
    }
    return _write_all(folder, {"settings.json": _dump(settings), "records.json": _dump(records)})


def _tell(task: Task) -> dict[str, str]:
    """What a tool shows of a task, and the keys."""
    columns, (cells,) = tabulate([task])
    told = {name: cell for name, cell in zip(columns, cells, strict=True) if name in ("text", *KEYS)}
    about = [f"{name}: {cell}" for name, cell in zip(columns, cells, strict=True) if name in ABOUT]
    return told | ({"about": "\n".join(about)} if about else {})


def _predict(task: Task, form: ExchangeForm) -> list[dict[str, Any]]:
    label = task.teacher_label
    assert label is not None and task.sheet == QUEUE  # noqa: S101
    return [{"model_version": "teacher", "result": form.write_result(label, task.text)}]


def _field(name: str, *, required: bool) -> dict[str, Any]:
    return {"name": name, "title": name, "required": required, "settings": {"type": "text", "use_markdown": False}}


def _question(name: str, settings: dict[str, Any], *, required: bool) -> dict[str, Any]:
    return {"name": name, "title": name, "description": None, "required": required, "settings": settings}


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def _write_all(folder: Path, files: dict[str, str]) -> list[Path]:
    for name, text in files.items():
        with written_whole(folder / name) as half:
            half.write_text(text, encoding="utf-8", newline="\n")
    return [folder / name for name in files]


def _write_row(sheet: "Worksheet", row: int, cells: Sequence[str]) -> None:
    """Write a row of strings, none of which is a formula, a number or a date."""
    for column, text in enumerate(cells, start=1):
        shown = shorten(text)
        cell = sheet.cell(row, column, ESCAPE.sub("_x005F_", shown))
        cell.data_type = "s"
        cell.quotePrefix = shown.startswith(FORMULA)
        cell.number_format = "@"


def _lay_out(sheet: "Worksheet", columns: Sequence[str]) -> None:
    from openpyxl.styles import Alignment, Font

    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = sheet.dimensions
    for number, name in enumerate(columns, start=1):
        head = sheet.cell(1, number)
        head.font = Font(bold=True)
        sheet.column_dimensions[head.column_letter].width = WIDTHS.get(name, NARROW)
        for cell in sheet[head.column_letter][1:] if name in WIDTHS else ():
            cell.alignment = Alignment(wrap_text=True, vertical="top")


def _save(book: "Workbook", path: Path) -> None:
    with path.open("wb") as file:
        book.save(file)
