"""Lay out rows for the page to show: a text, cut if it is long, and what each of several gave it."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from distil.forms.telling import ExampleForm

SHOWN_CHARACTERS = 500  # of a text or reason
MARKER = re.compile(r"[A-Z/_-]*")  # FAIL, N/A, NONE: what a table has in the place of a reason that there is not


class Giver(NamedTuple):
    """Who gave a label beside people: the key in an example's `pieces`, the title, and the class of its row."""

    key: str
    title: str
    family: str


def lay_out(
    text: str, given: Mapping[str, str | None], reference: str | None, reason: str | None, form: ExampleForm
) -> dict[str, Any]:
    """What is shown of a text: its part, the `pieces` of each label by who gave it, and the reason.

    A reason that is a mere marker is None. `asides` are small words below a label, by who gave it; here none.
    """
    start, end = form.choose_excerpt(text, list(given.values()), SHOWN_CHARACTERS)
    if MARKER.fullmatch((reason or "").strip()):
        reason = None
    return {
        "pieces": {who: form.cut_pieces(text, label, reference, (start, end)) for who, label in given.items()},
        "asides": {},
        "starts_within": start > 0,
        "ends_within": end < len(text),
        "text": cut(text, start, end),
        "reason": reason and cut(reason, 0, SHOWN_CHARACTERS),
    }


def cut(text: str, start: int, end: int) -> str:
    """A part of a text, with a sign where more of it was left out."""
    before, after = ("… " if start > 0 else ""), (" …" if end < len(text) else "")
    part = text[start:end]
    return before + (part.rstrip() if after else part) + after
