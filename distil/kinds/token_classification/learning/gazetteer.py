"""The baseline that knows names by heart: what was a span in training is one wherever it stands.

A name is kept if more than half of the places in the training texts at which it would be taken are spans; its label is
that which most of them have. In a text the longest name that begins at a word is taken, from left to right. Words and
signs have to be the same, case included; blanks may differ.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from distil.kinds.token_classification.canonical.label import read_label, write_label
from distil.kinds.token_classification.canonical.spans import Span

WORD = re.compile(r"\w+|[^\w\s]")
MOST_WORDS = 20  # of a name; longer ones do not come again
Words = tuple[str, ...]


class Gazetteer:
    """Names, each with its label."""

    def __init__(self, texts: Sequence[str], labels: Sequence[str]) -> None:
        """Learn from texts and their canonical labels."""
        counts: dict[Words, Counter[str]] = defaultdict(Counter)
        for text, label in zip(texts, labels, strict=True):
            for span in read_label(label):
                counts[_words(text[span.start : span.end])][span.label] += 1
        counts.pop((), None)
        self._labels = {name: count.most_common(1)[0][0] for name, count in counts.items() if len(name) <= MOST_WORDS}
        seen = Counter(name for text in texts for _, name in self._take(_words(text)))
        self._labels = {name: label for name, label in self._labels.items() if 2 * counts[name].total() > seen[name]}

    def label(self, text: str) -> str:
        """The canonical label of a text."""
        found = list(WORD.finditer(text))
        taken = self._take(tuple(match[0] for match in found))
        return write_label(
            Span(found[at].start(), found[at + len(name) - 1].end(), self._labels[name]) for at, name in taken
        )

    def _take(self, words: Words) -> Iterable[tuple[int, Words]]:
        """The names in a text, from left to right, each with the number of its first word."""
        at = 0
        while at < len(words):
            pieces = (words[at : at + length] for length in range(min(MOST_WORDS, len(words) - at), 0, -1))
            name = next((piece for piece in pieces if piece in self._labels), ())
            if name:
                yield at, name
            at += max(1, len(name))


def _words(text: str) -> Words:
    return tuple(WORD.findall(text))
