"""The student behind the routes: what it is, and the one place where texts get their answers."""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from distil.classifiers.onnx_runner import read_json
from distil.classifiers.opening import OnnxStudent
from distil.encoders.token_limit import find_token_limit
from distil.serve.answers import Said
from distil.serve.batching import Batcher
from distil.serve.faults import FaultError, invalid, malformed
from distil.serve.limits import Limits
from distil.serve.metrics import Metrics

HALF_CHARACTER = re.compile("[\ud800-\udfff]")
AnsweredBy = Literal["student"]


class Labelled(NamedTuple):
    """What is said of each text, and by whom."""

    said: list[Said]
    by: AnsweredBy


class Service:
    """An opened student with its queue; `name` is what clients may call it."""

    def __init__(self, student: OnnxStudent, folder: Path, file: str, limits: Limits, name: str) -> None:
        """Serve what `open_onnx` opened of a folder and file."""
        self.student, self.limits, self.name = student, limits, name
        self.metrics = Metrics()
        self.batcher = Batcher(student, limits.most_waiting, self.metrics)
        config = read_json(folder / "config.json")
        self._reads = find_token_limit(config, read_json(folder / "tokenizer_config.json"))
        self._file = file

    async def label(self, texts: Sequence[str], raw: bool = False, cut: bool = True) -> Labelled:
        """Return what is said of the texts; `cut` takes those that are longer than the student reads.

        Every reply comes from here, so that texts of which the student is unsure may be asked elsewhere before it is
        given; who answered is told in the header of each reply. Raises `FaultError`.
        """
        self._check(texts)
        said = await self.batcher.ask(texts, raw)
        for one in said:
            if not cut and one.given > one.tokens:
                raise invalid(
                    f"Input validation error: `inputs` must have less than {one.tokens} tokens. Given: {one.given}"
                )
            if not all(map(math.isfinite, one.scores)):
                raise FaultError(424, "Backend", "score is NaN")
        self.metrics.texts.labels("student").inc(len(said))
        return Labelled(said, "student")

    def describe(self) -> dict[str, Any]:
        """What `/info` tells, under the names of text-embeddings-inference, and below them what only a student has."""
        labels = self.student.labels
        numbers = {"id2label": dict(enumerate(labels)), "label2id": {label: str(n) for n, label in enumerate(labels)}}
        told = {
            "model_id": self.name,
            "model_sha": None,
            "model_dtype": "int8" if "quantized" in self._file else "float32",
            "model_type": {"classifier": numbers},
            "max_concurrent_requests": self.limits.most_waiting,
            "max_input_length": self._reads,
            "max_client_batch_size": self.limits.most_texts,
            "auto_truncate": True,
            "kind": self.student.kind,
            "labels": list(labels),
            "max_input_characters": self.limits.most_characters,
        }
        thresholds = getattr(self.student, "thresholds", None)  # which a student of several labels has
        if thresholds is not None:
            told["thresholds"] = dict(zip(labels, thresholds.tolist(), strict=True))
        return told

    def _check(self, texts: Sequence[str]) -> None:
        if len(texts) > self.limits.most_texts:
            raise invalid(f"batch size {len(texts)} > maximum allowed batch size {self.limits.most_texts}")
        for text in texts:
            if not text:
                raise invalid("Input validation error: `inputs` cannot be empty")
            if HALF_CHARACTER.search(text):
                raise malformed("`inputs` has half a character (a lone surrogate), which is no text")
            if len(text) > self.limits.most_characters:
                raise invalid(
                    f"Input validation error: `inputs` must have at most {self.limits.most_characters:,} characters"
                )
