"""What a student of spans has to beat: what is trained in seconds on the same labels.

`gazetteer` knows the names of the training texts by heart, `crf` reads words by their look, `embeddings` is a linear
layer over the words of an encoder that is not fine-tuned.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import softmax
from transformers import AutoModel

from distil.assets.references import resolve
from distil.core.errors import InputError
from distil.encoders.torch_model import choose_device, load_model, load_tokenizer, make_only_what_is_taken, token_limit
from distil.kinds.token_classification.labelling.canonical.label import soften
from distil.kinds.token_classification.learning.crf import Crf
from distil.kinds.token_classification.learning.gazetteer import Gazetteer
from distil.kinds.token_classification.learning.probes import Material, choose_method, fit
from distil.kinds.token_classification.learning.reading import Floats, Reading, read_texts, run_words
from distil.linear.features import FrozenEncoder
from distil.linear.trained_files import Arrays, read_trained
from distil.linear.trained_files import write_trained as write_baselines
from distil.tagging.words import Entity, name_tags, read_tags, soften_words

__all__ = ["load_baselines", "make_baselines", "train_baselines", "write_baselines"]

UNSTATED_LIMIT = 512  # tokens, of an encoder that states no limit
NEVER = -1e3  # logit of a tag that no word had


class WordEncoder:
    """What a pinned encoder, loaded at first use, says of the words of texts."""

    def __init__(self, features: FrozenEncoder) -> None:
        """Note where the encoder is to be found."""
        self.features = features
        self._loaded: tuple[Any, Any] | None = None

    def read(self, texts: Sequence[str]) -> tuple[list[Reading], list[Floats]]:
        """Return the words of texts and their vectors; raises `InputError` if the encoder answers NaN."""
        model, tokenizer = self._load()
        device = choose_device(self.features.device)
        readings = read_texts(tokenizer, texts, token_limit(model, tokenizer) or UNSTATED_LIMIT)
        vectors = run_words(
            model, tokenizer, readings, device, model.config.hidden_size, lambda out: out.last_hidden_state
        )
        if broken := sum(not np.isfinite(words).all() for words in vectors):
            raise InputError(
                f"the encoder {self.features.place[0]} answers NaN to {broken:,} of {len(texts):,} texts; "
                "name another one in evaluate.embeddings"
            )
        return readings, vectors

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is None:
            folder = resolve(*self.features.place)
            model = load_model(AutoModel, folder)
            model = model.get_encoder() if model.config.is_encoder_decoder else model
            tokenizer = load_tokenizer(folder)
            make_only_what_is_taken(tokenizer, model)
            self._loaded = model, tokenizer
        return self._loaded


class EmbeddedWords:
    """A linear layer over the words of a frozen encoder, of the kind that finds most held-out spans."""

    LEARNED: tuple[str, ...] = ("weights", "bias")

    def __init__(self, features: FrozenEncoder, labels: Sequence[str], seed: int = 0) -> None:
        """Set up, untrained; `labels` gives the order of the tags, `seed` the draw of held-out texts."""
        self.features = features
        self.labels = list(labels)
        self.seed = seed
        self.weights: NDArray[np.float64] = np.zeros((len(name_tags(labels)), 0))
        self.bias: NDArray[np.float64] = np.zeros(len(name_tags(labels)))
        self._encoder = WordEncoder(features)

    def fit(self, texts: Sequence[str], labels: Sequence[str]) -> "EmbeddedWords":
        """Train on texts and their canonical labels."""
        readings, vectors = self._encoder.read(texts)
        numbers = [
            np.asarray(
                soften_words(reading.words, soften(label, self.labels), self.labels).argmax(axis=1), dtype=np.intp
            )
            for reading, label in zip(readings, labels, strict=True)
        ]
        material = Material(texts, labels, readings, vectors, numbers)
        chosen = choose_method(material, self.labels, self.seed)
        probe = fit(material, self.labels, chosen.method).cool(chosen.temperature)
        self.weights, self.bias = probe.weights, np.maximum(probe.bias, NEVER)
        return self

    def predict(self, texts: Sequence[str]) -> list[list[Entity]]:
        """Return the spans of each text, with the mean probability of their words' tags."""
        readings, vectors = self._encoder.read(texts)
        shares = (softmax(words @ self.weights.T + self.bias, axis=1) for words in vectors)
        return [
            read_tags(reading.words, said, self.labels, text)
            for reading, said, text in zip(readings, shares, texts, strict=True)
        ]

    def list_learned(self) -> Arrays:
        """A row of weights and a bias for each tag."""
        return {part: getattr(self, part) for part in self.LEARNED}

    def take_learned(self, arrays: Arrays, width: int | None) -> None:
        """Take the same from a file; raises `ValueError` where they do not go together."""
        weights, bias = (arrays[part] for part in self.LEARNED)
        if weights.ndim != 2 or len(weights) != len(self.bias) or bias.shape != self.bias.shape:
            raise ValueError(f"the weights have the shapes {weights.shape} and {bias.shape}")
        self.weights, self.bias = weights, bias


def make_baselines(labels: Sequence[str], reference: str, pins: Path, device: str) -> dict[str, Any]:
    """Return the untrained baselines that are kept, by name; `reference` is that of the encoder."""
    return {"crf": Crf(labels), "embeddings": EmbeddedWords(FrozenEncoder(reference, pins, device), labels)}


def train_baselines(
    timed: Mapping[str, Any], lessons: pd.DataFrame, few: pd.DataFrame, labels: Sequence[str]
) -> dict[str, Any]:
    """Train the baselines on the student's training rows, and the gazetteer; return all by name.

    Nothing is learnt from the `few` rows that people labelled.
    """
    texts, known = lessons["text"].to_list(), lessons["label"].to_list()
    for baseline in timed.values():
        baseline.fit(texts, known)
    return {"gazetteer": Gazetteer(texts, known), **timed}


def load_baselines(path: Path, device: str) -> dict[str, Any]:
    """Read trained baselines, as `distil.linear.trained_files.read_trained` has it."""
    return read_trained(path, device, _make)


def _make(features: FrozenEncoder | None, labels: list[str]) -> Any:
    return Crf(labels) if features is None else EmbeddedWords(features, labels)
