"""How long a text takes with the student, with the teacher, and with the cascade of both.

The student was timed one text at a time, the teacher while it labelled, several texts at once. Of the cascade a text
that is kept takes the student's time, and another one the teacher's as well: a mixture, in which each time of the one
is joined to each of the other, since they were measured apart.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from distil.quality.headline import CASCADE
from distil.report.findings import Study

SHARES = np.arange(1, 100) / 100  # at which both are known
Floats = NDArray[np.float64]


class Latency(NamedTuple):
    """Within how many ms half of the texts are answered, and 95 of 100; None where that is not known, or not told."""

    p50_ms: float | None = None
    p95_ms: float | None = None


def find_latency(study: Study, system: str) -> Latency:
    """A system's latency; where there is no cascade to compare with, the median alone, and of no teacher."""
    is_cascaded = CASCADE in study.quality["systems"]
    if system in ("teacher", CASCADE):
        teacher = read_teacher(study) if is_cascaded else None
        if teacher is None:
            return Latency()
        return (
            _summarise(teacher)
            if system == "teacher"
            else _mix(study, teacher, study.quality[CASCADE]["kept"]["share"])
        )
    name = "pipeline" if system == "student" else system
    measured: Mapping[str, float] = study.speed["systems"].get(name, {}).get("single_stream", {})
    return Latency(measured.get("p50_ms"), measured.get("p95_ms") if is_cascaded else None)


def read_teacher(study: Study) -> Floats | None:
    """Quantiles, in ms, of the time that a text took the teacher, at `SHARES`; None where its answers have no times."""
    told: Mapping[str, float] | None = study.annotate["run"].get("text_seconds")
    if told is None:
        return None
    percents = [float(name.removeprefix("p")) for name in told]
    return np.interp(100 * SHARES, percents, [1000 * seconds for seconds in told.values()])


def _mix(study: Study, teacher: Floats, kept: float) -> Latency:
    student = study.latencies.loc[study.latencies["system"] == study.served, "ms"].to_numpy(dtype=np.float64)
    if not len(student):
        return Latency()
    both = np.add.outer(student, teacher).ravel()
    weights = [np.full(len(times), share / len(times)) for times, share in ((student, kept), (both, 1 - kept))]
    return _summarise(np.concatenate([student, both]), np.concatenate(weights))


def _summarise(times: Floats, weights: Floats | None = None) -> Latency:
    p50, p95 = np.quantile(times, [0.5, 0.95], weights=weights, method="inverted_cdf").tolist()
    return Latency(p50, p95)
