"""Records as Label Studio and Argilla write them: what each says of a row, by each of its readers.

A reader of records raises `AttributeError`, `TypeError` or `ValueError` at one that is not as its tool writes them.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from distil.forms.exchange import ExchangeForm
from distil.review.found import KEY, SHA, Found, name_annotator, read_seconds, read_time, write_cell, write_text

UNSURE = "unsure"
SUBMITTED, DRAFT, DISCARDED, COMPLETED = "submitted", "draft", "discarded", "completed"


def read_label_studio(place: str, task: Mapping[str, Any], form: ExchangeForm) -> Iterator[Found]:
    """A task as Label Studio exports it as JSON: an answer for each of its annotations."""
    data = task.get("data") or {}
    key, sha, sheet = (write_cell(data.get(name)) for name in (KEY, SHA, "sheet"))
    found = Found(place, key, sha, sheet, "", text=write_text(data.get("text")))
    annotations = task.get("annotations") or task.get("completions") or []
    if not annotations:
        drafts = bool(task.get("drafts"))
        yield found._replace(left_out="a draft that was not submitted" if drafts else "not annotated")
    for number, annotation in enumerate(annotations, start=1):
        where = place if len(annotations) == 1 else f"{place}, annotation {number}"
        yield _read_annotation(found._replace(place=where), annotation, form)


def _read_annotation(found: Found, annotation: Mapping[str, Any], form: ExchangeForm) -> Found:
    results = [result for result in annotation.get("result") or [] if isinstance(result.get("value"), dict)]
    of = {name: [result for result in results if result.get("from_name") == name] for name in ("label", UNSURE, "note")}
    found = found._replace(
        reader=name_annotator(annotation.get("completed_by")),
        at=read_time(annotation.get("updated_at") or annotation.get("created_at")),
        seconds=read_seconds(annotation.get("lead_time")),
        note=" ".join(
            word for result in of["note"] for text in result["value"].get("text", []) for word in text.split()
        ),
        unsure=bool(of[UNSURE]),
    )
    if annotation.get("was_cancelled"):
        return found._replace(left_out="cancelled (skipped)")
    try:
        cell = form.read_result(of["label"])
    except ValueError as error:
        return found._replace(refused=f"it {error}")
    return found._replace(cell=cell, left_out=None if cell or found.unsure else "submitted without a label")


def read_argilla(place: str, record: Mapping[str, Any], form: ExchangeForm) -> Iterator[Found]:
    """A record as `records.to_json` writes it, which leaves out whether a response was submitted."""
    responses = record.get("responses") or {}
    given = [response for response in responses.get("label", []) if isinstance(response, dict)]
    notes = {response.get("user_id"): response.get("value") for response in responses.get("note", [])}
    found = _start_argilla(place, record, record.get("metadata") or {})
    if not given:
        yield found._replace(left_out="no response")
    for response in given:
        done = record.get("status") == COMPLETED and len(given) == 1
        status = response.get("status") or (SUBMITTED if done else None)
        yield _read_response(found, response.get("value"), response.get("user_id"), status, notes, form)


def read_argilla_flat(place: str, record: Mapping[str, Any], form: ExchangeForm) -> Iterator[Found]:
    """A record as `records.to_list(flatten=True)` and `records.to_datasets` have it."""
    found = _start_argilla(place, record, record)
    values, users, statuses = (record.get(f"label.responses{end}") or [] for end in ("", ".users", ".status"))
    notes = dict(zip(record.get("note.responses.users") or [], record.get("note.responses") or [], strict=False))
    if not values:
        yield found._replace(left_out="no response")
    for value, user, status in zip(values, users, statuses, strict=True):
        yield _read_response(found, value, user, status, notes, form)


def _start_argilla(place: str, record: Mapping[str, Any], metadata: Mapping[str, Any]) -> Found:
    key = metadata.get(KEY) or record.get("id")
    sha, sheet = (write_cell(metadata.get(name)) for name in (SHA, "sheet"))
    text = (record.get("fields") or record).get("text")
    return Found(place, write_cell(key), sha, sheet, "", text=write_text(text))


def _read_response(
    found: Found, value: Any, user: Any, status: str | None, notes: Mapping[Any, Any], form: ExchangeForm
) -> Found:
    found = found._replace(reader=f"user-{user}" if user else None, note=" ".join(str(notes.get(user) or "").split()))
    if status is None:
        return found._replace(
            left_out="it may be a draft: this format does not say which of several responses were submitted; write "
            "records.to_list(flatten=True) as JSON"
        )
    if status != SUBMITTED:
        return found._replace(
            left_out={DRAFT: "a draft", DISCARDED: "discarded"}.get(status, f"its status is {status}")
        )
    cell = form.read_value(value)
    return found._replace(cell=cell, left_out=None if cell else "submitted without a label")
