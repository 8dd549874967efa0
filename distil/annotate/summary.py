"""What is told of the annotations: their counts, which the same answers always give, and how fast the answers came."""

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from distil.annotate.rows import TOKEN_COUNTS, RowMaker
from distil.assets.packages import file_sha256
from distil.prompting.params import AnnotateParams
from distil.store.answer_store import Store, Stored

PERCENTILES = (*range(5, 100, 5), 99)  # of the time that a text takes


class AnsweringTime:
    """Wall time in which answers came: of each run, from the first one sent to the last one received.

    Of one that answers `one_by_one` it is the time of the answers themselves, which does not depend on what else those
    runs asked for. Answers that no run asked for count among the answers, and are left out of the time and of `timed`.
    A text takes the time of the slowest of the answers that are asked for at once; a further vote, for which the ones
    before it have to be there, adds its own.
    """

    def __init__(self, *, one_by_one: bool = False) -> None:
        self._busy_s: float | None = 0.0 if one_by_one else None
        self.answers = 0
        self.timed = 0
        self.retries = 0
        self._spans: dict[str, tuple[float, float]] = {}
        self._of_text: dict[tuple[str, int], float | None] = {}  # the slowest by teacher and wave; None: not all timed
        self._texts = array("d")

    def add(self, stored: Stored | None, *, recorded: bool = False, wave: tuple[str, int] = ("", 0)) -> None:
        """Count an answer in; None is a request without one. One of a recording took no time.

        `wave` says whose answer it is, and after how many others that it waited for.
        """
        if stored is None:
            self._of_text[wave] = None
            return
        self.answers += 1
        self.retries += stored.retries
        if recorded or stored.run is None or stored.sent_at is None or stored.received_at is None:
            self._of_text[wave] = None
            return
        self.timed += 1
        seconds = stored.received_at - stored.sent_at
        slowest = self._of_text.get(wave, seconds)
        self._of_text[wave] = None if slowest is None else max(slowest, seconds)
        if self._busy_s is not None:
            self._busy_s += seconds
        first, last = self._spans.get(stored.run, (stored.sent_at, stored.received_at))
        self._spans[stored.run] = (min(first, stored.sent_at), max(last, stored.received_at))

    def end_text(self) -> None:
        """Take what was added since the last text for the answers to one; it is timed if all of them were."""
        by_teacher: dict[str, float] = {}
        for (teacher, _), seconds in self._of_text.items():
            by_teacher[teacher] = by_teacher.get(teacher, 0.0) + (math.nan if seconds is None else seconds)
        if by_teacher and not math.isnan(sum(by_teacher.values())):
            self._texts.append(max(by_teacher.values()))
        self._of_text.clear()

    def tell_texts(self) -> dict[str, float]:
        """Within how many seconds so many of 100 texts were answered, `p5` to `p99`; nothing where none was timed."""
        if not self._texts:
            return {}
        found = np.percentile(self._texts, PERCENTILES).tolist()
        return {f"p{percent}": seconds for percent, seconds in zip(PERCENTILES, found, strict=True)}

    @property
    def seconds(self) -> float:
        """The runs' spans, summed; or the answers' times."""
        if self._busy_s is not None:
            return self._busy_s
        return sum(last - first for first, last in self._spans.values())

    def count_up_s(self, store: Store) -> float | None:
        """Seconds in which an endpoint was up for these runs, its start included; None where none was resumed."""
        known = store.get_up_s(list(self._spans))
        spans = ((run, last - first) for run, (first, last) in self._spans.items())
        return sum(max(known.get(run, 0.0), span) for run, span in spans) if known else None


def count_statuses(makers: Mapping[str, RowMaker]) -> str:
    """The statuses of all teachers in words, the commonest first."""
    statuses = _add_counts(maker.statuses for maker in makers.values())
    return ", ".join(f"{count:,} {status}" for status, count in statuses.most_common())


def summarise(params: AnnotateParams, makers: Mapping[str, RowMaker], texts: int) -> dict[str, Any]:
    """The counts of the annotations: the same answers give the same figures."""
    by_teacher = {name: maker.summary() for name, maker in makers.items()}
    statuses = _add_counts(maker.statuses for maker in makers.values())
    named = _add_counts(maker.named for maker in makers.values())
    unplaced = sum(maker.unplaced for maker in makers.values())
    votes = params.votes
    return {
        "teacher": params.name,
        "server": _name_server(params),
        "method": params.method,
        **({"ask": params.ask} if params.ask == "each" else {}),
        "protocol": params.protocol,
        "prompt": params.prompt,
        "prompt_sha256": file_sha256(Path(params.prompt)),  # by which report knows it again
        "texts": texts,
        "votes": votes.min if votes.fixed else votes.model_dump(),
        "requests": sum(one["requests"] for one in by_teacher.values()),
        "status": dict(sorted(statuses.items())),
        "labels": {label: named[label] for label in next(iter(makers.values())).labels},
        **({"unplaced": unplaced} if unplaced else {}),
        "answers": sum(one["answers"] for one in by_teacher.values()),
        **{name: _add_known(one[name] for one in by_teacher.values()) for name in TOKEN_COUNTS},
        "told": {name: sum(one["told"][name] for one in by_teacher.values()) for name in TOKEN_COUNTS},
        **({"by_teacher": by_teacher} if len(by_teacher) > 1 else makers[params.name].counted),
    }


def _name_server(params: AnnotateParams) -> str:
    """Where the answers come from: local, endpoint, recorded, or mixed."""
    servers = {"recorded" if alone.recording else alone.server for alone in params.each_teacher()}
    return servers.pop() if len(servers) == 1 else "mixed"


def measure_run(time: AnsweringTime, texts: int, up_s: float | None = None) -> dict[str, Any]:
    """How fast the answers came, whichever runs brought them; a recording has no speed, nor has an import.

    `up_s` is told where an endpoint was resumed for them.
    """
    seconds = time.seconds or None
    rate = time.timed / seconds if seconds else None
    return {
        "answers": time.answers,
        "seconds": seconds,
        "answers_per_s": rate,
        "texts_per_s": rate and rate * texts / time.answers,
        "retries": time.retries,
        **({} if up_s is None else {"up_s": up_s}),
    }


def _add_counts(counts: Iterable[Counter[str]]) -> Counter[str]:
    """The counts of several teachers together."""
    return sum(counts, Counter[str]())


def _add_known(numbers: Iterable[int | None]) -> int | None:
    """The sum of those that are known; None if none is."""
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None
