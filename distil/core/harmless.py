"""Text that strangers wrote, made harmless to look at: nothing in it moves a terminal's cursor or turns lines about.

Shown as the escapes of Python's `repr` are control characters (C0, DEL, C1) and all that breaks a line, the controls of
bidirectional text (Unicode Standard Annex 9), and halves of surrogate pairs, which no file takes.
"""

import re

HARMFUL = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ud800-\\udfff]")


def printable(text: str) -> str:
    """The text in one line, with the escape of each harmful character in its place; other text comes back unchanged."""
    return HARMFUL.sub(lambda found: ascii(found[0])[1:-1], text)
