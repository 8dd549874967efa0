"""A diff in words and in JSON: what is better is never told without its interval and whether that may be chance."""

from typing import Any, NamedTuple

import pandas as pd

from distil.core.harmless import printable
from distil.diff.changes import BETTER, PER_SIDE, TEACHER, WORSE, Judged, Shift
from distil.diff.comparing import Diff
from distil.forms.telling import ExampleForm, Piece, load_telling

PARTS = {"test": "test rows", "dev": "dev rows (outside test)"}
MOST_MOVES = 8
SHOWN_CHARACTERS = 200  # of a text or a reason in a terminal
Record = dict[str, Any]


class Verdict(NamedTuple):
    """A difference in words: how much better, between what bounds, and whether that may be chance."""

    points: str  # 1.2 points better [-0.4, 2.8]
    judgement: str
    may_be_chance: bool

    def __str__(self) -> str:
        return f"{self.points}: {self.judgement}" if self.points else self.judgement


def judge_difference(judged: Judged, diff: Diff) -> Verdict:
    """A difference is more than chance only where its whole interval and the paired test both say so."""
    if not judged.changed:
        return Verdict("", "the same label on every row", may_be_chance=True)
    low, high, points = judged.low, judged.high, 100 * judged.difference
    how = f"{abs(points):.1f} points {'better' if points > 0 else 'worse'}" if points else "neither better nor worse"
    interval = "" if low is None or high is None else f" [{100 * low:.1f}, {100 * high:.1f}]"
    crosses = low is None or high is None or low <= 0 <= high
    may_be_chance = crosses or judged.p_value > 1 - diff.scoring.bootstrap.confidence
    judgement = f"this difference {'may be' if may_be_chance else 'is hardly'} chance" if points else "nothing is shown"
    test = f"{diff.scoring.form.WORDING.test}, p {format_p(judged.p_value)}"
    return Verdict(f"{how}{interval}", f"{judgement} ({test})", may_be_chance)


def format_p(p_value: float) -> str:
    """= 0.013, or < 0.0001."""
    return "< 0.0001" if p_value < 0.0001 else f"= {p_value:.2g}"


def describe_shift(shift: Shift, diff: Diff) -> list[str]:
    """What changed of the labels by one, in lines of which those that are indented belong to the one before."""
    share = f" ({len(shift.changed) / shift.compared:.1%})" if shift.compared else ""
    rows = "rows" if shift.who == TEACHER else "test rows"
    lines = [f"{shift.who.capitalize()}: another label on {len(shift.changed):,} of {shift.compared:,} {rows}{share}"]
    spoken = load_telling(diff.after.task.kind).words.by_people.spoken
    for part, judged in shift.judged.items():
        lines += [
            f"  {PARTS[part]}, {judged.rows:,} with people's label: {judged.right_to_wrong:,} {WORSE}, "
            f"{judged.wrong_to_right:,} {BETTER}",
            f"    {spoken} {judged.before:.3f} -> {judged.after:.3f}: {judge_difference(judged, diff)}",
        ]
    if shift.abstained_before or shift.abstained_after:
        lines.append(f"  without a label: {shift.abstained_before:,} -> {shift.abstained_after:,}")
    if shift.moves:
        lines.append(f"  most often: {describe_moves(shift)}")
    return lines


def describe_moves(shift: Shift, arrow: str = "->") -> str:
    """The commonest changes with their counts; of sets and spans those of single labels."""
    told = [f"{old} {arrow} {new} {count:,}" for old, new, count in shift.moves[:MOST_MOVES]]
    return ", ".join(told) + (", ..." if len(shift.moves) > MOST_MOVES else "")


def describe_interval(diff: Diff) -> str:
    """What stands in brackets."""
    return f"In brackets: the {diff.scoring.bootstrap.confidence:.0%} interval of the paired difference, in points."


