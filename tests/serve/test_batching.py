"""Batches of what waits: whose answer is whose, what a failure harms, and when there is no room."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distil.classifiers.onnx_classifier import OnnxClassifier
from distil.serve.answers import Said
from distil.serve.batching import Batcher
from distil.serve.faults import FaultError
from distil.serve.limits import Limits
from distil.serve.metrics import Metrics
from distil.serve.service import Service

INT8 = "onnx/model_quantized.onnx"
BROKEN, NAN = "broken", "nan"


class Fragile(OnnxClassifier):
    """Fails at a text, gives no number for another, waits until it may go on, and remembers its batches."""

    def __init__(self, folder: Path) -> None:
        """Load it."""
        super().__init__(folder, INT8)
        self.batches: list[list[str]] = []
        self.may_go_on = threading.Event()

    def encode(self, texts: Sequence[str]) -> Any:
        """Tokenize, unless a text is broken."""
        self.may_go_on.wait(10)
        self.batches.append(list(texts))
        if BROKEN in texts:
            raise ValueError(f"a message with a text: {texts}")
        return super().encode(texts)

    def judge_encoded(self, encodings: Any) -> Any:
        """Probabilities, of which those of one text are none, and sureness."""
        shares, sureness = super().judge_encoded(encodings)
        shares[[text == NAN for text in self.batches[-1]]] = np.nan
        return shares, sureness


def with_batcher(student: Fragile, most: int, use: Callable[[Batcher], Awaitable[None]]) -> None:
    async def main() -> None:
        batcher = Batcher(student, most, Metrics())
        running = asyncio.create_task(batcher.run())
        try:
            await use(batcher)
        finally:
            student.may_go_on.set()
            running.cancel()
            batcher.close()

    asyncio.run(main())


def test_what_waits_is_computed_together_and_each_gets_its_own(model: Path) -> None:
    student = Fragile(model)
    texts = [[f"good {number}", f"bad {number}"] for number in range(8)]

    async def use(batcher: Batcher) -> None:
        asked = [asyncio.create_task(batcher.ask(some, raw=number == 5)) for number, some in enumerate(texts)]
        await asyncio.sleep(0.05)
        student.may_go_on.set()
        answers = await asyncio.gather(*asked)
        for number, (some, said) in enumerate(zip(texts, answers, strict=True)):
            expected = student.predict_logits(some) if number == 5 else student.predict_proba(some)
            assert [one.scores for one in said] == pytest.approx(expected, abs=0.05)

    with_batcher(student, 100, use)
    assert max(map(len, student.batches)) > 2, "and not one request after the other"


def test_a_text_that_the_student_fails_at_harms_no_other(model: Path) -> None:
    student = Fragile(model)

    async def use(batcher: Batcher) -> None:
        asked = [asyncio.create_task(batcher.ask([text])) for text in ("first", "good", BROKEN, "fine")]
        student.may_go_on.set()
        answers = await asyncio.gather(*asked, return_exceptions=True)
        fault = answers[2]
        assert isinstance(fault, FaultError) and (fault.status, fault.kind) == (424, "Backend")
        assert BROKEN not in fault.message
        assert all(isinstance(answer, list) and isinstance(answer[0], Said) for answer in answers[:2] + answers[3:])
        assert await batcher.ask(["good"]), "and it goes on"

    with_batcher(student, 100, use)


def test_where_too_much_waits_the_next_is_refused_at_once(model: Path) -> None:
    student = Fragile(model)

    async def use(batcher: Batcher) -> None:
        asked = asyncio.create_task(batcher.ask(["a", "b"]))
        await asyncio.sleep(0.01)
        for texts in (["c", "d"], ["a long text " * 100]):
            with pytest.raises(FaultError) as caught:
                await batcher.ask(texts)
            assert caught.value.status == 429 and int(caught.value.headers["Retry-After"]) >= 1
        fits = asyncio.create_task(batcher.ask(["c"]))
        await asyncio.sleep(0.01)
        student.may_go_on.set()
        assert [len(await it) for it in (asked, fits)] == [2, 1]

    with_batcher(student, 3, use)


def test_a_request_that_is_larger_than_the_queue_is_taken_where_nothing_waits(model: Path) -> None:
    student = Fragile(model)
    student.may_go_on.set()

    async def use(batcher: Batcher) -> None:
        assert len(await batcher.ask(["a"] * 9)) == 9

    with_batcher(student, 3, use)


def test_a_score_that_is_no_number_is_a_fault_of_the_model(model: Path) -> None:
    student = Fragile(model)
    student.may_go_on.set()

    async def main() -> None:
        service = Service(student, model, INT8, Limits(), "toy")
        running = asyncio.create_task(service.batcher.run())
        with pytest.raises(FaultError) as caught:
            await service.label([NAN])
        assert (caught.value.status, caught.value.message) == (424, "score is NaN")
        running.cancel()
        service.batcher.close()

    asyncio.run(main())
