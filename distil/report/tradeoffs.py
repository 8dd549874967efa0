"""The table of trade-offs: teacher, student, labelling by hand and a model that was priced only, in this run's figures.

Its rows and ways are those of the 2024 study: performance, cost, latency, control, investment, carbon. What was not
measured says so; control is told in words, since nobody can measure it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from distil.cost.figures import NOT_KNOWN, format_co2, format_co2_range, format_figure, format_usd
from distil.quality.headline import CASCADE
from distil.report.findings import Study, name_model
from distil.report.results import Result, format_score

NOT_MEASURED = "not measured here"
BY_HAND = "By hand: people label, the same student learns"
FEW_SHOT = "few_shot"  # the one system that learns from people's labels


@dataclass(frozen=True)
class Cell:
    """What a cell says: a figure or a few words, and what they rest on."""

    figure: str
    basis: str = ""


@dataclass(frozen=True)
class TradeOffs:
    """The table: its columns (who), and by row (what) a cell for each column."""

    columns: list[str]
    rows: dict[str, list[Cell]]


def list_tradeoffs(study: Study, results: Mapping[str, Result]) -> TradeOffs:
    """Teacher, served student, people in the teacher's place, and the first of the compared models, if there is one."""
    columns = [
        _describe_teacher(study, results["teacher"]),
        _describe_student(study, results[study.served]),
        _describe_by_hand(study, results.get(FEW_SHOT)),
    ]
    names = [f"Teacher: {name_model(study.annotate['teacher'])}", f"Student, {study.precision}", BY_HAND]
    if CASCADE in results:
        columns.append(_describe_cascade(study, results[CASCADE]))
        names.append("Cascade: the teacher where the student is unsure")
    for model in study.cost["compared_models"][:1]:
        columns.append(_describe_compared(model))
        names.append(f"API: {model['model']} (not run)")
    score = "Performance" if study.has_gold else study.score.title
    whats = [score, "Cost of a million texts", "Latency", "Control", "Investment", "Carbon of a million texts"]
    return TradeOffs(names, {what: list(cells) for what, *cells in zip(whats, *columns, strict=True)})


def _describe_teacher(study: Study, teacher: Result) -> Sequence[Cell]:
    local = study.annotate["server"] == "local"
    return (
        _describe_score(study, teacher) if study.has_gold else Cell("the reference", "labels of people are not known"),
        _describe_price(teacher.usd_per_million, "on the rented hardware below" if local else "by its tokens"),
        _describe_teacher_time(teacher),
        _describe_control(study),
        Cell("a prompt", "and a look at its answers"),
        _describe_carbon(teacher.kg_co2_per_million),
    )


def _describe_teacher_time(teacher: Result) -> Cell:
    if teacher.p50_ms is not None:
        half, most = map(format_figure, (teacher.p50_ms, teacher.p95_ms))
        return Cell(f"{half} ms", f"median while it labelled, several texts at once; 95 of 100 in {most} ms")
    if teacher.texts_per_s:
        return Cell(f"{format_figure(teacher.texts_per_s)} texts/s", "while it labelled; one text was not timed")
    return Cell(NOT_MEASURED)


def _describe_control(study: Study) -> Cell:
    if study.is_recorded:
        return Cell("was asked elsewhere", "its answers are a recording; no text was sent")
    if study.annotate["server"] == "local":
        return Cell("runs here", "its weights are a file; the texts stay")
    return _ELSEWHERE


