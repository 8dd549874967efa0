"""One label a text in annotation tools: a choice, or a question with one answer."""

from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

from distil.kinds.classification.labelling.form import read_cell

ONE = True
HOW = "Pick the label from the list, or write it."


def label_studio_control(labels: Sequence[str]) -> str:
    """A single choice."""
    choices = "".join(f"<Choice value={quoteattr(label)}/>" for label in labels)
    return f'<Choices name="label" toName="text" choice="single" showInLine="true">{choices}</Choices>'


def write_result(label: str, text: str) -> list[dict[str, Any]]:
    """One choice."""
    return [{"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": [label]}}]


def read_result(results: Sequence[dict[str, Any]]) -> str:
    """The choice; raises `ValueError` where there are several."""
    chosen = [name for result in results for name in result["value"].get("choices", [])]
    if len(chosen) > 1:
        raise ValueError(f"has {len(chosen)} choices, {' and '.join(map(repr, chosen[:2]))}; a text gets one label")
    return str(chosen[0]) if chosen else ""


def argilla_question(labels: Sequence[str]) -> dict[str, Any]:
    """A question with one of the labels as its answer."""
    options = [{"value": label, "text": label} for label in labels]
    return {"type": "label_selection", "options": options, "visible_options": None}


def write_value(label: str) -> Any:
    """The label."""
    return label


def read_value(value: Any) -> str:
    """The label."""
    return value if isinstance(value, str) else ""


def read_tool_cell(cell: str, text: str, labels: Sequence[str]) -> str:
    """The label; raises `ValueError` if it is none."""
    return read_cell(cell.strip(), labels)
