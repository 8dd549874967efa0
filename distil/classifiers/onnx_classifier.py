"""Exported students that read a text as a whole: one label a text (`OnnxClassifier`), or several (`OnnxMultiLabel`).

Texts are cut at the model's limit of tokens. How sure a student is of a text `distil/classifiers/sureness.py` has;
`selective` are its temperature and a cascade's threshold, as the folder says. `distil/classifiers/onnx_runner.py` says
what else the folder has to hold, and how it is run.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Unpack

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding

from distil.classifiers import temperature
from distil.classifiers.onnx_runner import FP32, Floats, OnnxRunner, RunOptions, chunk
from distil.classifiers.sureness import Floats as Sureness
from distil.classifiers.sureness import sure_of_label, sure_of_set
from distil.core.params import Kind
from distil.encoders.outputs import read_thresholds


class OnnxClassifier:
    """An exported classifier; `labels` are in the order of its outputs, `provider` is what ONNX Runtime computes on."""

    kind: Kind = "classification"

    def __init__(
        self,
        folder: Path,
        file: str = FP32,
        threads: int | None = None,
        device: str = "auto",
        batch_tokens: int | None = None,
        threads_per_batch: int = 1,
        spinning: bool = False,
        reads: str | None = None,
    ) -> None:
        """Load `file` of the folder; raises `InputError`. Options are as `OnnxRunner` has them."""
        runner = OnnxRunner(folder, file, self.kind, threads, device, batch_tokens, threads_per_batch, spinning, reads)
        self._texts = _TextRunner(runner)
        self.labels = list(runner.outputs.names)
        self.selective = runner.selective
        self.provider, self.batch_tokens = runner.provider, runner.batch_tokens

    def predict_logits(self, texts: Iterable[str]) -> Floats:
        """Return the logits, of shape (texts, labels); raises `InputError` if an item is not a string."""
        return self._texts.run(texts)

    def predict_proba(self, texts: Iterable[str]) -> Floats:
        """Return the probabilities, of shape (texts, labels); raises `InputError` if an item is not a string."""
        return _softmax(self.predict_logits(texts))

    def predict(self, texts: Iterable[str]) -> list[str]:
        """Return the most probable label of each text; raises `InputError` if an item is not a string."""
        return self.predict_with_logits(texts)[1]

    def predict_with_logits(self, texts: Iterable[str]) -> tuple[Floats, list[str]]:
        """Return the logits, as `predict_logits` does, and what they say, as `predict` does."""
        logits = self.predict_logits(texts)
        return logits, [self.labels[number] for number in logits.argmax(axis=1)]

    def predict_stream(self, texts: Iterable[str]) -> Iterator[Floats]:
        """Yield the probabilities of each text, of shape (labels,), in the order of the texts.

        However many there are, at most `CHUNK_TEXTS` of them are in memory. Raises `InputError` at an item that is not
        a string, after the answers to the chunks before it.
        """
        for some in chunk(texts):
            yield from _softmax(self._texts.run_encoded(self.encode(some)))

    def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """Return the texts as tokens, for `predict_encoded`: to time the model without its tokenizer."""
        return self._texts.encode(texts)

    def predict_encoded(self, encodings: Sequence[Encoding]) -> Floats:
        """Return the probabilities of what `encode` returned, of shape (texts, labels)."""
        return self.judge_encoded(encodings)[0]

    def predict_encoded_logits(self, encodings: Sequence[Encoding]) -> Floats:
        """Return the logits of what `encode` returned, of shape (texts, labels)."""
        return self._texts.run_encoded(encodings)

    def judge_encoded(self, encodings: Sequence[Encoding]) -> tuple[Floats, Sureness]:
        """Return what `predict_encoded` does, and how sure the student is of each text, from 0 to 1."""
        return self.judge_and_read(encodings)[:2]

    def judge_and_read(self, encodings: Sequence[Encoding]) -> tuple[Floats, Sureness, Floats | None]:
        """Return what `judge_encoded` does, and what the head read, of shape (texts, numbers).

        That is None in a student that was not opened with `reads`.
        """
        logits, read = self._texts.run_both(encodings)
        return _softmax(logits), sure_of_label(logits, self.selective.temperature), read

    def predict_with_sureness(self, texts: Iterable[str]) -> tuple[list[str], Sureness]:
        """Return what `predict` does, and how sure the student is of each text, from 0 to 1."""
        logits, said = self.predict_with_logits(texts)
        return said, sure_of_label(logits, self.selective.temperature)

    def read(self, texts: Sequence[str]) -> Floats:
        """Return what the head reads of each text, of shape (texts, numbers); in a student opened with `reads`."""
        return self._texts.read(texts)

    def fit_temperature(self, texts: Iterable[str], shares: Sequence[Sureness]) -> float:
        """Return the temperature for these texts, each with its share of every label."""
        logits = self.predict_logits(texts)
        return temperature.fit_softmax(logits, np.reshape(np.array(shares), logits.shape))


class OnnxMultiLabel:
    """An exported classifier of several labels a text.

    `labels` are in the order of its outputs. One applies if its probability is at least that of `thresholds`, of shape
    (labels,), which the folder's config.json says.
    """

    kind: Kind = "multi_label"

    def __init__(self, folder: Path, file: str = FP32, **options: Unpack[RunOptions]) -> None:
        """Load `file` of the folder; raises `InputError`. Options are as `OnnxRunner` has them."""
        runner = OnnxRunner(folder, file, self.kind, **options)
        self._texts = _TextRunner(runner)
        self.labels = list(runner.outputs.names)
        self.thresholds = read_thresholds(runner.path, runner.config, runner.outputs)
        self.selective = runner.selective
        self.provider, self.batch_tokens = runner.provider, runner.batch_tokens

    def predict_logits(self, texts: Iterable[str]) -> Floats:
        """Return the logits, of shape (texts, labels); raises `InputError` if an item is not a string."""
        return self._texts.run(texts)

    def predict_proba(self, texts: Iterable[str]) -> Floats:
        """Return the probability of each label, of shape (texts, labels); raises `InputError` as `predict` does."""
        return _sigmoid(self.predict_logits(texts))

    def predict(self, texts: Iterable[str]) -> list[list[str]]:
        """Return the labels that apply to each text; raises `InputError` if an item is not a string."""
        return self.predict_with_logits(texts)[1]

    def predict_with_logits(self, texts: Iterable[str]) -> tuple[Floats, list[list[str]]]:
        """Return the logits, as `predict_logits` does, and what they say, as `predict` does."""
        logits = self.predict_logits(texts)
        return logits, [[self.labels[number] for number in np.flatnonzero(row)] for row in self._decide(logits)]

    def predict_stream(self, texts: Iterable[str]) -> Iterator[Floats]:
        """Yield the probabilities of each text, of shape (labels,), as `OnnxClassifier.predict_stream` does."""
        for some in chunk(texts):
            yield from self.predict_encoded(self.encode(some))

    def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """Return the texts as tokens, for `predict_encoded`: to time the model without its tokenizer."""
        return self._texts.encode(texts)

    def predict_encoded(self, encodings: Sequence[Encoding]) -> Floats:
        """Return the probabilities of what `encode` returned, of shape (texts, labels)."""
        return self.judge_encoded(encodings)[0]

    def predict_encoded_logits(self, encodings: Sequence[Encoding]) -> Floats:
        """Return the logits of what `encode` returned, of shape (texts, labels)."""
        return self._texts.run_encoded(encodings)

    def judge_encoded(self, encodings: Sequence[Encoding]) -> tuple[Floats, Sureness]:
        """Return what `predict_encoded` does, and how sure the student is of each text, from 0 to 1."""
        return self.judge_and_read(encodings)[:2]

    def judge_and_read(self, encodings: Sequence[Encoding]) -> tuple[Floats, Sureness, Floats | None]:
        """Return what `judge_encoded` does, and what the head read, as `OnnxClassifier.judge_and_read` does."""
        logits, read = self._texts.run_both(encodings)
        return _sigmoid(logits), self._measure_sureness(logits), read

    def predict_with_sureness(self, texts: Iterable[str]) -> tuple[list[list[str]], Sureness]:
        """Return what `predict` does, and how sure the student is of each text, from 0 to 1."""
        logits, said = self.predict_with_logits(texts)
        return said, self._measure_sureness(logits)

    def read(self, texts: Sequence[str]) -> Floats:
        """Return what the head reads of each text, of shape (texts, numbers); in a student opened with `reads`."""
        return self._texts.read(texts)

    def fit_temperature(self, texts: Iterable[str], shares: Sequence[Sureness]) -> float:
        """Return the temperature for these texts, each with its share of every label."""
        logits = self.predict_logits(texts)
        return temperature.fit_sigmoid(logits, np.reshape(np.array(shares), logits.shape))

    def _measure_sureness(self, logits: Floats) -> Sureness:
        return sure_of_set(logits, self.thresholds, self.selective.temperature)

    def _decide(self, logits: Floats) -> NDArray[np.bool_]:
        decided: NDArray[np.bool_] = _sigmoid(logits) >= self.thresholds
        return decided


class _TextRunner:
    """Runs a model that has a row of logits for each text."""

    def __init__(self, runner: OnnxRunner) -> None:
        self._runner = runner
        if runner.limit is not None:
            runner.tokenizer.enable_truncation(runner.limit)

    def run(self, texts: Iterable[str]) -> Floats:
        nothing = np.zeros((0, len(self._runner.outputs.names)), dtype=np.float32)
        return np.concatenate([nothing, *(self.run_encoded(self.encode(some)) for some in chunk(texts))])

    def encode(self, texts: Sequence[str]) -> list[Encoding]:
        encodings: list[Encoding] = self._runner.tokenizer.encode_batch_fast(texts)
        return encodings

    def run_encoded(self, encodings: Sequence[Encoding]) -> Floats:
        return self.run_both(encodings)[0]

    def read(self, texts: Iterable[str]) -> Floats:
        found = (self.run_both(self.encode(some))[1] for some in chunk(texts))
        return np.concatenate([some for some in found if some is not None])

    def run_both(self, encodings: Sequence[Encoding]) -> tuple[Floats, Floats | None]:
        logits = np.empty((len(encodings), len(self._runner.outputs.names)), dtype=np.float32)
        read: Floats | None = None
        for positions, found in self._runner.run_both(encodings):
            logits[positions] = found[0]
            for heard in found[1:]:
                read = np.empty((len(encodings), heard.shape[1]), dtype=np.float32) if read is None else read
                read[positions] = heard
        return logits, read


def _softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    shares: Floats = powers / powers.sum(axis=1, keepdims=True)
    return shares


def _sigmoid(logits: Floats) -> Floats:
    shares: Floats = np.exp(-np.logaddexp(0, -logits))
    return shares
