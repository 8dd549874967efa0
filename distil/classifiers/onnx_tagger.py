"""Exported students that find spans in a text: names, places, personal details.

Tokens are grouped into words as the pipeline of transformers does it with `aggregation_strategy="first"`
(`distil/tagging/words.py`), and a long text is read in windows that overlap, so that none of it is cut off.
`distil/classifiers/onnx_runner.py` says what the folder has to hold, and how it is run.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Unpack

import numpy as np

from distil.classifiers import temperature
from distil.classifiers.onnx_runner import FP32, Floats, OnnxRunner, Positions, RunOptions, chunk
from distil.classifiers.sureness import Floats as Sureness
from distil.classifiers.sureness import sure_of_tags
from distil.core.params import Kind
from distil.tagging.splitting import (
    Place,
    Row,
    Split,
    Splitter,
    check_numbers,
    find_unknown,
    gather,
    list_rows,
    place_spans,
    read_spans,
)
from distil.tagging.words import Entity, Word, count_in_utf16, read_labels, soften_words


class Means:
    """The mean, over the words of each text, of what a model's head read."""

    def __init__(self, splits: Sequence[Split]) -> None:
        self._texts = np.repeat(np.arange(len(splits)), [len(split.rows) for split in splits])
        self._words = np.array([sum(len(row.words) for row in split.rows) for split in splits])
        self._sums: Floats | None = None

    def listen(
        self, rows: Sequence[Row], batches: Iterable[tuple[Positions, list[Floats]]]
    ) -> Iterator[tuple[Positions, Floats]]:
        """Yield the logits of batches, and add up what the head read beside them."""
        for positions, found in batches:
            for heard in found[1:]:
                if self._sums is None:
                    self._sums = np.zeros((len(self._words), heard.shape[2]), dtype=np.float32)
                for number, position in enumerate(positions.tolist()):
                    self._sums[self._texts[position]] += heard[number, rows[position].words].sum(axis=0)
            yield positions, found[0]

    def take(self) -> Floats | None:
        """The means; None where nothing was heard."""
        if self._sums is None:
            return None
        with np.errstate(invalid="ignore"):
            means: Floats = np.divide(self._sums, self._words[:, None], dtype=np.float32)
        return means


class OnnxTagger:
    """An exported tagger; `labels` are those that spans have, `provider` is what ONNX Runtime computes on."""

    kind: Kind = "token_classification"

    def __init__(self, folder: Path, file: str = FP32, **options: Unpack[RunOptions]) -> None:
        """Load `file` of the folder; raises `InputError`. Options are as `OnnxRunner` has them."""
        self._runner = runner = OnnxRunner(folder, file, self.kind, **options)
        self.labels, self._tags = read_labels(runner.path, runner.outputs.names), len(runner.outputs.names)
        self._splitter = Splitter(
            runner.tokenizer, runner.limit, find_unknown(runner.tokenizer, runner.tokenizer_config)
        )
        self.selective = runner.selective
        self.provider, self.batch_tokens = runner.provider, runner.batch_tokens

    def predict(self, texts: Iterable[str], utf16: bool = False) -> list[list[Entity]]:
        """Return the spans of each text, in their order; raises `InputError` if an item is not a string.

        Their places are counted in code points, as Python counts; with `utf16` in UTF-16 units, as JavaScript, Java and
        C# count.
        """
        return list(self.predict_stream(texts, utf16))

    def predict_stream(self, texts: Iterable[str], utf16: bool = False) -> Iterator[list[Entity]]:
        """Yield the spans of each text, in the order of the texts, as `predict` returns them.

        However many there are, at most `CHUNK_TEXTS` of them are in memory. Raises `InputError` at an item that is not
        a string, after the answers to the chunks before it.
        """
        for some in chunk(texts):
            found = self.predict_encoded(self.encode(some))
            yield from map(count_in_utf16, some, found) if utf16 else found

    def predict_logits(self, texts: Iterable[str]) -> Floats:
        """Return the logits of the words of all texts, one text after the other, of shape (words, tags)."""
        return self.predict_with_logits(texts)[0]

    def predict_with_logits(self, texts: Iterable[str]) -> tuple[Floats, list[list[Place]]]:
        """Return the logits, as `predict_logits` does, and the start, end and label of each span that they say."""
        logits = [np.zeros((0, self._tags), dtype=np.float32)]
        found: list[list[Place]] = []
        for some in chunk(texts):
            splits = self.encode(some)
            logits.append(self._run(splits))
            found += place_spans(read_spans(splits, logits[-1], self.labels))
        return np.concatenate(logits), found

    def encode(self, texts: Sequence[str]) -> list[Split]:
        """Return the texts as tokens and words, for `predict_encoded`: to time the model without its tokenizer."""
        return self._splitter.split(texts)

    def predict_encoded(self, splits: Sequence[Split]) -> list[list[Entity]]:
        """Return the spans in what `encode` returned, places in code points."""
        return self.judge_encoded(splits)[0]

    def judge_encoded(self, splits: Sequence[Split]) -> tuple[list[list[Entity]], Sureness]:
        """Return what `predict_encoded` does, and how sure the student is of each text, from 0 to 1."""
        return self.judge_and_read(splits)[:2]

    def judge_and_read(self, splits: Sequence[Split]) -> tuple[list[list[Entity]], Sureness, Floats | None]:
        """Return what `judge_encoded` does, and the mean of what the head read of a text's words, (texts, numbers).

        That is no number of a text without words, and None in a student that was not opened with `reads`.
        """
        means = Means(splits)
        logits = check_numbers(self._run(splits, means), str(self._runner.path))
        words = np.array([len(split.starts) for split in splits], dtype=np.int64)
        sureness = sure_of_tags(logits, words, self.selective.temperature)
        return read_spans(splits, logits, self.labels), sureness, means.take()

    def predict_with_sureness(self, texts: Iterable[str]) -> tuple[list[list[Place]], Sureness]:
        """Return the start, end and label of each span, and how sure the student is of each text, from 0 to 1."""
        found: list[list[Place]] = []
        sureness = [np.zeros(0)]
        for some in chunk(texts):
            spans, sure = self.judge_encoded(self.encode(some))
            found += place_spans(spans)
            sureness.append(sure)
        return found, np.concatenate(sureness)

    def read(self, texts: Sequence[str]) -> Floats:
        """Return the mean of what the head reads of each text's words, of shape (texts, numbers).

        The student has to be opened with `reads`.
        """
        found = (self.judge_and_read(self.encode(some))[2] for some in chunk(texts))
        return np.concatenate([some for some in found if some is not None])

    def fit_temperature(self, texts: Iterable[str], shares: Sequence[Sureness]) -> float:
        """Return the temperature for these texts, each with its spans as four numbers: start, end, label, share."""
        logits, targets = [np.zeros((0, self._tags), dtype=np.float32)], [np.zeros((0, self._tags))]
        softs = iter(shares)
        for some in chunk(texts):
            splits = self.encode(some)
            logits.append(self._run(splits))
            for split, soft in zip(splits, softs, strict=False):
                words = [Word(0, *ends) for ends in zip(split.starts.tolist(), split.ends.tolist(), strict=True)]
                targets.append(soften_words(words, soft, self.labels))
        return temperature.fit_softmax(np.concatenate(logits), np.concatenate(targets))

    def _run(self, splits: Sequence[Split], means: Means | None = None) -> Floats:
        rows = list_rows(splits)
        batches = self._runner.run(rows) if means is None else means.listen(rows, self._runner.run_both(rows))
        return gather(rows, batches, self._tags)
