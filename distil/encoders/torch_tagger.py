"""Taggers run by torch through transformers: the reference for the exported ones, whose methods they have."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from distil.core.params import Kind
from distil.encoders.torch_model import BATCH_TOKENS, Floats, Runner, open_student, read_logits
from distil.tagging.splitting import (
    Place,
    Row,
    Split,
    Splitter,
    check_numbers,
    gather,
    list_rows,
    place_spans,
    read_spans,
)
from distil.tagging.words import Entity, count_in_utf16, read_labels


class TorchTagger:
    """A fine-tuned tagger; `labels` are those that spans have."""

    kind: Kind = "token_classification"

    def __init__(self, folder: Path, device: str = "auto", batch_tokens: int = BATCH_TOKENS) -> None:
        """Load a folder; raises `InputError` if it holds no tagger, or if there is no such device."""
        self._runner, outputs = open_student(folder, self.kind, device, batch_tokens)
        self.labels = read_labels(folder / "config.json", outputs.names)
        self._splitter = make_splitter(self._runner)

    def predict(self, texts: Sequence[str], utf16: bool = False) -> list[list[Entity]]:
        """Return the spans of each text, in their order, their places in code points or UTF-16 units."""
        found = self.predict_encoded(self.encode(texts))
        return list(map(count_in_utf16, texts, found)) if utf16 else found

    def predict_logits(self, texts: Sequence[str]) -> Floats:
        """Return the logits of the words of all texts, one text after the other, of shape (words, tags)."""
        return self.predict_with_logits(texts)[0]

    def predict_with_logits(self, texts: Sequence[str]) -> tuple[Floats, list[list[Place]]]:
        """Return the logits, as `predict_logits` does, and the start, end and label of each span that they say."""
        splits = self.encode(texts)
        logits = run_words(self._runner, splits)
        return logits, place_spans(read_spans(splits, logits, self.labels))

    def make_inputs(self, texts: Sequence[str]) -> dict[str, Any]:
        """Return what the model takes of texts, by name, a list of numbers for each row of tokens that it reads.

        Rows that are alike, as the windows of a long text that repeats itself, come once.
        """
        rows = {tuple(row.ids): row for row in list_rows(self.encode(texts))}
        return list_inputs(self._runner, list(rows.values()))

    def encode(self, texts: Sequence[str]) -> list[Split]:
        """Return the texts as tokens and words, for `predict_encoded`: to time the model without its tokenizer."""
        return self._splitter.split(texts)

    def predict_encoded(self, splits: Sequence[Split]) -> list[list[Entity]]:
        """Return the spans in what `encode` returned, places in code points."""
        logits = check_numbers(run_words(self._runner, splits), "the student in torch")
        return read_spans(splits, logits, self.labels)


def make_splitter(runner: Runner) -> Splitter:
    """What makes rows for a model of its texts, as long as its tokenizer says that they may be."""
    return Splitter(runner.tokenizer.backend_tokenizer, runner.max_length, runner.tokenizer.unk_token_id)


def run_words(runner: Runner, splits: Sequence[Split]) -> Floats:
    """Return the logits of the words of all texts, one text after the other, of shape (words, tags)."""
    rows = list_rows(splits)
    return gather(rows, runner.run_batches(list_inputs(runner, rows), read_logits), runner.model.config.num_labels)


def list_inputs(runner: Runner, rows: Sequence[Row]) -> dict[str, Any]:
    """Return rows as what the model takes, by name."""
    values = {
        "input_ids": [row.ids for row in rows],
        "token_type_ids": [row.type_ids for row in rows],
        "attention_mask": [[1] * len(row) for row in rows],
    }
    return {name: values[name] for name in runner.tokenizer.model_input_names if name in values}
