"""Linear layers over what a frozen encoder says of words, of the kind that finds most spans of texts held out.

Most words are in no span, so that words which are right would tell little: methods are compared by exact F1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from distil.kinds.token_classification.labelling.canonical.label import read_label, write_label
from distil.kinds.token_classification.learning.reading import Floats, Reading
from distil.linear.folds import Numbers
from distil.linear.probe import DISCRIMINANT, LOGISTIC, Method, Probe, fit_probe, fit_temperature
from distil.tagging.words import read_tags

METHODS = (LOGISTIC[0], LOGISTIC[2], LOGISTIC[4], *DISCRIMINANT[:2])
UNCHOSEN = LOGISTIC[2]  # where there are too few texts to choose
MOST_WORDS = 100_000  # from which a layer learns: fitting takes four times their memory
PARTS = 5  # one of which is held out


@dataclass(frozen=True)
class Material:
    """Texts with their canonical labels, their words, and of each word the features and the number of its tag."""

    texts: Sequence[str]
    labels: Sequence[str]
    readings: Sequence[Reading]
    features: Sequence[Floats]  # of shape (words, numbers)
    numbers: Sequence[Numbers]

    def take(self, places: NDArray[np.intp]) -> "Material":
        """The same of some of the texts."""
        every = np.asarray(places).tolist()
        return Material(
            [self.texts[place] for place in every],
            [self.labels[place] for place in every],
            [self.readings[place] for place in every],
            [self.features[place] for place in every],
            [self.numbers[place] for place in every],
        )

    def join(self, other: "Material") -> "Material":
        """The same of these texts and of others."""
        return Material(
            [*self.texts, *other.texts],
            [*self.labels, *other.labels],
            [*self.readings, *other.readings],
            [*self.features, *other.features],
            [*self.numbers, *other.numbers],
        )


class Chosen(NamedTuple):
    """A method, and by what its logits are to be divided to be as sure as they are right."""

    method: Method
    temperature: float


def choose_method(material: Material, labels: Sequence[str], seed: int, has_bias: bool = True) -> Chosen:
    """Compare methods on a part of the texts; with too few to hold any out, take one unseen."""
    groups = np.random.default_rng(seed).permutation(len(material.texts)) % PARTS
    inside, outside = material.take(np.flatnonzero(groups)), material.take(np.flatnonzero(groups == 0))
    if not any(read_label(label) for label in outside.labels) or not _is_enough(inside):
        return Chosen(UNCHOSEN, 1.0)
    learnt = np.concatenate(list(inside.numbers))
    logits = {
        method: decide(fit(inside, labels, method, has_bias), outside.features)
        for method in METHODS
        if method.suits(learnt, has_bias)
    }
    found = {
        method: count_right(outside.labels, decode(said, outside.readings, labels, outside.texts))
        for method, said in logits.items()
    }
    best = max(found, key=lambda method: found[method])
    numbers = np.concatenate(list(outside.numbers))
    return Chosen(best, fit_temperature(np.concatenate(logits[best]), numbers))


def fit(material: Material, labels: Sequence[str], method: Method, has_bias: bool = True) -> Probe:
    """Train a layer on the words of texts, `MOST_WORDS` by lot; where all of them have one tag, it says that tag."""
    (features, numbers), count = _draw_words(material), 1 + 2 * len(labels)
    if len(np.unique(numbers)) < 2:
        bias = np.full(count, -np.inf)
        bias[numbers[:1] if len(numbers) else 0] = 0.0
        return Probe(np.zeros((count, features.shape[1])), bias)
    return fit_probe(features, numbers, count, method if method.suits(numbers, has_bias) else UNCHOSEN, has_bias)


def decide(probe: Probe, features: Sequence[Floats]) -> list[NDArray[np.float64]]:
    """Return logits for the words of each text, of shape (words, tags)."""
    return [probe.decide(words) for words in features]


def decode(
    answers: Sequence[NDArray[Any]], readings: Sequence[Reading], labels: Sequence[str], texts: Sequence[str]
) -> list[str]:
    """Return the canonical label of each text by what is likeliest for its words, of logits or probabilities."""
    return [
        write_label(span[:3] for span in read_tags(reading.words, said, labels, text))
        for reading, said, text in zip(readings, answers, texts, strict=True)
    ]


def count_right(known: Sequence[str], said: Sequence[str]) -> float:
    """Exact F1 over all spans of all texts, of canonical labels; 0 where none is known or said."""
    pairs = [(set(read_label(one)), set(read_label(other))) for one, other in zip(known, said, strict=True)]
    total = sum(len(one) + len(other) for one, other in pairs)
    return 2 * sum(len(one & other) for one, other in pairs) / max(1, total)


def _draw_words(material: Material) -> tuple[NDArray[np.float32], Numbers]:
    """What the head reads of words, and their tags; of too many some are drawn, by which a layer hardly differs."""
    ends = np.cumsum([0, *map(len, material.numbers)])
    drawn = np.arange(ends[-1])
    if len(drawn) > MOST_WORDS:
        drawn = np.sort(np.random.default_rng(0).permutation(drawn)[:MOST_WORDS])
    cuts = np.searchsorted(drawn, ends)
    own = [drawn[cuts[text] : cuts[text + 1]] - ends[text] for text in range(len(ends) - 1)]
    features = [part[words] for part, words in zip(material.features, own, strict=True)]
    numbers = [part[words] for part, words in zip(material.numbers, own, strict=True)]
    return np.concatenate(features), np.concatenate(numbers)


def _is_enough(material: Material) -> bool:
    return len({int(number) for numbers in material.numbers for number in numbers}) > 1
