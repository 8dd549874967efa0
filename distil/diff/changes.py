"""The rows whose label differs between two sides, and what that did where people labelled them.

Rows are joined on id. The teacher's label is the one before people's corrections. A row is of the part `test` if it is
a test row on both sides, of `dev` if people labelled it and it is a test row on neither; the student is compared on the
former alone. Right is the very same label as people's, of the newer side; an abstention is wrong.
"""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from distil.diff.sides import Side
from distil.forms.answering import Answers
from distil.quality.agreement import measure_agreement
from distil.quality.judging import Scoring
from distil.quality.scores import is_right

TEACHER, STUDENT = "teacher", "student"
TEST, DEV = "test", "dev"
BETTER, WORSE, OTHER, UNKNOWN = "wrong to right", "right to wrong", "wrong to wrong", "not known"
EFFECTS = (WORSE, BETTER, OTHER, UNKNOWN)  # in this order rows are listed
PER_SIDE = (
    "votes",
    "agreement",
    "reason",
    "abstained",
)  # what is told of a teacher's label, NAME_before and NAME_after


@dataclass(frozen=True)
class Judged:
    """Rows that people labelled: on how many the change did what, and THE score of the kind before and after.

    `difference` is after less before, on the same rows, with its bounds (None where resampling tells nothing) and the
    p-value of the kind's paired test.
    """

    rows: int
    changed: int
    right_to_wrong: int
    wrong_to_right: int
    before: float
    after: float
    difference: float
    low: float | None
    high: float | None
    p_value: float


@dataclass(frozen=True)
class Shift:
    """How the labels by one (`who`) differ on the rows that both sides have.

    `changed` has the rows whose label differs, by id: text, gold, part, effect, before, after, and of a teacher
    `PER_SIDE` of each side. `moves` counts what became of what, decision by decision, the commonest first. `agreement`
    is kappa or F1 (`distil.quality.agreement`) of the rows to which both gave a label.
    """

    who: str
    compared: int
    only_before: int
    only_after: int
    abstained_before: int
    abstained_after: int
    changed: pd.DataFrame
    moves: list[tuple[str, str, int]]
    agreement: float | None
    judged: dict[str, Judged]  # by part, of those that have rows


def find_teacher_shift(before: Side, after: Side, scoring: Scoring) -> Shift:
    """Set the teacher's labels of all rows beside each other."""
    old, new = map(_tell_of_teacher, (before, after))
    shift = _find_shift(TEACHER, old, new, before, after, scoring)
    consents = {
        f"agreement_{side}": [soft if soft is None else scoring.form.measure_consent(soft) for soft in _list(softs)]
        for side in ("before", "after")
        for softs in [shift.changed[f"soft_{side}"]]
    }
    return replace(shift, changed=shift.changed.assign(**consents).drop(columns=["soft_before", "soft_after"]))


def find_student_shift(before: Side, after: Side, scoring: Scoring) -> Shift | None:
    """Set the served students' labels of the shared test rows beside each other; None where a side has no student."""
    if before.student is None or after.student is None:
        return None
    old, new = (student.labels.rename("label").to_frame() for student in (before.student, after.student))
    return _find_shift(STUDENT, old, new, before, after, scoring)


def _tell_of_teacher(side: Side) -> pd.DataFrame:
    """By id the label, and what is told of it; people's corrections replaced the shares of the votes."""
    told = side.decided[["teacher_label", "votes", "reason", "abstained", "soft"]]
    told = told.rename(columns={"teacher_label": "label"})
    return told.assign(soft=told["soft"].mask(side.decided["source"] != "teacher"))


def _find_shift(who: str, old: pd.DataFrame, new: pd.DataFrame, before: Side, after: Side, scoring: Scoring) -> Shift:
    rows = old.join(new, how="inner", lsuffix="_before", rsuffix="_after")
    rows = rows.rename(columns={"label_before": "before", "label_after": "after"})
    rows = rows.join(after.texts[["text", "gold"]], how="inner")
    in_both, in_one = before.test.intersection(after.test), before.test.union(after.test)
    if who == STUDENT:
        rows = rows[rows.index.isin(in_both)]
    rows["part"] = None
    rows.loc[rows["gold"].notna() & ~rows.index.isin(in_one), "part"] = DEV
    rows.loc[rows.index.isin(in_both), "part"] = TEST
    rows["effect"] = _name_effects(rows)
    differs = (rows["before"] != rows["after"]) & (rows["before"].notna() | rows["after"].notna())
    changed = rows[differs]
    order = changed["effect"].map({effect: place for place, effect in enumerate(EFFECTS)})
    told = rows[rows["before"].notna() & rows["after"].notna()]
    parts = {part: rows[(rows["part"] == part) & rows["gold"].notna()] for part in (TEST, DEV)}
    return Shift(
        who=who,
        compared=len(rows),
        only_before=len(old.index.difference(new.index)),
        only_after=len(new.index.difference(old.index)),
        abstained_before=int(rows["before"].isna().sum()),
        abstained_after=int(rows["after"].isna().sum()),
        changed=changed.assign(order=order).sort_values(["order", "id"]).drop(columns="order"),
        moves=_count_moves(changed, scoring),
        agreement=measure_agreement(told["before"].to_list(), told["after"].to_list(), scoring.form, scoring.labels),
        judged={part: _judge(those, differs, scoring) for part, those in parts.items() if len(those)},
    )


def _name_effects(rows: pd.DataFrame) -> list[str]:
    """What a change of label did, or would have done, in each row."""
    gold = _list(rows["gold"])
    was, is_now = is_right(gold, _list(rows["before"])), is_right(gold, _list(rows["after"]))
    named = {(True, False): WORSE, (False, True): BETTER}
    return [
        UNKNOWN if known is None else named.get((bool(old), bool(new)), OTHER)
        for known, old, new in zip(gold, was, is_now, strict=True)
    ]


def _judge(rows: pd.DataFrame, differs: pd.Series, scoring: Scoring) -> Judged:
    gold = rows["gold"].to_list()
    old, new = (Answers(_list(rows[side]), [None] * len(rows)) for side in ("before", "after"))
    effects = rows["effect"][differs.reindex(rows.index)].value_counts()
    paired = scoring.compare(gold, new, old, "before")
    low, high = (
        None if bound is None else float(bound) for bound in (paired["difference_low"], paired["difference_high"])
    )
    return Judged(
        rows=len(rows),
        changed=int(effects.sum()),
        right_to_wrong=int(effects.get(WORSE, 0)),
        wrong_to_right=int(effects.get(BETTER, 0)),
        before=scoring.reckon(gold, old),
        after=scoring.reckon(gold, new),
        difference=float(paired["difference"]),
        low=low,
        high=high,
        p_value=float(paired["p_value"]),
    )


def _count_moves(changed: pd.DataFrame, scoring: Scoring) -> list[tuple[str, str, int]]:
    """What became of what, where both sides gave a label: of decisions that are the same on both sides nothing."""
    told = changed[changed["before"].notna() & changed["after"].notna()]
    answers = Answers(told["after"].to_list(), [None] * len(told))
    pairs = Counter(scoring.form.pair_decisions(told["before"].to_list(), answers))
    counted = [(str(old), str(new), count) for (old, new), count in pairs.items() if old != new]
    return sorted(counted, key=lambda move: (-move[2], move[0], move[1]))


def _list(values: pd.Series) -> list[Any]:
    return [None if missing else value for value, missing in zip(values, values.isna(), strict=True)]
