"""The student behind the routes: what it is, and the one place where texts get their answers."""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from distil.classifiers.onnx_runner import read_json
from distil.classifiers.opening import OnnxStudent
from distil.encoders.token_limit import find_token_limit
from distil.serve.answers import Said, take_label
from distil.serve.batching import Batcher
from distil.serve.faults import FaultError, invalid, malformed
from distil.serve.limits import Limits
from distil.serve.metrics import Metrics
from distil.serve.passing import PassingOn, Teacher, WhyNot

HALF_CHARACTER = re.compile("[\ud800-\udfff]")
AnsweredBy = Literal["student", "teacher"]


class Labelled(NamedTuple):
    """What is said of a text, by whom, and whether the student is unsure; and why the teacher did not answer then."""

    said: Said
    by: AnsweredBy = "student"
    unsure: bool = False
    why_not: WhyNot | None = None


class Service:
    """An opened student with its queue; `name` is what clients may call it."""

    def __init__(
        self,
        student: OnnxStudent,
        folder: Path,
        file: str,
        limits: Limits,
        name: str,
        unsure_below: float | None = None,
        teacher: Teacher | None = None,
        threads: int = 1,
    ) -> None:
        """Serve what `open_onnx` opened of a folder and file.

        Texts of less sureness than `unsure_below` are told as unsure, and go to the teacher if there is one. Null: what
        the folder says of its file, if it says anything. `threads` compute at once.
        """
        self.student, self.limits, self.name = student, limits, name
        self.metrics = Metrics()
        self.batcher = Batcher(student, limits.most_waiting, self.metrics, threads)
        self.passing = PassingOn(teacher, limits.teacher_timeout_s, self.metrics) if teacher else None
        certified = student.selective.threshold if student.selective.file in (None, file) else None
        self.unsure_below = certified if unsure_below is None else unsure_below
        config = read_json(folder / "config.json")
        self._reads = find_token_limit(config, read_json(folder / "tokenizer_config.json"))
        self._file = file

    async def label(self, texts: Sequence[str], raw: bool = False, cut: bool = True) -> list[Labelled]:
        """Return what is said of each text; `cut` takes those that are longer than the student reads.

        Every reply comes from here, and texts of which the student is unsure are asked elsewhere before it is given.
        Raises `FaultError`, but not for what becomes of the teacher.
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
        labelled = [Labelled(one, unsure=self._is_unsure(one)) for one in said]
        if unsure := [place for place, one in enumerate(labelled) if one.unsure]:
            self.metrics.unsure.inc(len(unsure))
            await self._pass_on(texts, labelled, unsure)
        by_teacher = sum(one.by == "teacher" for one in labelled)
        self.metrics.texts.labels("student").inc(len(said) - by_teacher)
        if by_teacher:
            self.metrics.texts.labels("teacher").inc(by_teacher)
        return labelled

    async def _pass_on(self, texts: Sequence[str], labelled: list[Labelled], unsure: Sequence[int]) -> None:
        """Put the teacher's answers in the place of those of which the student is unsure."""
        if self.passing is None:
            return
        given = await self.passing.ask([texts[place] for place in unsure])
        for place, (label, why_not) in zip(unsure, given, strict=True):
            one = labelled[place]
            if label is None:
                labelled[place] = one._replace(why_not=why_not)
            else:
                labelled[place] = Labelled(take_label(self.student, one.said, texts[place], label), "teacher", True)

    def _is_unsure(self, said: Said) -> bool:
        return None not in (self.unsure_below, said.sureness) and said.sureness < self.unsure_below  # type: ignore[operator]

    def finish(self) -> bool:
        """Ask the teacher nothing more; whether all that may be paid for has come, and is kept."""
        if self.passing is None:
            return True
        self.passing.teacher.stop()
        return not self.passing.teacher.under_way

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
            "unsure_below": self.unsure_below,
            "unsure_to": "teacher" if self.passing else None,
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
