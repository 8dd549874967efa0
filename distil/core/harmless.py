"""Take the strength out of text that others wrote, before a terminal shows it.

A terminal obeys control characters: they move its cursor, change its title, hide a line or forge one. Bidirectional
controls turn what is read round.
"""

import re

_OBEYED = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """The text on one line, with each character that a terminal obeys, or cannot write, as `repr` shows it."""
    return _OBEYED.sub(lambda found: repr(found[0])[1:-1], text)
