"""What a file says of a row of a sheet, and how its cells are read, whatever tool wrote them."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple

KEY, SHA = "text_id", "text_sha"


class Found(NamedTuple):
    """What a file says of a row: where, of which text, by whom, and a cell with a label, or why it is no answer."""

    place: str
    text_id: str
    text_sha: str
    sheet: str
    cell: str
    reader: str | None = None
    unsure: bool = False
    note: str = ""
    at: str | None = None
    seconds: float | None = None
    left_out: str | None = None
    refused: str | None = None
    text: str | None = None  # as it stands in the file


def write_text(value: Any) -> str | None:
    """The text that stands in a file; null if it is none."""
    return value if isinstance(value, str) else None


def write_cell(value: Any) -> str:
    """A cell as text; of Label Studio's choices the list of them."""
    if isinstance(value, str) and value.startswith('{"choices":'):  # in its csv
        with suppress(ValueError):
            value = json.loads(value)
    if isinstance(value, dict) and "choices" in value:
        value = value["choices"]
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else str(value).strip()


def name_annotator(completed_by: Any) -> str | None:
    """The name of who annotated; null where nobody is told. Raises `TypeError` at what is no name."""
    if isinstance(completed_by, dict):
        return str(completed_by.get("email") or completed_by.get("username") or f"user-{completed_by.get('id')}")
    if completed_by is not None and not isinstance(completed_by, str | int):
        raise TypeError("an annotator is a name, a number or an object")
    return f"user-{completed_by}" if str(completed_by or "").isdecimal() else str(completed_by or "") or None


def read_time(value: Any) -> str | None:
    """A time as ISO 8601 in UTC; null if it is none."""
    try:
        time = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return time.replace(tzinfo=time.tzinfo or UTC).astimezone(UTC).isoformat(timespec="seconds")


def read_seconds(value: Any) -> float | None:
    """A number of seconds; null if it is none."""
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return None
    return seconds if seconds >= 0 and seconds != float("inf") else None
