"""How a kind of task has its labels written for annotation tools, and read again from what these write."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Protocol, cast

from distil.core.params import Kind


class ExchangeForm(Protocol):
    """A kind's labels as people and tools write them."""

    ONE: bool  # whether a text gets just one of the labels, which may then be picked from a list
    HOW: str  # how a person writes a label into a cell

    def label_studio_control(self, labels: Sequence[str]) -> str:
        """The tag of Label Studio's config that is called `label` and is about `text`, with those in it."""

    def write_result(self, label: str, text: str) -> list[dict[str, Any]]:
        """A label as Label Studio's results."""

    def read_result(self, results: Sequence[dict[str, Any]]) -> str:
        """What such results say, as a cell that the kind's `read_tool_cell` reads; empty where they say nothing."""

    def argilla_question(self, labels: Sequence[str]) -> dict[str, Any]:
        """The settings of Argilla's question, but for what all kinds have."""

    def write_value(self, label: str) -> Any:
        """A label as the value of a suggestion or a response to this question."""

    def read_value(self, value: Any) -> str:
        """What a response says, as a cell; empty where it says nothing."""

    def read_tool_cell(self, cell: str, text: str, labels: Sequence[str]) -> str:
        """The label of a text in its canonical form, by a cell that a person or a tool wrote.

        Raises `ValueError` with what is wrong.
        """


def load_exchange(kind: Kind) -> ExchangeForm:
    """A kind's way to tools and back."""
    return cast("ExchangeForm", import_module(f"distil.kinds.{kind}.exchanging.tools"))
