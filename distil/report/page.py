"""Make the report's page: one HTML file that needs no script, no network and no other file.

Texts, labels, reasons and names of models are whatever somebody wrote: the templates escape all of them, and the page's
own content policy forbids scripts and requests, should that ever fail.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from distil.cost.figures import format_co2, format_co2_range, format_figure, format_usd
from distil.forms.telling import load_telling
from distil.report.against import describe_against
from distil.report.by_label import MAX_DRAWN, TEACHER, read_labels
from distil.report.candidates import list_candidate_notes, list_candidates
from distil.report.cascade import describe_cascade, find_cascade
from distil.report.charts.canvas import Chart
from distil.report.charts.confusion import MAX_COUNTED_LABELS, MAX_NAMED_LABELS
from distil.report.charts.gallery import MAX_SHARES
from distil.report.charts.of_quality import list_confusions
from distil.report.charts.rows import format_points
from distil.report.disagreements import GIVERS, count_disagreements, list_examples
from distil.report.findings import Study, describe_votes, find_calibration, name_model
from distil.report.footnotes import compare_with_fp32, describe_ratio, list_legends
from distil.report.ladder import list_rungs
from distil.report.more_scores import tabulate_more_scores
from distil.report.next_steps import list_findings, list_steps, write_alarm
from distil.report.recall import describe_recall
from distil.report.results import Result, find_family, format_latency, list_headings
from distil.report.tradeoffs import list_tradeoffs
from distil.report.trust import list_estimates, list_groups, list_signs, list_strata, list_trust_notes, list_unlikely
from distil.report.wording import join_sources, number_sources, write_plain, write_seconds, write_sentence

STYLE = "page.css"
SECTIONS = {
    "results": ("Results", "section_results.html"),
    "trust": ("How far can these labels be trusted", "section_trust.html"),
    "against": ("What changed", "section_against.html"),
    "tradeoffs": ("Trade-offs", "section_tradeoffs.html"),
    "quality": ("Quality", "section_quality.html"),
    "cascade": ("Student and teacher together", "section_cascade.html"),
    "speed": ("Speed", "section_speed.html"),
    "cost": ("Cost and carbon", "section_cost.html"),
    "candidates": ("Candidates for the teacher", "section_candidates.html"),
    "published": ("What the 2024 study published", "section_published.html"),
    "making": ("How the student was made", "section_making.html"),
    "examples": ("Where student and teacher disagree", "section_examples.html"),
}


SAME_FOR_ALL = {  # what the templates take beside a study's own
    "style": STYLE,
    "max_shares": MAX_SHARES,
    "max_counted": MAX_COUNTED_LABELS,
    "max_named": MAX_NAMED_LABELS,
    "max_drawn": MAX_DRAWN,
    "number_sources": number_sources,
}


def render_page(
    study: Study, results: Sequence[Result], compared: Sequence[Result], charts: Mapping[Chart, str], examples: int
) -> str:
    """The page as HTML; `charts` are the SVG elements of the charts, `examples` the number of disagreements to show."""
    by_system = {result.system: result for result in results}
    return (
        _start_environment(load_telling(study.task.kind).package)
        .get_template("report.html")
        .render(
            sections=_choose_sections(study),
            study=study,
            words=study.words,
            score=study.score,
            gold=study.has_gold,
            speed=study.speed,
            machine=study.speed["machine"],
            cost=study.cost,
            given=study.cost["assumptions"],
            interval=study.confidence,
            results=results,
            compared=compared,
            legends=list_legends(study),
            headings=list_headings(study),
            teacher=by_system["teacher"],
            student=by_system[study.served],
            headline=write_headline(study, by_system),
            shortfalls={"findings": list_findings(study), "steps": list_steps(study)},
            rungs=list_rungs(study),
            recall=describe_recall(study),
            tradeoffs=list_tradeoffs(study, by_system),
            same_on_test=compare_with_fp32(study),
            charts={chart.name: Markup(svg) for chart, svg in charts.items()},  # noqa: S704 - matplotlib escapes
            marks={chart.name: chart.marks for chart in charts},
            disagreements=count_disagreements(study),
            against=describe_against(study.against, examples),
            examples=list_examples(study, examples),
            givers=GIVERS,
            **_describe_quality(study, results),
        )
    )


def _describe_quality(study: Study, results: Sequence[Result]) -> dict[str, Any]:
    """What the templates take for the tables of the sections on quality, trust and the cascade."""
    calibrations = {result.title: found for result in results if (found := find_calibration(study, result.system))}
    return {
        "calibrations": calibrations,
        "cascading": describe_cascade(study, {result.system: result for result in results}),
        "confusions": list_confusions(study, study.served),
        "labels_scored": {"teacher": read_labels(study, TEACHER), "student": read_labels(study, study.served)},
        "more_scores": tabulate_more_scores(study, results),
        "estimates": list_estimates(study),
        "trust_notes": list_trust_notes(study),
        "strata": list_strata(study),
        "groups": list_groups(study),
        "signs": list_signs(study),
        "unlikely": list_unlikely(study),
    }


def write_headline(study: Study, results: Mapping[str, Result]) -> list[str]:
    """The outcome in a few sentences: where the student falls short, its score, how much faster and cheaper it is."""
    student, teacher = results[study.served], results["teacher"]
    rows, sentences = _count(study.quality["rows"], "test text"), list(filter(None, [write_alarm(study)]))
    if student.score is not None:
        outcome = study.score.outcome.format(student=f"{student.score.value:.1%}", rows=rows)
        versus = study.score.versus.format(teacher=f"{teacher.score.value:.1%}") if teacher.score else ""
        sentences.append(f"{outcome}{versus}.")
    speed = (
        "labels {} times as many texts a second",
        "is about as fast as its teacher",
        "labels {} times fewer texts a second",
    )
    price = "costs {} times less", "costs about the same", "costs {} times as much"
    clauses = [
        *_compare(student.texts_per_s, teacher.texts_per_s, *speed),
        *_compare(teacher.usd_per_million, student.usd_per_million, *price),
    ]
    if clauses:
        sentences.append(f"It {' and '.join(clauses)}.")
    return sentences


def _choose_sections(study: Study) -> dict[str, tuple[str, str]]:
    """The sections that there is something to tell in."""
    empty = {
        "candidates": not study.compare["candidates"],
        "against": study.against is None,
        "cascade": find_cascade(study) is None,
    }
    sections = {key: section for key, section in SECTIONS.items() if not empty.get(key)}
    if study.against:
        sections["against"] = (f"What changed since {study.against.name}", SECTIONS["against"][1])
    return sections


def _start_environment(package: str) -> Environment:
    """Templates of the report, and those of the task's kind, which are in `package`."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("distil.report"), PackageLoader(package)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= SAME_FOR_ALL
    environment.filters |= {
        "usd": format_usd,
        "co2": format_co2,
        "co2_range": format_co2_range,
        "figure": format_figure,
        "latency": format_latency,
        "plain": write_plain,
        "tokens": lambda number: "n/a" if number is None else write_plain(float(f"{number:.3g}")),
        "seconds": write_seconds,
        "sentence": write_sentence,
        "sources": join_sources,
        "ratio": describe_ratio,
        "family": find_family,
        "model": name_model,
        "votes": describe_votes,
        "count": lambda number: "n/a" if number is None else f"{number:,}",
        "percent": lambda share: "n/a" if share is None else f"{share:.1%}",
        "candidates": list_candidates,
        "candidate_notes": list_candidate_notes,
        "points": lambda difference: format_points(difference, 1),
        "share": lambda share: "n/a" if share is None else f"{share:.3f}",
    }
    return environment


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _compare(value: float | None, by: float | None, more: str, same: str, less: str) -> Iterator[str]:
    """How many times one figure is the other, in two digits, always above 1; nothing where one is unknown."""
    if value and by:
        ratio = max(value, by) / min(value, by)
        times = f"{float(f'{ratio:.2g}'):,.0f}" if ratio >= 9.95 else f"{ratio:.1f}"
        yield same if times == "1.0" else (more if value > by else less).format(times)
