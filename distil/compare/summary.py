"""All that compare tells of its candidates, and what to know before one of them is chosen."""

from collections.abc import Iterator, Mapping
from typing import Any

from distil.compare.params import PublishedParams
from distil.compare.prices import BY_HOUR
from distil.compare.rows import DEV, ComparedRows
from distil.compare.scores import CONFIDENCE, find_best, list_alike
from distil.cost.teacher import describe_counter
from distil.quality.judging import Scoring

HEADINGS = ("candidate", "{score}", "macro F1", "to the best", "p", "abstained", "$ per 1m", "published")

Record = dict[str, Any]


def describe_comparison(
    rows: ComparedRows,
    found: Mapping[str, Record],
    published: Mapping[str, PublishedParams | None],
    chosen: str | None,
    scoring: Scoring,
) -> Record:
    """The rows, the best and the `chosen` candidate, which the study's teacher is, notes, and all that was found.

    `published` has what others printed of a candidate; it stands beside the rest, null where there is nothing.
    """
    printed = {name: one and one.model_dump() for name, one in published.items()}
    candidates = {name: one | {"published": printed[name]} for name, one in found.items()}
    return {
        "rows": rows.name,
        "texts": len(rows.table),
        "test_rows": rows.test_rows,
        "rows_without_gold": rows.without_gold,
        "confidence": CONFIDENCE,
        "score": scoring.score_name,
        "best": find_best(found, scoring.score_name),
        "chosen": chosen,
        "notes": list(_list_notes(rows, found, chosen, scoring)),
        "candidates": candidates,
    }


def list_lines(summary: Record) -> list[str]:
    """The candidates as a table for the terminal, the differences between published and found, and the notes."""
    candidates, score = summary["candidates"], summary["score"]
    headings = tuple(heading.format(score=score.replace("_f1", " F1")) for heading in HEADINGS)
    cells = [headings, *(_write_cells(name, one, score) for name, one in candidates.items())]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    if not any(one["published"] for one in candidates.values()):
        widths.pop()
    table = ["  ".join(_align(row, widths)).rstrip() for row in cells]
    reasons = [
        f"{name}: published {one['published']['accuracy']:.3f} {why}"
        for name, one in candidates.items()
        if (why := (one["published"] or {}).get("difference"))
    ]
    return [*table, *reasons, *summary["notes"]]


def _align(row: tuple[str, ...], widths: list[int]) -> Iterator[str]:
    yield row[0].ljust(widths[0])
    for cell, width in zip(row[1:], widths[1:], strict=False):
        yield cell.rjust(width)


def _write_cells(name: str, one: Record, score: str) -> tuple[str, ...]:
    paired, usd = one["vs_best"], one["usd_per_million"]
    return (
        name,
        f"{one[score]:.3f}{_write_bounds(one, score)}",
        f"{one['macro_f1']:.3f}",
        f"{paired['difference']:+.3f}" if paired else "the best",
        f"{paired['p_value']:.2g}" if paired else "",
        f"{sum(one['abstained'].values()):,}",
        "n/a" if usd is None else f"{usd:,.2f}",
        f"{one['published']['accuracy']:.3f}" if one["published"] else "",
    )


def _write_bounds(one: Record, score: str) -> str:
    """Nothing where resampling told nothing."""
    low, high = one[f"{score}_low"], one[f"{score}_high"]
    return "" if low is None else f" [{low:.3f}, {high:.3f}]"


def _list_notes(rows: ComparedRows, found: Mapping[str, Record], chosen: str | None, scoring: Scoring) -> Iterator[str]:
    yield from _note_rows(rows)
    best, alike = find_best(found, scoring.score_name), list_alike(found)
    if len(found) > 1:
        beaten = f"Not shown to be worse than {best}, the best here: {'; '.join(alike)}"
        told = beaten if alike else f"All others are shown to be worse than {best}"
        yield f"{told} ({scoring.form.WORDING.test} at {1 - CONFIDENCE:.2g}, Holm over the candidates)."
    if chosen is None:
        yield "The study's own teacher (section annotate) is none of these candidates."
    else:
        yield f"The study's own teacher (section annotate) is {chosen}{', the best here' if chosen == best else ''}."
    yield from _note_prices(found)
    yield from _note_counted(found)
    yield from (
        f"No answer of {name} names a label: look at its replies."
        for name, one in found.items()
        if not one["status"].get("ok")
    )


def _note_prices(found: Mapping[str, Record]) -> Iterator[str]:
    """Why some dollars are not known: nobody told the tokens, or there is no price for them."""
    unpriced = {name: one for name, one in found.items() if one["usd_per_million"] is None}
    untold = [name for name, one in unpriced.items() if one["input_tokens"] is None and one["server"] != "local"]
    if untold:
        yield f"Without dollars and CO2, since their answers have no token counts: {'; '.join(untold)}."
    hourly = [name for name, one in unpriced.items() if one["price_source"] == BY_HOUR and name not in untold]
    if hourly:
        yield f"Without dollars, since they are paid by the hour (cost.teacher_usd_per_hour): {'; '.join(hourly)}."
    if others := [name for name in unpriced if name not in (*untold, *hourly)]:
        yield (
            f"Without dollars, since no price is known: {'; '.join(others)} (a price by model goes into "
            "cost.teacher_usd_per_million_tokens, or the model into cost.compare_models)."
        )


def _note_counted(found: Mapping[str, Record]) -> Iterator[str]:
    """Which tokens no answer told, of what they were counted and by what."""
    by_way: dict[str, list[str]] = {}
    for name, one in found.items():
        if counted := one.get("counted"):
            by_way.setdefault(f"{one['prompt']} {describe_counter(counted)}", []).append(name)
    for way, names in by_way.items():
        yield f"Tokens that no answer told, counted of the answers and {way}: {'; '.join(names)}."


def _note_rows(rows: ComparedRows) -> Iterator[str]:
    """Whether one may choose by the rows: not by a row of the test set."""
    count = len(rows.table)
    if rows.test_rows:
        share = "All" if rows.test_rows == count else f"{rows.test_rows:,} of"
        yield (
            f"{share} the {count:,} rows compared ({rows.name}) are test rows: nothing may be chosen by this "
            "comparison, or the scores on the test set would flatter what was chosen."
        )
    else:
        where = "outside the test set" if rows.name == DEV else f"({rows.name}), none of them a test row"
        yield f"Compared on {count:,} rows {where}, which people labelled: a prompt or a model may be chosen by them."
    if rows.without_gold:
        yield f"{rows.without_gold:,} of the rows have no label by people and are left out."
