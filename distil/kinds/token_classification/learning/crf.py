"""The baseline that reads words by their look: a conditional random field over words, shapes, affixes and neighbours.

It is trained by CRFsuite (L-BFGS, an elastic net). What it learned is read out of its model into plain numbers, and
texts are tagged with these alone: a model of CRFsuite is a binary file whose offsets the library follows unchecked.
Source: Lafferty, McCallum and Pereira, "Conditional Random Fields" (2001).
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pycrfsuite
from numpy.typing import NDArray
from scipy.special import logsumexp, softmax

from distil.kinds.token_classification.labelling.canonical.label import soften, write_label
from distil.linear.trained_files import Arrays
from distil.tagging.words import Entity, Word, name_tags, read_tags, soften_words

WORD = re.compile(r"\w+|[^\w\s]")
SETTINGS = {"c1": 0.1, "c2": 0.1, "max_iterations": 100, "feature.possible_transitions": True}
AFFIXES = (1, 2, 3)  # letters
NEIGHBOURS = (-2, -1, 1, 2)  # words away
MOST_LETTERS = 30  # of a word; a longer one is no word that comes again

Floats = NDArray[np.float64]
Places = list[NDArray[np.intp]]  # of each word: the numbers of its features


class Crf:
    """Tags the words of a text; `labels` gives the order of the tags."""

    LEARNED: tuple[str, ...] = ("names", "weights", "transitions")
    features = None  # it reads words as they are

    def __init__(self, labels: Sequence[str]) -> None:
        """Set up, untrained."""
        self.labels = list(labels)
        count = len(name_tags(labels))
        self._numbers: dict[str, int] = {}
        self.weights: NDArray[np.float32] = np.zeros((0, count), dtype=np.float32)
        self.transitions: NDArray[np.float32] = np.zeros((count, count), dtype=np.float32)

    def fit(self, texts: Sequence[str], labels: Sequence[str]) -> "Crf":
        """Train on texts and their canonical labels; without any word it says O to all."""
        names: dict[str, str] = {}  # numbers, for CRFsuite: it prints names, and theirs may be odd
        trainer = pycrfsuite.Trainer(algorithm="lbfgs", params=SETTINGS, verbose=False)
        for text, label in zip(texts, labels, strict=True):
            words = find_words(text)
            tags = soften_words(words, soften(label, self.labels), self.labels).argmax(axis=1)
            told = [[names.setdefault(name, str(len(names))) for name in word] for word in describe(text, words)]
            if words:
                trainer.append(told, [str(tag) for tag in tags])
        if names:
            self._take(list(names), *_train(trainer))
        return self

    def weigh_tags(self, text: str, words: Sequence[Word]) -> Floats:
        """Return the probability of each tag of each word, of shape (words, tags)."""
        scores = np.zeros((len(words), len(self.transitions)))
        for row, names in zip(scores, describe(text, words), strict=True):
            row += self.weights[[self._numbers[name] for name in names if name in self._numbers]].sum(axis=0)
        return compute_marginals(scores, self.transitions)

    def predict(self, texts: Sequence[str]) -> list[list[Entity]]:
        """Return the spans of each text, with the mean probability of their words' tags."""
        said = ((text, find_words(text)) for text in texts)
        return [read_tags(words, self.weigh_tags(text, words), self.labels, text) for text, words in said]

    def label(self, text: str) -> str:
        """The canonical label of a text."""
        return write_label(span[:3] for span in self.predict([text])[0])

    def list_learned(self) -> Arrays:
        """The names of the features as JSON in bytes, and the weights of features and of pairs of tags."""
        names = json.dumps(list(self._numbers), ensure_ascii=False).encode()
        return {
            "names": np.frombuffer(names, dtype=np.uint8),
            "weights": self.weights,
            "transitions": self.transitions,
        }

    def take_learned(self, arrays: Arrays, width: int | None) -> None:
        """Take the same from a file; raises `ValueError` where they do not go together."""
        names, weights, transitions = (arrays[part] for part in self.LEARNED)
        listed, count = json.loads(names.tobytes()), len(self.transitions)
        if len(set(listed)) != len(listed) or not all(isinstance(name, str) for name in listed):
            raise ValueError("the names of the features are no list of different strings")
        if weights.shape != (len(listed), count) or transitions.shape != (count, count):
            raise ValueError(f"the weights have the shapes {weights.shape} and {transitions.shape}")
        self._numbers = {name: number for number, name in enumerate(listed)}
        self.weights, self.transitions = weights, transitions

    def _take(
        self, names: list[str], states: dict[tuple[str, str], float], transitions: dict[tuple[str, str], float]
    ) -> None:
        """Keep the features that have a weight, in the order of their numbers."""
        kept = sorted({int(feature) for feature, _ in states})
        self._numbers = {names[feature]: number for number, feature in enumerate(kept)}
        self.weights = np.zeros((len(kept), len(self.transitions)), dtype=np.float32)
        for (feature, tag), weight in states.items():
            self.weights[self._numbers[names[int(feature)]], int(tag)] = weight
        for (before, after), weight in transitions.items():
            self.transitions[int(before), int(after)] = weight


