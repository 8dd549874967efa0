"""Taggers run by torch through transformers: the reference for the exported ones, whose methods they have."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from distil.encoders.outputs import read_labels
from distil.encoders.torch_model import BATCH_TOKENS, Floats, Runner, open_student, read_logits
from distil.tagging.splitting import Split, Splitter, read_spans, spread
from distil.tagging.words import Entity, count_in_utf16


class TorchTagger:
    """A fine-tuned tagger; `labels` are those that spans have."""

    def __init__(self, folder: Path, device: str = "auto", batch_tokens: int = BATCH_TOKENS) -> None:
        """Load a folder; raises `InputError` if it holds no tagger, or if there is no such device."""
        self._runner, outputs = open_student(folder, "Tagger", device, batch_tokens)
        self.labels = read_labels(folder / "config.json", outputs)
        self._splitter = make_splitter(self._runner)

    def predict(self, texts: Sequence[str], utf16: bool = False) -> list[list[Entity]]:
        """Return the spans of each text, in their order, their places in code points or UTF-16 units."""
        found = self.predict_encoded(self.encode(texts))
        return list(map(count_in_utf16, texts, found)) if utf16 else found

    def predict_logits(self, texts: Sequence[str]) -> list[Floats]:
        """Return the logits of each text's words, of shape (words, tags)."""
        return run_words(self._runner, self.encode(texts))

    def encode(self, texts: Sequence[str]) -> list[Split]:
        """Return the texts as tokens and words, for `predict_encoded`: to time the model without its tokenizer."""
        return self._splitter.split(texts)

    def predict_encoded(self, splits: Sequence[Split]) -> list[list[Entity]]:
        """Return the spans in what `encode` returned, places in code points."""
        logits = run_words(self._runner, splits)
        return [read_spans(split, rows, self.labels) for split, rows in zip(splits, logits, strict=True)]


def make_splitter(runner: Runner) -> Splitter:
    """What makes rows for a model of its texts, as long as its tokenizer says that they may be."""
    return Splitter(runner.tokenizer.backend_tokenizer, runner.max_length, runner.tokenizer.unk_token_id)


def run_words(runner: Runner, splits: Sequence[Split]) -> list[Floats]:
    """Return the logits of each text's words, of shape (words, tags)."""
    rows = [row for split in splits for row in split.rows]
    values: dict[str, Any] = {
        "input_ids": [row.ids for row in rows],
        "token_type_ids": [row.type_ids for row in rows],
        "attention_mask": [[1] * len(row) for row in rows],
    }
    taken = {name: values[name] for name in runner.tokenizer.model_input_names if name in values}
    return spread(splits, runner.run_batches(taken, read_logits) if rows else [])
