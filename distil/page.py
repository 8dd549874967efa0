"""Make the report's page: one HTML file that needs no script, no network and no other file.

Texts, labels, reasons and names of models are whatever somebody wrote: the template escapes all of them, and the page's
own content policy forbids scripts and requests, should that ever fail.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from distil.gallery import MAX_SHARES
from distil.results import Result, format_co2, format_co2_range, format_figure, format_usd, list_headings
from distil.study import Study, describe_votes, name_model

SHOWN_CHARACTERS = 500  # of a text or reason among the examples


def render_page(study: Study, results: Sequence[Result], charts: Mapping[str, str], examples: int) -> str:
    """The page as HTML; `charts` are SVG elements by name, `examples` the number of disagreements to show."""
    environment = Environment(
        loader=PackageLoader("distil"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "usd": format_usd,
        "co2": format_co2,
        "co2_range": format_co2_range,
        "figure": format_figure,
        "model": name_model,
        "votes": describe_votes,
        "count": lambda number: "n/a" if number is None else f"{number:,}",
        "percent": lambda share: "n/a" if share is None else f"{share:.1%}",
    }
    by_system = {result.system: result for result in results}
    return environment.get_template("report.html").render(
        study=study,
        results=results,
        headings=list_headings(study),
        teacher=by_system["teacher"],
        student=by_system["student_int8"],
        headline=write_headline(study, by_system),
        charts={name: Markup(svg) for name, svg in charts.items()},  # noqa: S704 - matplotlib escapes what it draws
        max_shares=MAX_SHARES,
        disagreements=count_disagreements(study),
        examples=list_examples(study, examples),
    )


def write_headline(study: Study, results: Mapping[str, Result]) -> list[str]:
    """The outcome in one or two sentences: what the student scores, then how much faster and cheaper it is."""
    student, teacher = results["student_int8"], results["teacher"]
    rows, sentences = f"{study.quality['rows']:,} test texts", []
    if student.score is not None and study.has_gold:
        versus = f", its teacher on {teacher.score.value:.1%}" if teacher.score else ""
        sentences.append(f"The student is right on {student.score.value:.1%} of {rows}{versus}.")
    elif student.score is not None:
        sentences.append(f"The student agrees with its teacher on {student.score.value:.1%} of {rows}.")
    faster = _divide(student.texts_per_s, teacher.texts_per_s)
    cheaper = _divide(teacher.usd_per_million, student.usd_per_million)
    clauses = [f"labels {faster} times as many texts a second" if faster else ""]
    clauses.append(f"costs {cheaper} times less" if cheaper else "")
    if any(clauses):
        sentences.append(f"It {' and '.join(filter(None, clauses))}.")
    return sentences


def find_disagreements(study: Study) -> pd.DataFrame:
    """The test rows on which teacher and int8 student give different labels, those the student is surest of first.

    Columns: id, text, gold, teacher, student, reason, confidence. Rows on which the teacher abstained are left out.
    """
    student = study.predictions[study.predictions["system"] == "student_int8"]
    student = student.rename(columns={"label": "student"}).drop(columns="system")
    teacher = study.labels[["id", "teacher_label", "reason"]].rename(columns={"teacher_label": "teacher"})
    rows = study.test.merge(student, on="id").merge(teacher, on="id")
    rows = rows[rows["teacher"].notna() & (rows["teacher"] != rows["student"])].copy()
    rows["confidence"] = [_find_maximum(shares) for shares in rows["probabilities"]]
    return rows.drop(columns="probabilities").sort_values(["confidence", "id"], ascending=[False, True])


def count_disagreements(study: Study) -> int:
    """On how many test rows teacher and int8 student give different labels."""
    return len(find_disagreements(study))


def list_examples(study: Study, limit: int) -> list[dict[str, Any]]:
    """The first of the disagreements, long texts cut, missing values as None."""
    rows = find_disagreements(study).head(limit)
    rows = rows.astype(object).where(rows.notna(), None)
    examples = [dict(zip(rows.columns, row, strict=True)) for row in rows.itertuples(index=False)]
    return [example | {key: _cut(example[key]) for key in ("text", "reason")} for example in examples]


def _cut(text: str | None) -> str | None:
    if text is None or len(text) <= SHOWN_CHARACTERS:
        return text
    return text[:SHOWN_CHARACTERS].rstrip() + " …"


def _find_maximum(shares: Any) -> float:
    return float(np.max(shares)) if shares is not None and len(shares) else 0.0


def _divide(value: float | None, by: float | None) -> str | None:
    """A ratio for a sentence: 130, or 7.3; None where one of the two is unknown."""
    if not value or not by:
        return None
    ratio = value / by
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.1f}"
