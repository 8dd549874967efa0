"""How far the labels can be trusted: what people found who read some of the texts blind, in words and figures."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from distil.report.findings import Study

WHO = {"teacher": "Teacher", "student": "Student"}
WORDS = {"unsure": "unsure", "skipped": "skipped", "disputed": "on which readers differ"}
OF = {"teacher": "of these texts", "student": "of texts like these"}


class Estimate(NamedTuple):
    """A row of the table: a system, its share of right labels and F1 as bounds are told, and what would narrow them."""

    who: str
    of: str
    share: Mapping[str, float]
    f1: Mapping[str, float] | None
    worst: Mapping[str, float]
    more_rows: int


def has_trust(study: Study) -> bool:
    """Whether there is anything to tell: rows that were read, or that there are no people's labels at all."""
    return bool(study.audit["labelled"]) or not study.has_gold


def list_estimates(study: Study) -> list[Estimate]:
    """The estimates; none where nothing was read."""
    score = study.audit["score"]
    return [
        Estimate(
            WHO[name],
            OF[name],
            {"value": found[score], "low": found["low"], "high": found["high"]},
            found.get("micro_f1"),
            found["if_unanswered_wrong"],
            found["more_rows_to_halve"],
        )
        for name, found in study.audit["systems"].items()
    ]


def list_trust_notes(study: Study) -> list[str]:
    """What is to be known of the estimates, in sentences."""
    return list(_note(study.audit)) if study.audit["labelled"] else []


def _note(audit: Mapping[str, Any]) -> Iterator[str]:
    unanswered = [f"{audit[name]:,} {word}" for name, word in WORDS.items() if audit[name]]
    if unanswered:
        yield (
            f"Rows that were looked at and got no label do not count: {', '.join(unanswered)}. A column says what the "
            "share would be if all of them were wrong."
        )
    powered = [WHO[name] for name, found in audit["systems"].items() if found["method"] == "prediction-powered"]
    second = audit["second_opinion"]
    if powered and second:
        yield (
            f"{' and '.join(powered)}: corrected by {second['rows']:,} test texts that nobody labelled, of which "
            f"student and teacher agree on {second['agreed'] / second['rows']:.1%} (prediction-powered inference)."
        )
    if audit["gone"]:
        yield f"{audit['gone']:,} rows were read of texts that are not in the data any more, and do not count."