def describe_row(row: Record, shift: Shift, diff: Diff) -> list[str]:
    """A changed row in lines for a terminal: what the change did, the text, each label with votes and reason."""
    form = load_telling(diff.after.task.kind).examples
    text, given = row["text"], [row["before"], row["after"], row["gold"]]
    start, end = form.choose_excerpt(text, given, SHOWN_CHARACTERS)
    people = "" if row["gold"] is None else f", people: {write_label(text, row['gold'], form)}"
    part = f" ({row['part']})" if row["part"] else ""
    lines = [f"{row['id']} {row['effect']}{part}{people}", f"  {shorten(text, start, end)}"]
    for side, sign in (("before", "-"), ("after", "+")):
        label = write_label(text, row[side], form)
        aside = describe_votes(row, side) if shift.who == TEACHER else ""
        reason = row.get(f"reason_{side}")
        told = f": {shorten(reason, 0, SHOWN_CHARACTERS)}" if reason else ""
        lines.append(f"  {sign} {label}{f' ({aside})' if aside else ''}{told}")
    return lines


def write_label(text: str, label: str | None, form: ExampleForm) -> str:
    """A label in a line: names, or spans as NAME "words"; "no label" of an abstention, "none" where none applies."""
    if label is None:
        return "no label"
    pieces = form.cut_pieces(text, label, None, (0, len(text)))
    return ", ".join(_write_piece(piece) for piece in pieces if piece.label) or "none"


def describe_votes(row: Record, side: str) -> str:
    """How a teacher's label came about: 3 votes, agreement 67%; or why there is none."""
    if row[f"abstained_{side}"]:
        return str(row[f"abstained_{side}"])
    votes, agreement = row[f"votes_{side}"], row[f"agreement_{side}"]
    told = f"{votes} vote{'' if votes == 1 else 's'}"
    return told if agreement is None or (votes == 1 == agreement) else f"{told}, agreement {agreement:.0%}"


def shorten(text: str, start: int, end: int) -> str:
    """A part of a text in one line, with a sign where more of it was left out."""
    part = printable(" ".join(text[start:end].split()))
    return f"{'... ' if start > 0 else ''}{part}{' ...' if end < len(text) else ''}"


def list_rows(shift: Shift, limit: int | None = None) -> list[Record]:
    """The changed rows as records with their id, or the first of them; what is missing is None."""
    rows = shift.changed.reset_index()
    rows = (rows if limit is None else rows.head(limit)).astype(object)
    rows = rows.where(rows.notna(), None)
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]


def tabulate_rows(diff: Diff) -> pd.DataFrame:
    """All changed rows as one table: by whom, id, part, effect, text, gold, before, after, and of a teacher more."""
    columns = ["by", "id", "part", "effect", "text", "gold", "before", "after"]
    columns += [f"{name}_{side}" for name in PER_SIDE for side in ("before", "after")]
    rows = [{"by": shift.who, **row} for shift in diff.shifts for row in list_rows(shift)]
    return pd.DataFrame(rows, columns=columns).astype({"votes_before": "Int64", "votes_after": "Int64"})


def describe_as_json(diff: Diff, limit: int) -> Record:
    """All of it for a program, with the first changed rows."""
    return {
        "before": {"name": diff.before.name, "commit": diff.before.commit},
        "after": {"name": diff.after.name, "commit": diff.after.commit},
        "kind": diff.after.task.kind,
        "score": diff.scoring.score_name,
        "confidence": diff.scoring.bootstrap.confidence,
        "notes": diff.notes,
        **{shift.who: _describe_as_json(shift, diff, limit) for shift in diff.shifts},
    }


def _describe_as_json(shift: Shift, diff: Diff, limit: int) -> Record:
    counts = ("compared", "only_before", "only_after", "abstained_before", "abstained_after")
    return {
        **{name: getattr(shift, name) for name in counts},
        "changed": len(shift.changed),
        "moves": [{"before": old, "after": new, "count": count} for old, new, count in shift.moves],
        **{
            part: vars(judged)
            | {"sentence": str(verdict := judge_difference(judged, diff)), "may_be_chance": verdict.may_be_chance}
            for part, judged in shift.judged.items()
        },
        "rows": list_rows(shift, limit),
    }


def _write_piece(piece: Piece) -> str:
    return piece.text if piece.label == piece.text else f'{piece.label} "{" ".join(piece.text.split())}"'
