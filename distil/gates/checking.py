"""Hold what a study measured against its gates: for each a line with the figure, the limit and the file.

A gate on a figure that is not there, or is damaged, is one that does not hold: nobody has shown that it would.
"""

import math
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


def check_all(gates: GateParams, files: MetricFiles) -> Iterator[Found]:
    """Check each gate that is set, in the order of the section."""
    for gate, limit in gates.list_set().items():
        read, stage = FIGURES[gate]
        file: Path = getattr(files, stage)
        try:
            figure = read(file)
        except (InputError, TypeError, AttributeError, LookupError, ValueError, ArithmeticError) as error:
            why = error if isinstance(error, InputError) else f"{file} is damaged; 'dvc repro' writes it anew"
            yield Found(gate, holds=False, told=f"the figure is not known: {why}")
            continue
        value = float(f"{figure.value:.{SIGNIFICANT_DIGITS}g}")  # as metric files have them, or 2.58 might miss 2.58
        is_least = gate.startswith("min_")
        holds = value >= limit if is_least else value <= limit
        asked = f"at {'least' if is_least else 'most'} {limit:g}"
        yield Found(gate, holds, f"{figure.told}, asked is {asked} ({file})")


def _read_score(file: Path) -> _Figure:
    quality = _read_quality(file)
    score = _read_number(quality["systems"][quality["served"]], quality["score"], file)
    return _Figure(score, f"{quality['score']} of {quality['served']} is {score:.6g}")


def _read_points_below(file: Path) -> _Figure:
    """How far below its teacher the student may be: at the lower end of the interval of the paired difference."""
    quality = _read_quality(file)
    paired = quality["systems"][quality["served"]]["vs_teacher"]
    if paired["difference_low"] is None:
        raise InputError(
            f"{file} has no interval of the difference between student and teacher, which every sample of the test "
            "rows tells alike (as few rows do); have more rows labelled by people"
        )
    least = _read_number(paired, "difference_low", file)
    how = f"may be {_tell_points(-least)} below" if least < 0 else f"is at least {_tell_points(least)} above"
    told = f"{quality['served']} {how} its teacher (the lower end of the {quality['confidence']:.0%} interval)"
    return _Figure(-100 * least, told)


def _read_points_above(file: Path) -> _Figure:
    quality = _read_quality(file)
    systems, name = quality["systems"], quality["score"]
    if not any(map(is_baseline, systems)):
        raise InputError(f"{file} has no baseline; 'dvc repro' writes it anew")
    best = find_best_baseline(quality)
    above = _read_number(systems[quality["served"]], name, file) - _read_number(systems[best], name, file)
    return _Figure(100 * above, f"{quality['served']} is {_tell_points(above)} above {best}, the best baseline")


def _read_abstained(file: Path) -> _Figure:
    details = read_details(file)
    abstained, texts = sum(details["abstained"].values()), details["texts"]
    share = abstained / texts if texts else 0.0
    return _Figure(share, f"{abstained:,} of {texts:,} texts have no label, a share of {share:.6g}")


def _read_usd(file: Path) -> _Figure:
    cost = read_details(file)
    usd = _read_number(cost["systems"][cost["served"]], "usd_per_million", file)
    return _Figure(usd, f"a million texts cost ${usd:.6g} with {cost['served']}")


def _read_times(file: Path) -> _Figure:
    times = _read_number(read_metrics(file), "times_pipeline", file)
    return _Figure(times, f"the student labels {times:.6g} times the texts a second of the pipeline")


FIGURES: dict[str, tuple[Callable[[Path], _Figure], str]] = {  # and the field of `MetricFiles` that each is read from
    "min_student_score": (_read_score, "quality"),
    "max_points_below_teacher": (_read_points_below, "quality"),
    "min_points_above_baseline": (_read_points_above, "quality"),
    "max_abstained_share": (_read_abstained, "aggregate"),
    "max_usd_per_million": (_read_usd, "cost"),
    "min_times_pipeline": (_read_times, "speed"),
}


def _read_quality(file: Path) -> Metrics:
    """The details of evaluate; raises `InputError` if its scores are not by people's labels."""
    quality = read_details(file)
    if quality["reference"] != "gold":
        raise InputError(f"{file} has no score by people's labels, of which no test row has any")
    return quality


def _read_number(figures: Metrics, key: str, file: Path) -> float:
    """A figure that a gate is about; raises `InputError` if it is not known."""
    value = figures[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"{file} has {key} = {value!r}, which is no number")
    return float(value)


def _tell_points(share: float) -> str:
    return f"{100 * share:.6g} points"
