"""Texts with what breaks offsets, and spans at the bounds of their words."""

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import strategies as st

from distil.tagging.words import Word, make_entity

PIECES = [
    *("Ann", "Smith", "Bonn", "good", "product", "works", "x1", "O'Neil", "a-b", "U.S."),
    *(
        "\U0001f600",
        "\U0001f469\u200d\U0001f4bb",
        "\U0001f44d\U0001f3fd",
        "cafe\u0301",
        "caf\u00e9",
        "\u0645\u0631\u062d\u0628\u0627",
    ),
    *(
        "\u05e9\u05dc\u05d5\u05dd",
        "\u6771\u4eac",
        "\u0928\u092e\u0938\u094d\u0924\u0947",
        "\u200b",
        "\u200f",
        "\ufeff",
        "\u00ad",
    ),
    *(" ", "  ", "\t", "\r\n", "\n", "\u00a0", "\u2028", ",", "."),
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=24).map("".join)


@st.composite
def draw_spans(draw: st.DrawFn, text: str, words: Sequence[Word], labels: Sequence[str]) -> list[tuple[int, int, str]]:
    """Spans of one or more words each, of which no two overlap; they may touch. Blanks alone are no span."""
    seen = [word for word in words if text[word.start : word.end].strip()]
    cuts = sorted(draw(st.sets(st.integers(0, len(seen)), max_size=8)))
    return [
        make_entity(text, seen[first].start, seen[last - 1].end, draw(st.sampled_from(labels)), 1.0)[:3]
        for first, last in pairwise(cuts)
        if draw(st.booleans())
    ]
