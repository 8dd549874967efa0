"""What changed since another revision, for the page and the tables: `report.against` of params.yaml names it.

A branch may move and DVC does not see it: so the page tells the commit that was read.
"""

from textwrap import fill
from typing import Any

from distil.diff.changes import TEACHER, Shift
from distil.diff.comparing import Diff, Uncompared
from distil.diff.wording import describe_moves, describe_votes, judge_difference, list_rows
from distil.forms.telling import load_telling
from distil.report.examples import Giver, lay_out
from distil.report.markdown import escape_markdown

PARTS = {"test": "test texts", "dev": "texts that people labelled outside test"}
Record = dict[str, Any]


def describe_against(diff: Diff | Uncompared | None, limit: int) -> Record | None:
    """What the section of the page takes, with so many changed rows of teacher and student each; or None."""
    if diff is None:
        return None
    if isinstance(diff, Uncompared):
        return {"before": diff, "why": diff.why}
    return {
        "before": diff.before,
        "why": None,
        "notes": diff.notes,
        "confidence": diff.scoring.bootstrap.confidence,
        "scored": [_describe_part(shift, part, diff) for shift in diff.shifts for part in shift.judged],
        "shifts": [_describe_shift(shift, diff, limit) for shift in diff.shifts],
    }


def list_against(diff: Diff | Uncompared | None) -> list[str]:
    """The same in a line each for teacher and student; nothing without a diff."""
    if isinstance(diff, Uncompared):
        return [f"Against {diff.name} nothing is compared: {diff.why}."]
    return [_tell_shift(shift, diff) for shift in diff.shifts] if diff else []


def write_against_as_text(diff: Diff | Uncompared | None, width: int) -> str:
    """These lines as plain text, in lines of so many characters, to stand below the table."""
    return "".join(f"{fill(line, width, break_on_hyphens=False)}\n" for line in list_against(diff))


def write_against_as_markdown(diff: Diff | Uncompared | None) -> str:
    """These lines as a list in Markdown."""
    return "".join(f"- {escape_markdown(line)}\n" for line in list_against(diff))


def _tell_shift(shift: Shift, diff: Diff) -> str:
    changed = f"another label on {len(shift.changed):,} of {shift.compared:,} texts"
    judged = shift.judged.get("test")
    told = f"; on {judged.rows:,} test texts {judge_difference(judged, diff)}" if judged else ""
    return f"Against {diff.before.name}, {shift.who}: {changed}{told}."


def _describe_part(shift: Shift, part: str, diff: Diff) -> Record:
    judged = shift.judged[part]
    return {"who": shift.who, "part": PARTS[part], "judged": judged, "verdict": judge_difference(judged, diff)}


def _describe_shift(shift: Shift, diff: Diff, limit: int) -> Record:
    rows = list_rows(shift, limit)
    form = load_telling(diff.after.task.kind).examples
    examples = []
    for row in rows:
        given = {"people": row["gold"], "before": row["before"], "after": row["after"]}
        example = lay_out(row["text"], given, row["gold"], row.get("reason_after"), form)
        if shift.who == TEACHER:
            example["asides"] = {side: describe_votes(row, side) for side in ("before", "after")}
        examples.append(example)
    return {
        "title": f"{shift.who.capitalize()}: another label on {len(shift.changed):,} of {shift.compared:,} texts",
        "abstained": (shift.abstained_before, shift.abstained_after),
        "moves": describe_moves(shift, "\N{RIGHTWARDS ARROW}"),
        "changed": len(shift.changed),
        "examples": examples,
        "gold": any(row["gold"] is not None for row in rows),
        "givers": [Giver("before", "Then", "then"), Giver("after", "Now", shift.who)],
    }
