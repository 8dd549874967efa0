"""Set two sides of a study beside each other: what changed, and what one has to know of the two before believing it."""

from collections.abc import Iterator
from dataclasses import dataclass

from distil.core.errors import InputError
from distil.core.served import PRECISIONS
from distil.diff.changes import Shift, find_student_shift, find_teacher_shift
from distil.diff.sides import Side
from distil.quality.bootstrap import Bootstrap
from distil.quality.judging import Scoring, load_judging

SAMPLES, SEED, CONFIDENCE = 2000, 0, 0.95  # as evaluate has it unless told otherwise
FEW_ROWS = 30  # fewer make an interval that is still too narrow


class UnlikeSidesError(InputError):
    """The labels of the one side are none of the other."""


@dataclass(frozen=True)
class Uncompared:
    """A revision that cannot be set beside this study, by its name and commit, and why."""

    name: str
    commit: str
    why: str


@dataclass(frozen=True)
class Diff:
    """What differs from `before` to `after`, how it was judged, and a sentence for each thing to know."""

    before: Side
    after: Side
    scoring: Scoring
    teacher: Shift
    student: Shift | None
    notes: list[str]

    @property
    def name(self) -> str:
        """The older side's."""
        return self.before.name

    @property
    def shifts(self) -> list[Shift]:
        """The teacher's, and the student's if both sides have one."""
        return [self.teacher] if self.student is None else [self.teacher, self.student]


def compare_sides(before: Side, after: Side) -> Diff:
    """Compare two sides; intervals have the confidence of the newer one's.

    Raises `UnlikeSidesError` if the two are of another kind of task, or know other labels or in another order.
    """
    _check_alike(before, after)
    student = after.student or before.student
    bootstrap = Bootstrap(SAMPLES, student.confidence if student else CONFIDENCE, SEED)
    scoring = Scoring(load_judging(after.task.kind), after.task.labels, 1, bootstrap)
    teacher = find_teacher_shift(before, after, scoring)
    shift = find_student_shift(before, after, scoring)
    notes = [*_note_rows(teacher, before, after), *_note_student(before, after), *_note_gold(teacher, before, after)]
    return Diff(before, after, scoring, teacher, shift, notes + list(_note_corrections(before, after)))


def _check_alike(before: Side, after: Side) -> None:
    for key in ("kind", "labels"):
        old, new = (getattr(side.task, key) for side in (before, after))
        if old == new:
            continue
        if key == "labels" and sorted(old) == sorted(new):
            raise UnlikeSidesError(
                f"task.labels has another order in {before.name} ({old!r}) than in {after.name} ({new!r}), and tables "
                "are written by that order, so nothing can be compared; go back to it, or name a revision with the same"
            )
        raise UnlikeSidesError(
            f"task.{key} is {old!r} in {before.name} and {new!r} in {after.name}: labels of the one are not those of "
            "the other, so nothing can be compared; name a revision with the same"
        )


def _note_rows(teacher: Shift, before: Side, after: Side) -> Iterator[str]:
    for count, side in ((teacher.only_before, before), (teacher.only_after, after)):
        if count:
            yield f"Texts that only {side.name} has are left out: {count:,}."
    gone, new = before.test.difference(after.test), after.test.difference(before.test)
    if len(gone) or len(new):
        yield (
            f"The test sets differ, {before.name} alone has {len(gone):,} of the test rows, {after.name} alone "
            f"{len(new):,}: scores are compared on the {len(before.test.intersection(after.test)):,} of both."
        )


def _note_student(before: Side, after: Side) -> Iterator[str]:
    for side in (before, after):
        if side.student is None:
            yield f"evaluate has not run in {side.name}, so the students are not compared."
    if before.student and after.student and before.student.system != after.student.system:
        old, new = (PRECISIONS.get(side.student.system) for side in (before, after) if side.student)
        yield f"The student's file that is served is {old} in {before.name}, {new} in {after.name}."


def _note_gold(teacher: Shift, before: Side, after: Side) -> Iterator[str]:
    if not teacher.judged:
        yield "People labelled none of the rows: this tells what changed, not whether it got better."
    elif (fewest := min(part.rows for part in teacher.judged.values())) < FEW_ROWS:
        yield f"Few rows are scored ({fewest:,}): intervals are wide, and resampling still makes them too narrow."
    gold = before.texts[["gold"]].join(after.texts["gold"], how="inner", rsuffix="_after")
    old, new = gold["gold"].fillna(""), gold["gold_after"].fillna("")
    if differing := int((old != new).sum()):
        yield f"Texts with another label by people: {differing:,}; all scores are by that of {after.name}."


def _note_corrections(before: Side, after: Side) -> Iterator[str]:
    """What trains is the label after corrections; where that alone is another, no change of the teacher's tells it."""
    told = ["teacher_label", "label"]
    rows = before.decided[told].join(after.decided[told], how="inner", rsuffix="_after").fillna("")
    same, moved = rows["teacher_label"] == rows["teacher_label_after"], rows["label"] != rows["label_after"]
    if corrected := int((same & moved).sum()):
        yield f"Texts of which people's corrections alone changed the label that trains: {corrected:,}."
