"""What a file says that people or their tools wrote: csv, tsv, a workbook, JSON of Label Studio, of Argilla.

Which of them it is, the file itself tells.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from distil.core.errors import InputError
from distil.core.ids import DIGITS
from distil.forms.exchange import ExchangeForm
from distil.predict.reading import open_table
from distil.review.found import KEY, SHA, Found, name_annotator, read_seconds, write_cell, write_text
from distil.review.tool_records import read_argilla, read_argilla_flat, read_label_studio
from distil.texts.json_files import list_objects
from distil.texts.opening import kind_of

TABLES = (".csv", ".tsv", ".xlsx", ".jsonl", ".parquet")
SHA_DIGITS = 64
ROUNDED = 0.01  # of a number a spreadsheet may save no more digits than it shows, such as three
YES = {"x", "1", "1.0", "true", "yes", "y", "unsure"}  # in the column unsure


def read_file(path: Path, form: ExchangeForm) -> Iterator[Found]:
    """What a file says, row by row; raises `InputError` where it is none of those that are known."""
    kind = kind_of(path)
    if not path.is_file():
        raise InputError(f"{path} is missing, or is no file")
    if kind in TABLES:
        return _read_table(path, kind, form)
    if kind != ".json":
        raise InputError(f"{path.name} is none of {', '.join(TABLES)}, .json; export what you read as one of these")
    objects = [(place, record or {}) for place, record in list_objects(path, path.name)]
    first = objects[0][1] if objects else {}
    if "annotations" in first or "completions" in first:
        return _read_each(read_label_studio, objects, form)
    if "responses" in first:
        return _read_each(read_argilla, objects, form)
    if "label.responses" in first or ("_server_id" in first and "fields" not in first):
        return _read_each(read_argilla_flat, objects, form)
    return (_read_cells(place, record, form) for place, record in objects)


def _read_each(
    read: Callable[[str, Mapping[str, Any], ExchangeForm], Iterator[Found]],
    objects: Iterable[tuple[str, Mapping[str, Any]]],
    form: ExchangeForm,
) -> Iterator[Found]:
    """What a reader of records says of each; a record that is not as the tool writes them is refused with its place."""
    for place, record in objects:
        try:
            found = list(read(place, record, form))
        except (AttributeError, TypeError, ValueError):
            found = [Found(place, "", "", "", "", refused="it is not as the tool writes it; export it anew")]
        yield from found


def _read_table(path: Path, kind: str, form: ExchangeForm) -> Iterator[Found]:
    try:
        table = open_table(path, path.name, kind, KEY)
    except InputError as error:
        if f"no column {KEY!r}" in str(error) or f"no key {KEY!r}" in str(error):
            raise InputError(
                f"{path.name} has no column {KEY!r}, so nobody knows which texts it is about; export the rows with "
                "'distil review export', and keep its columns"
            ) from None
        raise
    for row in table.rows:
        if row.fault and row.fault.startswith(KEY):
            yield Found(row.place, "", "", "", "", left_out="the row has no text_id")
        elif row.fault:
            remedy = "; save the file as UTF-8, in Excel as CSV UTF-8" if "UTF-8" in row.fault else ""
            yield Found(row.place, "", "", "", "", refused=f"{row.fault}{remedy}")
        else:
            yield _read_cells(row.place, row.cells, form)


def _read_id(cells: Mapping[str, Any]) -> str:
    """A text's id; by the hash, which begins with it, where a spreadsheet took its digits for a number."""
    text_id, sha = write_cell(cells.get(KEY)), write_cell(cells.get(SHA))
    try:
        is_number = len(text_id) != DIGITS and math.isclose(float(text_id), float(sha[:DIGITS]), rel_tol=ROUNDED)
    except ValueError:
        return text_id
    return sha[:DIGITS] if is_number and len(sha) == SHA_DIGITS else text_id


def _read_cells(place: str, cells: Mapping[str, Any], form: ExchangeForm) -> Found:
    """A row of a table, also as Label Studio writes it as csv or JSON-MIN, where no label may be an answer too."""
    label = write_cell(cells.get("label"))
    if not label and write_cell(cells.get("annotation_id")):
        label = form.read_result([])
    note = cells.get("note")
    found = Found(
        place,
        _read_id(cells),
        write_cell(cells.get(SHA)),
        write_cell(cells.get("sheet")),
        label,
        reader=write_cell(cells.get("reader")) or name_annotator(cells.get("annotator")),
        unsure=write_cell(cells.get("unsure")).casefold() in YES,
        note=" ".join(str(note).split()) if note is not None else "",
        seconds=read_seconds(cells.get("lead_time")),
        text=write_text(cells.get("text")),
    )
    return found if found.unsure or found.cell else found._replace(left_out="label is empty")
