"""Hold what a study measured against its gates: for each a line with the figure, the limit and the file.

A gate on a figure that is not there is one that does not hold: nobody has shown that it would.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from distil.core.errors import InputError
from distil.core.metrics import SIGNIFICANT_DIGITS, read_details, read_metrics
from distil.gates.params import GateParams
from distil.quality.headline import find_best_baseline, is_baseline

Metrics = dict[str, Any]


class MetricFiles(NamedTuple):
    """Where the stages evaluate, aggregate, cost and benchmark tell their figures."""

    quality: Path
    aggregate: Path
    cost: Path
    speed: Path


class Found(NamedTuple):
    """Whether a gate holds, and why, in a line."""

    gate: str
    holds: bool
    told: str


class _Figure(NamedTuple):
    value: float
    told: str  # with the figure, to stand before the limit
    file: Path


def check_all(gates: GateParams, files: MetricFiles) -> Iterator[Found]:
    """Check each gate that is set, in the order of the section."""
    for gate, limit in gates.list_set().items():
        try:
            figure = FIGURES[gate](files)
        except InputError as error:
            yield Found(gate, holds=False, told=f"the figure is not known: {error}")
            continue
        value = float(f"{figure.value:.{SIGNIFICANT_DIGITS}g}")  # as metric files have them, or 2.58 might miss 2.58
        is_least = gate.startswith("min_")
        holds = value >= limit if is_least else value <= limit
        asked = f"at {'least' if is_least else 'most'} {limit:g}"
        yield Found(gate, holds, f"{figure.told}, asked is {asked} ({figure.file})")


def _read_score(files: MetricFiles) -> _Figure:
    quality = _read_quality(files)
    score = _read_number(quality["systems"][quality["served"]], quality["score"], files.quality)
    return _Figure(score, f"{quality['score']} of {quality['served']} is {score:.6g}", files.quality)


def _read_points_below(files: MetricFiles) -> _Figure:
    """How far below its teacher the student may be: at the lower end of the interval of the paired difference."""
    quality = _read_quality(files)
    paired = quality["systems"][quality["served"]]["vs_teacher"]
    key = "difference" if paired["difference_low"] is None else "difference_low"  # None: every sample gives the same
    least = _read_number(paired, key, files.quality)
    how = f"may be {_tell_points(-least)} below" if least < 0 else f"is at least {_tell_points(least)} above"
    told = f"{quality['served']} {how} its teacher"
    return _Figure(-100 * least, f"{told} (the lower end of the {quality['confidence']:.0%} interval)", files.quality)


def _read_points_above(files: MetricFiles) -> _Figure:
    quality = _read_quality(files)
    systems, name = quality["systems"], quality["score"]
    if not any(map(is_baseline, systems)):
        raise InputError(f"{files.quality} has no baseline; 'dvc repro' writes it anew")
    best = find_best_baseline(quality)
    above = _read_number(systems[quality["served"]], name, files.quality) - systems[best][name]
    return _Figure(
        100 * above, f"{quality['served']} is {_tell_points(above)} above {best}, the best baseline", files.quality
    )


def _read_abstained(files: MetricFiles) -> _Figure:
    details = read_details(files.aggregate)
    abstained, texts = sum(details["abstained"].values()), details["texts"]
    share = abstained / texts if texts else 0.0
    return _Figure(share, f"{abstained:,} of {texts:,} texts have no label, a share of {share:.6g}", files.aggregate)


def _read_usd(files: MetricFiles) -> _Figure:
    cost = read_details(files.cost)
    usd = _read_number(cost["systems"][cost["served"]], "usd_per_million", files.cost)
    return _Figure(usd, f"a million texts cost ${usd:.6g} with {cost['served']}", files.cost)


def _read_times(files: MetricFiles) -> _Figure:
    times = _read_number(read_metrics(files.speed), "times_pipeline", files.speed)
    return _Figure(times, f"the student labels {times:.6g} times the texts a second of the pipeline", files.speed)


FIGURES: dict[str, Callable[[MetricFiles], _Figure]] = {
    "min_student_score": _read_score,
    "max_points_below_teacher": _read_points_below,
    "min_points_above_baseline": _read_points_above,
    "max_abstained_share": _read_abstained,
    "max_usd_per_million": _read_usd,
    "min_times_pipeline": _read_times,
}


def _read_quality(files: MetricFiles) -> Metrics:
    """The details of evaluate; raises `InputError` if its scores are not by people's labels."""
    quality = read_details(files.quality)
    if quality["reference"] != "gold":
        raise InputError(f"{files.quality} has no score by people's labels, of which no test row has any")
    return quality


def _read_number(figures: Metrics, key: str, file: Path) -> float:
    """A figure that a gate is about; raises `InputError` if it is not known."""
    value = figures[key]
    if not isinstance(value, int | float):
        raise InputError(f"{file} has {key} = {value!r}, which is no number")
    return float(value)


def _tell_points(share: float) -> str:
    return f"{100 * share:.6g} points"
