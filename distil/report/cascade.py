"""What the page and the card tell of the cascade: the student where it is sure enough, else the teacher."""

from collections.abc import Mapping
from typing import Any

from distil.cost.figures import format_usd
from distil.quality.headline import CASCADE
from distil.report.findings import Study
from distil.report.results import Result, format_score

TARGETS = {
    "accuracy": "people's label on at least {} of the texts",
    "agreement": "the teacher's label on at least {} of the texts",
    "usd_per_million": "at most {} for the teacher of a million texts",
}
REACHED = {"accuracy": "people's labels", "agreement": "the teacher's labels", "usd_per_million": ""}


def find_cascade(study: Study) -> Mapping[str, Any] | None:
    """What evaluate tells of the cascade; None where none was asked for."""
    found: Mapping[str, Any] | None = study.quality.get(CASCADE)
    return found


def describe_cascade(study: Study, results: Mapping[str, Result]) -> dict[str, Any] | None:
    """The target in words, and student, cascade and teacher side by side; None where no cascade was asked for."""
    cascade = find_cascade(study)
    if cascade is None:
        return None
    ((name, value),) = cascade["target"].items()
    told = format_usd(value) if name == "usd_per_million" else f"{100 * value:.4g}%"
    described: dict[str, Any] = {"target": TARGETS[name].format(told), "reached": REACHED[name], "rows": []}
    described["is_timed"] = CASCADE in results and results[CASCADE].p50_ms is not None
    if cascade["threshold"] is not None:
        asked = {study.served: 0.0, CASCADE: 1 - cascade["kept"]["share"], "teacher": 1.0}
        described["rows"] = [_describe_row(results[system], cascade, share) for system, share in asked.items()]
    return described


def write_card_line(study: Study) -> str | None:
    """The threshold in a sentence for the model card; None where no cascade was asked for."""
    cascade = find_cascade(study)
    if cascade is None:
        return None
    target = " ".join(f"{name} {value:g}" for name, value in cascade["target"].items())
    certified = f"{target} at a risk of {cascade['risk']:g} on {cascade['calibration_rows']:,} calibration rows"
    if cascade["threshold"] is None:
        return f"Cascade with the teacher: no threshold is certified for {certified}"
    return (
        f"Cascade with the teacher: texts from a sureness of {cascade['threshold']:.6g} on are the model's own, "
        f"certified for {certified}; that is {cascade['kept']['share']:.1%} of the test texts"
    )


def _describe_row(result: Result, cascade: Mapping[str, Any], asks: float) -> dict[str, Any]:
    return {
        "title": result.title,
        "score": format_score(result.score),
        "right": cascade["right"].get(result.system),
        "asks": asks,
        "usd": result.usd_per_million,
        "kg": result.kg_co2_per_million,
        "p50_ms": result.p50_ms,
        "p95_ms": result.p95_ms,
    }
