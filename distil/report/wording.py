"""Small wording of the page: numbers as they were given, sentences, sources named once.

What the stages before wrote is joined and numbered here, never rewritten.
"""

from collections.abc import Iterable, Sequence
from itertools import takewhile


def write_plain(number: float) -> str:
    """A number that was given as it is, without an end of zeros: 153, 2.7, 1,100."""
    return f"{number:,.6g}"


def write_sentence(note: str) -> str:
    """A note that was written to follow a colon, to stand alone; a path or name at its beginning stays as it is."""
    first = note.partition(" ")[0]
    text = note[:1].upper() + note[1:] if first.isalpha() else note
    return text if text.endswith((".", "!", "?")) else f"{text}."


def write_seconds(seconds: float) -> str:
    """Seconds of a training: no finer than a tenth, and three digits at most."""
    if seconds < 0.1:
        return "<0.1"
    return f"{seconds:,.0f}" if seconds >= 100 else f"{seconds:.1f}"


def join_sources(sources: Iterable[str]) -> str:
    """Each source once; of those that begin alike up to the first comma the beginning is told once.

    "table 1.2, provider a" and "table 1.2, provider b" come to "table 1.2, provider a, b".
    """
    tails: dict[str, list[str]] = {}
    for source in dict.fromkeys(sources):
        head, _, tail = source.partition(", ")
        tails.setdefault(head, []).extend([tail] if tail else [])
    return "; ".join(", ".join([head, *_tell_shared_words_once(found)]) for head, found in tails.items())


def number_sources(sources: Iterable[str | None]) -> dict[str, int]:
    """A number for each source, from 1, in the order in which they come first."""
    return {source: number for number, source in enumerate(dict.fromkeys(filter(None, sources)), start=1)}


def _tell_shared_words_once(tails: Sequence[str]) -> list[str]:
    words = [tail.split() for tail in tails]
    shared = sum(1 for _ in takewhile(lambda abreast: len(set(abreast)) == 1, zip(*words, strict=False)))
    kept = min([shared, *(len(each) - 1 for each in words)])  # something has to be left of each
    return [*tails[:1], *(" ".join(each[kept:]) for each in words[1:])]
