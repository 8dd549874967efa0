"""How sure a student is of a text: one number from 0 to 1, whatever the kind of task.

It is made of the logits, divided by a temperature, so that the folder that holds the model can tell it of any text. Of
one label a text it is the probability of that label. Of several it is the probability that all decisions hold, those
against a label too; of spans that of the tag of the least certain word, whether it is in a span or not, so that a text
with a span that was nearly found is not one of which the student is sure. docs/cascade.md has what else was tried.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Logits = NDArray[np.floating]


def sure_of_label(logits: Logits, temperature: float = 1.0) -> Floats:
    """The probability of the likeliest label; logits of shape (texts, labels)."""
    sure: Floats = np.exp(_log_of_best(logits, temperature))
    return sure


def sure_of_set(logits: Logits, thresholds: Floats, temperature: float = 1.0) -> Floats:
    """The probability that each label applies, or does not, as decided; logits of shape (texts, labels).

    `thresholds` are the probabilities, before the temperature, from which on a label applies: a decision is as far from
    being the other one as its logit is from that of its threshold.
    """
    margins = np.abs(logits.astype(np.float64) - _log_odds(thresholds)) / temperature
    sure: Floats = np.exp(-np.logaddexp(0, -margins).sum(axis=1))
    return sure


def sure_of_tags(logits: Logits, words: NDArray[np.int64], temperature: float = 1.0) -> Floats:
    """The probability of the tag of the least certain word of each text; 1 of a text without words.

    `logits` are those of the words of all texts, one text after the other, of shape (words, tags), and `words` says how
    many of them each text has.
    """
    texts = np.repeat(np.arange(len(words)), words)
    least = np.zeros(len(words))
    np.minimum.at(least, texts, _log_of_best(logits, temperature))
    sure: Floats = np.exp(least)
    return sure


def _log_of_best(logits: Logits, temperature: float) -> Floats:
    """The logarithm of the highest probability of each row."""
    scaled = logits.astype(np.float64) / temperature
    above = scaled - scaled.max(axis=1, keepdims=True, initial=-np.inf)
    best: Floats = -np.log(np.exp(above).sum(axis=1))
    return best


def _log_odds(shares: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        odds: Floats = np.log(shares) - np.log1p(-np.minimum(shares, 1))
    return odds