def _describe_student(study: Study, student: Result) -> Sequence[Cell]:
    single = study.speed["systems"][study.served]["single_stream"]
    most = "" if student.p95_ms is None else f"95 of 100 in {format_figure(student.p95_ms)} ms, "
    once, after = study.cost["one_off"]["total_usd"], study.cost["break_even_texts"]
    paid = "" if after is None else f", paid for after {after:,} texts"
    return (
        _describe_score(study, student),
        Cell(format_usd(student.usd_per_million), f"at {format_figure(student.texts_per_s)} texts/s, rented hardware"),
        Cell(
            f"{format_figure(single['p50_ms'])} ms", f"median; {most}99 of 100 in {format_figure(single['p99_ms'])} ms"
        ),
        Cell(
            "yours", f"a file of {study.export[study.precision]['megabytes']:.0f} MB that runs offline; the texts stay"
        ),
        Cell(
            f"{format_usd(once)} once{paid}" if once is not None else "price not known",
            f"{study.train['rows']:,} labelled texts, {study.train['seconds']:.0f} s of training",
        ),
        _describe_carbon(student.kg_co2_per_million),
    )


def _describe_cascade(study: Study, cascade: Result) -> Sequence[Cell]:
    kept = study.quality[CASCADE]["kept"]["share"]
    return (
        _describe_score(study, cascade),
        _describe_price(cascade.usd_per_million, f"the teacher is asked about {1 - kept:.1%} of the texts"),
        _describe_cascade_time(cascade, kept),
        Cell("yours, and the teacher's", f"{1 - kept:.1%} of the texts go to it"),
        Cell("as the student", "and the teacher stays"),
        _describe_carbon(cascade.kg_co2_per_million),
    )


def _describe_cascade_time(cascade: Result, kept: float) -> Cell:
    if cascade.p50_ms is None:
        return Cell("as the student", f"for {kept:.1%} of the texts; the teacher's time for the others besides")
    half, most = map(format_figure, (cascade.p50_ms, cascade.p95_ms))
    return Cell(
        f"{half} ms", f"median; 95 of 100 in {most} ms. The teacher's time besides for {1 - kept:.1%} of the texts"
    )


def _describe_by_hand(study: Study, few_shot: Result | None) -> Sequence[Cell]:
    """What is known of labelling by hand: the baseline that learns from people's labels, how many there are if any."""
    same = Cell("as the student", "it is the same model")
    known = study.fetch["with_gold"]
    here = f"; {known:,} texts are labelled by people here" if known else ""
    return (
        _describe_few_shot(study, few_shot),
        same,
        same,
        Cell("yours", "and the labels too"),
        Cell("people's time", f"its price is not known{here}"),
        same,
    )


def _describe_few_shot(study: Study, few_shot: Result | None) -> Cell:
    if few_shot is None or few_shot.score is None:
        return Cell(NOT_MEASURED)
    return Cell(
        format_score(few_shot.score), f"{study.score.spoken} of {few_shot.title}, from a few texts a label alone"
    )


def _describe_compared(model: Mapping[str, Any]) -> Sequence[Cell]:
    tokens = [model[f"{kind}_tokens_per_text"] for kind in ("input", "output")]
    sent = "" if None in tokens else f"{tokens[0]:,.0f} tokens in, {tokens[1]:,.0f} out a text; "
    basis = f"{sent}prices of {model['price_date'] or NOT_KNOWN}"
    return (
        Cell(NOT_MEASURED),
        _describe_price(model["usd_per_million"], basis),
        Cell(NOT_MEASURED),
        _ELSEWHERE,
        Cell("a prompt", "and a look at its answers"),
        _describe_carbon(model["kg_co2_per_million"]),
    )


_ELSEWHERE = Cell("behind an endpoint", "texts leave; whoever runs it may change or end it")


def _describe_score(study: Study, result: Result) -> Cell:
    return Cell(format_score(result.score), study.score.spoken) if result.score else Cell(NOT_KNOWN)


def _describe_price(usd: float | None, basis: str) -> Cell:
    return Cell(NOT_KNOWN) if usd is None else Cell(format_usd(usd), basis)


def _describe_carbon(kg: dict[str, float] | None) -> Cell:
    if kg is None:
        return Cell(NOT_KNOWN)
    bounds = format_co2_range(kg).replace("-", " \N{EN DASH} ")
    return Cell(f"{format_co2(kg)} kg", f"estimate, {bounds} kg" if bounds else "estimate")
