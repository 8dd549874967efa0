"""The baseline that knows names by heart: what was a span in training is one wherever it stands.

A name is kept if more than half of the places in the training texts at which it would be taken are spans; its label is
that which most of them have. In a text the longest name that begins at a word is taken, from left to right. Words and
signs have to be the same, case included; blanks may differ.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from distil.kinds.token_classification.labelling.canonical.label import read_label, write_label
from distil.kinds.token_classification.labelling.canonical.spans import Span
from distil.tagging.words import Entity

WORD = re.compile(r"\w+|[^\w\s]")
MOST_WORDS = 20  # of a name; longer ones do not come again
Words = tuple[str, ...]


class Gazetteer:
    """Names, each with its label and the share of its places in training that had it."""

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
        self._shares = {
            name: counts[name][label] / max(seen[name], counts[name].total()) for name, label in self._labels.items()
        }

    def label(self, text: str) -> str:
        """The canonical label of a text."""
        return write_label(Span(*span) for span, _ in self._find(text))

    def predict(self, texts: Sequence[str]) -> list[list[Entity]]:
        """The spans of each text; their probability is their share of the name's places in training."""
        return [
            [Entity(*span, text[span.start : span.end], share) for span, share in self._find(text)] for text in texts
        ]

    def _find(self, text: str) -> Iterable[tuple[Span, float]]:
        """The spans of a text, each with the share of its name's places in training that had its label."""
        found = list(WORD.finditer(text))
        for at, name in self._take(tuple(match[0] for match in found)):
            yield (
                Span(found[at].start(), found[at + len(name) - 1].end(), self._labels[name]),
                self._shares[name],
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
