"""Measure how fast systems label texts, in scenarios named after MLPerf Inference (Reddi et al. 2020, ISCA).

- single_stream: one text, and the next when the answer is there. Latency.
- offline: many texts in one call, in batches of the system's choice. Throughput.
- offline_encoded: the same calls less their tokenization.
- batches: as many texts at once as told, and the next when the answers are there. Throughput.

A system takes texts and returns when it has labelled them, so tokenization (but in offline_encoded) and moving data to
a GPU and back count. `distil/speed/queueing.py` has MLPerf's scenario server, `distil/speed/summary.py` sums up.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice, repeat
from typing import Any

WARM_UP_TEXTS = 64
LEAST_OFFLINE_TEXTS = 128  # in one call, however slow the system: more than a batch

Label = Callable[[list[str]], object]


@dataclass(frozen=True)
class System:
    """Something that labels texts: `label` returns when it is done, having made batches of its own choice.

    `label_together` takes the texts as one batch of the caller's; `encode` and `label_encoded` are the two halves of
    `label`. Null: not measured.
    """

    name: str
    label: Label
    batch_size: int | None = None  # of its own choice, where that is a number of texts
    label_together: Label | None = None
    encode: Callable[[list[str]], Any] | None = None
    label_encoded: Callable[[Any], object] | None = None


@dataclass(frozen=True)
class Timing:
    """One measurement, in seconds from start (or from arrival, if it arrived) to answer."""

    system: str
    scenario: str
    round: int
    texts: int
    seconds: float
    setting: float | None = None
    arrived_s: float | None = None
    waited_s: float | None = None


@dataclass(frozen=True)
class WarmUp:
    """Some answers of a system that has warmed up, and how many texts a second it then labelled in one call."""

    answers: object
    texts_per_s: float


def warm_up(system: System, texts: Sequence[str], seconds: float) -> WarmUp:
    """Let the system allocate, compile and fill its caches at the shapes that it will meet."""
    some = list(texts[:WARM_UP_TEXTS])
    answers = system.label(some)
    for _ in measure_single_stream(system, texts, seconds, 0):
        pass
    start = time.perf_counter()
    system.label(some)
    return WarmUp(answers, len(some) / (time.perf_counter() - start))


def draw_call(library: Sequence[str], texts: int, texts_per_s: float, most_s: float) -> list[str]:
    """The texts of one offline call: `texts` of them, or as many as the system labels in `most_s` at that rate.

    They are those of `library` in their order, which come round again where there are fewer.
    """
    return list(islice(cycle(library), min(texts, max(LEAST_OFFLINE_TEXTS, int(texts_per_s * most_s)))))


def measure_single_stream(system: System, texts: Sequence[str], seconds: float, number: int) -> Iterator[Timing]:
    """Label one text after the other until `seconds` have passed, once at least."""
    inputs = ([text] for text in _go_round(texts, number))
    note = partial(Timing, system.name, "single_stream", number, 1)
    return _repeat(system.label, inputs, note, seconds)


def measure_offline(system: System, texts: Sequence[str], seconds: float, number: int) -> Iterator[Timing]:
    """Label all the texts in one call, again and again until `seconds` have passed, once at least.

    Of a system that has the two halves of `label` a call is one after the other, and yields a second timing,
    offline_encoded: that of the second half.
    """
    encode, label_encoded = system.encode or list, system.label_encoded or system.label
    begun = done = time.perf_counter()
    while done == begun or done - begun < seconds:
        start = time.perf_counter()
        encoded = encode(list(texts))
        between = time.perf_counter()
        label_encoded(encoded)
        done = time.perf_counter()
        yield Timing(system.name, "offline", number, len(texts), done - start)
        if system.encode:
            yield Timing(system.name, "offline_encoded", number, len(texts), done - between)


def measure_batches(system: System, texts: Sequence[str], size: int, seconds: float, number: int) -> Iterator[Timing]:
    """Label `size` texts at a time until `seconds` have passed, once at least; only with a `label_together`.

    Where there are fewer texts than that, a batch holds some of them twice.
    """
    if system.label_together is None:
        raise ValueError(f"{system.name} takes no batches of a given size")
    endless = _go_round(texts, number)
    inputs = (list(islice(endless, size)) for _ in repeat(size))
    note = partial(Timing, system.name, "batches", number, size, setting=float(size))
    return _repeat(system.label_together, inputs, note, seconds)


def _go_round(texts: Sequence[str], number: int) -> Iterator[str]:
    """The texts, again and again; round `number` starts further on, so that slow systems too see all of them."""
    return islice(cycle(texts), number * len(texts) // 7, None)


def _repeat(
    call: Callable[[Any], object], inputs: Iterable[Any], note: Callable[[float], Timing], seconds: float
) -> Iterator[Timing]:
    """Time the call on one input after the other until `seconds` have passed, once at least."""
    begun = time.perf_counter()
    for given in inputs:
        start = time.perf_counter()
        call(given)
        done = time.perf_counter()
        yield note(done - start)
        if done - begun >= seconds:
            return
