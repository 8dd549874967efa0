"""Spans in annotation tools. Label Studio counts UTF-16 units, as browsers do, Argilla and cells code points."""

import json
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

import pandas as pd

from distil.kinds.token_classification.labelling.canonical.label import read_label
from distil.kinds.token_classification.labelling.form import check_label, read_cell
from distil.kinds.token_classification.labelling.gold import read_gold

ONE = False
HOW = "Write each span as START-END LABEL with ; between them, such as 0-4 NAME; 9-12 NAME, or none."


def label_studio_control(labels: Sequence[str]) -> str:
    """Labels that are drawn over the text."""
    return (
        '<Labels name="label" toName="text">'
        + "".join(f"<Label value={quoteattr(label)}/>" for label in labels)
        + "</Labels>"
    )


def write_result(label: str, text: str) -> list[dict[str, Any]]:
    """A result a span."""
    return [
        {
            "from_name": "label",
            "to_name": "text",
            "type": "labels",
            "value": {
                "start": _count_units(text[: span.start]),
                "end": _count_units(text[: span.end]),
                "text": text[span.start : span.end],
                "labels": [span.label],
            },
        }
        for span in read_label(label)
    ]


def read_result(results: Sequence[dict[str, Any]]) -> str:
    """The spans as a list; what was submitted without any says that there is none."""
    return json.dumps([result for result in results if "labels" in result["value"]], ensure_ascii=False)


def argilla_question(labels: Sequence[str]) -> dict[str, Any]:
    """A question about the field `text`; spans may not overlap."""
    options = [{"value": label, "text": label} for label in labels]
    return {
        "type": "span",
        "field": "text",
        "options": options,
        "visible_options": None,
        "allow_overlapping": False,
    }


def write_value(label: str) -> Any:
    """The spans as a list of objects."""
    return json.loads(label)


def read_value(value: Any) -> str:
    """The spans as a list; one that is empty says that there is none."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else ""


def read_tool_cell(cell: str, text: str, labels: Sequence[str]) -> str:
    """The spans; words that stand beside offsets say what these count. Raises `ValueError` with what is wrong."""
    if not cell.lstrip().startswith("["):
        label = read_cell(cell, labels)
        if wrong := check_label(label, labels, text):
            raise ValueError(wrong)
        return label
    read = read_gold(pd.Series([cell], dtype="str"), pd.Series([text], dtype="str"), labels, {})
    if read.fault is not None:
        raise ValueError(read.fault.complaint)
    if read.notes and "overlap" in read.notes[-1]:
        raise ValueError("has spans that overlap; one label a character is all that is learnt")
    return str(read.gold.iloc[0])


def _count_units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
