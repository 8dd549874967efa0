"""Several labels a text in annotation tools: choices, of which none may be the answer too."""

import json
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

from distil.kinds.multi_label.labelling.canonical.label import read_label
from distil.kinds.multi_label.labelling.form import read_cell

ONE = False
HOW = "Write the labels with ; between them, or none where no label applies."


def label_studio_control(labels: Sequence[str]) -> str:
    """A choice of several."""
    choices = "".join(f"<Choice value={quoteattr(label)}/>" for label in labels)
    return f'<Choices name="label" toName="text" choice="multiple" showInLine="true">{choices}</Choices>'


def write_result(label: str, text: str) -> list[dict[str, Any]]:
    """The choices; no result at all where no label applies."""
    names = read_label(label)
    found = {"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": names}}
    return [found] if names else []


def read_result(results: Sequence[dict[str, Any]]) -> str:
    """The choices as a list; what was submitted without any says that no label applies."""
    return json.dumps([name for result in results for name in result["value"].get("choices", [])], ensure_ascii=False)


def argilla_question(labels: Sequence[str]) -> dict[str, Any]:
    """A question with some of the labels as its answer."""
    options = [{"value": label, "text": label} for label in labels]
    return {
        "type": "multi_label_selection",
        "options": options,
        "visible_options": None,
        "options_order": "natural",
    }


def write_value(label: str) -> Any:
    """The labels as a list."""
    return read_label(label)


def read_value(value: Any) -> str:
    """The labels as a list; one that is empty says that none applies."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else ""


def read_tool_cell(cell: str, text: str, labels: Sequence[str]) -> str:
    """The labels; raises `ValueError` with what is wrong with them."""
    return read_cell(cell, labels)
