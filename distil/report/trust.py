"""How far labels can be trusted: what people found who read some texts blind, and what labels tell of themselves."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from distil.diff.comparing import Diff
from distil.forms.scores import load_scores
from distil.quality.agreement import name_agreement
from distil.report.findings import Study

WHO = {"teacher": "Teacher", "student": "Student"}
WORDS = {"unsure": "unsure", "skipped": "skipped", "disputed": "on which readers differ"}
OF = {"teacher": "of these texts", "student": "of texts like these"}
GROUPS = {"nothing": "none of the labels", "abstained": "no answer"}
MOST_ROWS = 12  # of a table
DIGITS = 9  # of a difference of shares
MOST_LABELS = 3  # that a stratum is described by
UNLIKELY = 0.05
LEAST_DIFFERENCE = 0.02  # of shares; with many texts a smaller one is no chance either, and nobody expects so exactly


class Estimate(NamedTuple):
    """A row of the table: a system, its share of right labels and F1 as bounds are told, and what would narrow them."""

    who: str
    of: str
    share: Mapping[str, float]
    f1: Mapping[str, float] | None
    worst: Mapping[str, float]
    more_rows: int


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


class Stratum(NamedTuple):
    """A part of the texts that was drawn from by itself, described by the teacher's labels and votes."""

    labels: str
    agreement: float | None
    texts: int
    rows: int
    labelled: int


def list_strata(study: Study) -> list[Stratum]:
    """The strata of the audit that have most texts, the largest first."""
    return [
        Stratum(_describe_labels(one), one["agreement"], one["texts"], one["rows"], one["labelled"])
        for one in study.audit["strata"][:MOST_ROWS]
    ]


def _describe_labels(stratum: Mapping[str, Any]) -> str:
    labels = stratum["labels"]
    more = f" and {len(labels) - MOST_LABELS} more" * (len(labels) > MOST_LABELS)
    without = "abstained" if stratum["abstained"] == stratum["rows"] else "nothing"
    return ", ".join(labels[:MOST_LABELS]) + more or GROUPS[without]


class Group(NamedTuple):
    """The texts that the teacher gave a label, or none: how many, and how far its votes agree on them."""

    label: str
    texts: int
    share: float
    unanimous: float | None
    agreement: float | None


def list_groups(study: Study) -> list[Group]:
    """The groups on which the votes agree least, the least first; those without any votes last."""
    groups = [
        Group(one["label"] or GROUPS[one["group"]], one["texts"], one["share"], one["unanimous"], one["mean_agreement"])
        for one in study.aggregate["by_predicted"]
    ]
    return sorted(groups, key=_sort_by_agreement)[:MOST_ROWS]


def _sort_by_agreement(group: Group) -> tuple[float, float]:
    unanimous, agreement = (2.0 if share is None else share for share in (group.unanimous, group.agreement))
    return unanimous, agreement


def list_signs(study: Study) -> list[str]:
    """What the labels tell of themselves beside the votes' agreement, in sentences."""
    return [*_tell_balance(study.aggregate), *_tell_drift(study), _tell_health(study.train)]


def list_unlikely(study: Study) -> list[str]:
    """The labels of which the teacher gave clearly more or fewer than are expected, and than chance would."""
    among = _name_answered(study.aggregate)
    return [
        f"The label {one['label']} is on {_write_share(one)} {among}, and {one['expected']:.1%} were expected; "
        f"that is not by chance (p = {one['p_value']:.2g}). Either these texts are others than those that were "
        f"thought of, or the teacher gives it too {'often' if one['share'] > one['expected'] else 'seldom'}"
        for one in study.aggregate["shares"]
        if _is_unlikely(one)
    ]


def _is_unlikely(one: Mapping[str, Any]) -> bool:
    difference = round(abs(one["share"] - one["expected"]), DIGITS)
    return bool(one["p_value"] < UNLIKELY and difference >= LEAST_DIFFERENCE)


def _name_answered(aggregate: Mapping[str, Any]) -> str:
    """What shares are of that are compared, with how many texts are left out."""
    without = sum(one["texts"] for one in aggregate["by_predicted"] if one["group"] == "abstained")
    return "of the texts that the teacher gave an answer" + (f" ({without:,} got none)" if without else "")


def _write_share(one: Mapping[str, Any]) -> str:
    return f"{one['share']:.1%} [{one['low']:.1%}, {one['high']:.1%}]"


def _tell_balance(aggregate: Mapping[str, Any]) -> Iterator[str]:
    shares: Sequence[Mapping[str, Any]] = aggregate["shares"]
    likely = [
        f"{one['label']} {_write_share(one)}, expected {one['expected']:.1%}" for one in shares if not _is_unlikely(one)
    ]
    if likely:
        points = f"{100 * LEAST_DIFFERENCE:.0f} points"
        yield (
            f"Within chance of what is expected, or within {points}, are these shares {_name_answered(aggregate)}: "
            f"{'; '.join(likely)}"
        )
    if not shares:
        yield "How many texts a label should have is not known here; aggregate.label_shares in params.yaml can say it"


def _tell_drift(study: Study) -> Iterator[str]:
    """How many labels another prompt or teacher changes, as far as somebody asked it about the same texts."""
    measure = name_agreement(load_scores(study.task.kind))
    told = []
    if isinstance(study.against, Diff) and study.against.teacher.compared:
        shift = study.against.teacher
        told.append((f"since {study.against.name}", len(shift.changed), shift.compared, shift.agreement))
    for name, one in study.compare["candidates"].items():
        if drift := one["drift"]:
            told.append((f"with the candidate {name}", drift["changed"], drift["rows"], drift["agreement"]))
    for what, changed, texts, agreement in told:
        beyond = "" if agreement is None else f" ({measure} {agreement:.3f})"
        yield f"Other labels {what}: {changed / texts:.1%} of {texts:,} texts{beyond}"
    if not told:
        yield (
            "Whether another prompt or teacher would give other labels is not known here: report.against sets the "
            "labels beside those of an earlier revision, and compare has candidates label the same texts"
        )


def _tell_health(train: Mapping[str, Any]) -> str:
    health = train["label_health"]
    if health is None:
        return (
            "Nobody looked for labels that held-out predictions contradict: train does where a text gets one label, "
            "unless train.suspects is none, and nowhere where it gets several, or spans"
        )
    return (
        f"Held-out predictions take {health:.1%} of the training labels for right (cleanlab's overall label health), "
        f"and suspect {train['suspects']:,}"
    )