def find_words(text: str) -> list[Word]:
    """The words and signs of a text."""
    return [Word(number, *found.span()) for number, found in enumerate(WORD.finditer(text))]


def describe(text: str, words: Sequence[Word]) -> list[list[str]]:
    """The features of each word: itself, its shape and affixes, and the words and shapes around it."""
    spelled = [text[word.start : word.end][:MOST_LETTERS] for word in words]
    lower, shapes = [word.lower() for word in spelled], [shape_of(word) for word in spelled]
    told = []
    for here, word in enumerate(lower):
        names = ["bias", f"w={word}", f"s={shapes[here]}", f"W={spelled[here]}"]
        names += [
            f"{side}={piece}" for length in AFFIXES for side, piece in (("p", word[:length]), ("e", word[-length:]))
        ]
        for away in NEIGHBOURS:
            there = here + away
            inside = 0 <= there < len(words)
            names += [f"w{away}={lower[there]}", f"s{away}={shapes[there]}"] if inside else [f"end{away}"]
        names += [f"s-1s={shapes[here - 1]} {shapes[here]}"] if here else []
        told.append(list(dict.fromkeys(names)))
    return told


def shape_of(word: str) -> str:
    """What a word looks like: X, x and 0 for capitals, other letters and digits, each run of them as one."""
    kinds = (
        "X" if letter.isupper() else "0" if letter.isdigit() else "x" if letter.isalpha() else letter for letter in word
    )
    return re.sub(r"(.)\1+", r"\1+", "".join(kinds))


def compute_marginals(scores: Floats, transitions: NDArray[np.float32]) -> Floats:
    """The probability of each tag of each word, by the forward-backward algorithm.

    `scores` are of shape (words, tags), `transitions` of (tags, tags), from a tag to the next.
    """
    forward, backward = scores.copy(), np.zeros_like(scores)
    for here in range(1, len(scores)):
        forward[here] += logsumexp(forward[here - 1][:, None] + transitions, axis=0)
    for here in range(len(scores) - 2, -1, -1):
        backward[here] = logsumexp(transitions + (scores[here + 1] + backward[here + 1]), axis=1)
    shares: Floats = softmax(forward + backward, axis=1)
    return shares


def _train(trainer: "pycrfsuite.Trainer") -> tuple[dict[tuple[str, str], float], dict[tuple[str, str], float]]:
    """Weights by feature and tag, and by two tags in a row."""
    with TemporaryDirectory() as folder:
        path = str(Path(folder) / "crf")
        trainer.train(path)
        tagger = pycrfsuite.Tagger()
        with tagger.open(path):
            told = tagger.info()
    return told.state_features, told.transitions
