"""Fine-tune a small encoder to tag words: examples are windows of texts, and the first piece of a word is learnt."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from distil.core.errors import InputError
from distil.encoders.heads import without_head
from distil.encoders.outputs import Outputs
from distil.kinds.token_classification.learning.reading import Floats, Reading, read_texts, run_words
from distil.student.fine_tuner import FineTuner, Training
from distil.student.out_of_memory import explain_out_of_memory
from distil.student.params import TrainParams
from distil.tagging.words import name_tags

UNREAD = -100.0  # in the targets: a token that is not the first piece of a word which the window decides


class SpanTuner(FineTuner):
    """Trains students on some of the same texts; targets are a list with an array (words, tags) for each text.

    `task_labels` are those of the task; the outputs are tags.
    """

    def __init__(
        self,
        base: Path,
        texts: Sequence[str],
        labels: Sequence[str],
        params: TrainParams,
        device: torch.device,
        report_to: Sequence[str] = (),
    ) -> None:
        """Tokenize the texts for the folder `base`; raises `InputError` as `FineTuner` does."""
        super().__init__(base, texts, Outputs(tuple(name_tags(labels)), per_token=True), params, device, report_to)
        self.task_labels = list(labels)
        self.readings = self.read_words(self.texts)

    def read_words(self, texts: Sequence[str]) -> list[Reading]:
        """Return the words and the windows of texts."""
        return read_texts(self.tokenizer, texts, self.max_length)

    def make_examples(self, places: NDArray[np.intp], targets: Any) -> list[dict[str, Any]]:
        """The windows of the texts at these places, each with a row of targets a token; those without words not."""
        examples = [
            {
                "input_ids": view.ids,
                "labels": _place(targets[place][view.first : view.last], view.places, len(view.ids)),
            }
            for place in places
            for view in self.readings[place].views
            if view.places
        ]
        if not examples:
            raise InputError("train: the base's tokenizer finds no word in the texts; name another train.base")
        return examples

    def make_collator(self) -> Any:
        """What pads the tokens and the targets of a batch to the same length."""

        def collate(examples: list[dict[str, Any]]) -> Any:
            batch = self.tokenizer.pad({"input_ids": [each["input_ids"] for each in examples]}, return_tensors="pt")
            shape = (*batch["input_ids"].shape, len(self.outputs.names))
            labels = torch.full(shape, UNREAD)
            for row, each in enumerate(examples):
                labels[row, : len(each["labels"])] = torch.from_numpy(each["labels"])
            return {**batch, "labels": labels}

        return collate

    def compute_loss(
        self, outputs: Any, targets: torch.Tensor, num_items_in_batch: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Cross-entropy, its mean over the words of the batch, in whatever parts that is computed."""
        learnt = targets[..., 0] != UNREAD
        total = torch.nn.functional.cross_entropy(outputs.logits.float()[learnt], targets[learnt], reduction="sum")
        words: Any = learnt.sum() if num_items_in_batch is None else num_items_in_batch / targets.shape[-1]
        loss: torch.Tensor = total / words
        return loss

    def predict_logits(self, model: Any, readings: Sequence[Reading]) -> list[Floats]:
        """Return a model's logits for the words of each text, of shape (words, tags)."""
        with explain_out_of_memory(self.device, self.save_memory_of_answers):
            return run_words(model, self.tokenizer, readings, self.device, len(self.outputs.names), _read_logits)

    def average(self, answers: Sequence[Any]) -> Any:
        """Return the mean of what several models answered to each word, as targets to learn."""
        return [np.mean(words, axis=0).astype(np.float32) for words in zip(*answers, strict=True)]

    def predict_proba(self, training: Training, texts: Sequence[str]) -> Any:
        """Return a trained model's probabilities for the words of each text, of shape (words, tags)."""
        return [self.share(logits) for logits in self.predict_logits(training.model, self.read_words(texts))]

    def read_features(self, model: Any, readings: Sequence[Reading]) -> list[Floats]:
        """Return what the head of a model reads of the words of each text, of shape (words, numbers).

        Raises `InputError` if memory runs out, or the model answers what is no number.
        """
        with without_head(model) as width, explain_out_of_memory(self.device, self.save_memory_of_answers):
            features = run_words(model, self.tokenizer, readings, self.device, width, _read_logits)
        if broken := sum(not np.isfinite(values).all() for values in features):
            raise InputError(f"train.base answers NaN to {broken:,} of {len(features):,} texts; name another base")
        return features


def _place(targets: NDArray[np.float32], places: Sequence[int], tokens: int) -> NDArray[np.float32]:
    """A row of targets for each token; those at `places` are learnt."""
    rows = np.full((tokens, targets.shape[1]), UNREAD, dtype=np.float32)
    rows[places] = targets
    return rows


def _read_logits(output: Any) -> torch.Tensor:
    logits: torch.Tensor = output.logits
    return logits
