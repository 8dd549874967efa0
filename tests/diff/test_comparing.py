"""What changed between two sides, counted by hand, and what is to be known of the two."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from toy_revisions import AFTER, BEFORE, PLACES, ROWS, Plan, id_of, of_kind, write_study

from distil.core.params import Kind
from distil.diff.changes import Judged
from distil.diff.comparing import Diff, UnlikeSidesError, compare_sides
from distil.diff.sides import Side, read_working_tree
from distil.diff.wording import (
    describe_as_json,
    describe_row,
    describe_shift,
    describe_votes,
    judge_difference,
    list_rows,
)

Compare = Callable[[Plan, Plan], Diff]


@pytest.fixture
def compare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Compare:
    def read(name: str, plan: Plan) -> Side:
        (tmp_path / name).mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path / name)
        write_study(tmp_path / name, plan)
        return read_working_tree(PLACES, name)

    return lambda before, after: compare_sides(read("then", before), read("now", after))


@pytest.mark.parametrize("kind", get_args(Kind))
def test_changes_are_those_that_the_tables_have_whatever_the_kind(compare: Compare, kind: Kind) -> None:
    diff = compare(of_kind(BEFORE, kind), of_kind(AFTER, kind))
    teacher = diff.teacher
    assert teacher.compared == ROWS and (teacher.abstained_before, teacher.abstained_after) == (0, 1)
    effects = {row["id"]: (row["part"], row["effect"]) for row in list_rows(teacher)}
    assert effects == {
        **{id_of(number): ("test", "right to wrong") for number in (9, 12, 15)},
        id_of(7): ("dev", "right to wrong"),
        **{id_of(number): ("test", "wrong to right") for number in (3, 6)},
        id_of(4): ("dev", "wrong to right"),
        **{id_of(number): (None, "not known") for number in (2, 8)},
    }
    counts = {part: (it.rows, it.changed, it.right_to_wrong, it.wrong_to_right) for part, it in teacher.judged.items()}
    assert counts == {"test": (20, 5, 3, 2), "dev": (20, 2, 1, 1)}
    assert [count for *_, count in teacher.moves] == [4, 4], "where both sides have a label"
    assert diff.student is not None and diff.student.compared == 20
    judged = diff.student.judged["test"]
    assert (judged.rows, judged.changed, judged.right_to_wrong, judged.wrong_to_right) == (20, 3, 2, 1)
    assert judged.difference == pytest.approx(judged.after - judged.before) and judged.difference < 0
    assert judged.low is not None and judged.high is not None and judged.low < judged.difference < judged.high


def test_the_test_is_the_exact_one_and_the_scores_are_those_of_the_rows(compare: Compare) -> None:
    after = replace(AFTER, teacher_wrong=set(range(0, 42, 3)), teacher_silent=())
    judged = compare(BEFORE, after).teacher.judged["test"]
    assert (judged.right_to_wrong, judged.wrong_to_right) == (11, 0)
    assert (judged.before, judged.after) == (17 / 20, 6 / 20)
    assert judged.p_value == pytest.approx(2 / 2**11), "eleven of eleven, as by a fair coin"


def judged(difference: float, low: float | None, high: float | None, p_value: float, changed: int = 9) -> Judged:
    return Judged(100, changed, 1, 1, 0.5, 0.5 + difference, difference, low, high, p_value)


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (judged(0.012, -0.004, 0.028, 0.14), "1.2 points better [-0.4, 2.8]: this difference may be chance (McN"),
        (judged(-0.05, -0.08, -0.02, 0.001), "5.0 points worse [-8.0, -2.0]: this difference is hardly chance (McN"),
        (judged(0.05, 0.01, 0.09, 0.08), "5.0 points better [1.0, 9.0]: this difference may be chance (McN"),
        (judged(0.05, -0.01, 0.09, 0.01), "5.0 points better [-1.0, 9.0]: this difference may be chance (McN"),
        (judged(0.05, None, None, 0.5), "5.0 points better: this difference may be chance (McN"),
        (judged(0.3, 0.2, 0.4, 1e-9), "30.0 points better [20.0, 40.0]: this difference is hardly chance (McN"),
        (judged(0.0, -0.1, 0.1, 1.0), "neither better nor worse [-10.0, 10.0]: nothing is shown (McN"),
        (judged(0.0, None, None, 1.0, changed=0), "the same label on every row"),
    ],
)
def test_a_difference_is_more_than_chance_only_if_interval_and_test_say_so(
    compare: Compare, one: Judged, said: str
) -> None:
    diff = compare(BEFORE, BEFORE)
    assert str(judge_difference(one, diff)).startswith(said)


def test_nothing_that_changed_is_told_as_such(compare: Compare) -> None:
    diff = compare(BEFORE, BEFORE)
    assert diff.teacher.changed.empty and not diff.teacher.moves
    lines = describe_shift(diff.teacher, diff)
    assert lines[0] == "Teacher: another label on 0 of 60 rows (0.0%)"
    assert lines[2] == "    accuracy 0.850 -> 0.850: the same label on every row"


def test_rows_and_test_rows_of_one_side_alone_are_counted_and_left_out(compare: Compare) -> None:
    before = replace(BEFORE, left_out={0, 1, 2})
    after = replace(AFTER, test=[*range(6, ROWS, 3), 4], left_out={59})
    diff = compare(before, after)
    assert (diff.teacher.compared, diff.teacher.only_before, diff.teacher.only_after) == (56, 1, 3)
    assert diff.student is not None and diff.student.compared == 18
    told = " ".join(diff.notes)
    assert "Texts that only then has are left out: 1. Texts that only now has are left out: 3." in told
    assert "then alone has 1 of the test rows, now alone 1: scores are compared on the 18 of both." in told
    rows = {part: one.rows for part, one in diff.teacher.judged.items()}
    assert rows == {"test": 18, "dev": 18}, "a row that is a test row on one side alone is of neither part"
    part = {row["id"]: row["part"] for row in list_rows(diff.teacher)}
    assert part[id_of(3)] is None and part[id_of(4)] is None


def test_sides_without_a_text_in_common_have_nothing_to_compare(compare: Compare) -> None:
    diff = compare(replace(BEFORE, left_out=range(30)), replace(AFTER, left_out=range(30, ROWS)))
    assert (diff.teacher.compared, diff.teacher.only_before, diff.teacher.only_after) == (0, 30, 30)
    assert describe_shift(diff.teacher, diff) == ["Teacher: another label on 0 of 0 rows"]


def test_without_people_s_labels_nothing_is_called_right_or_wrong(compare: Compare) -> None:
    before, after = (replace(plan, unlabelled=range(ROWS)) for plan in (BEFORE, AFTER))
    diff = compare(before, after)
    assert not diff.teacher.judged and diff.student is not None and not diff.student.judged
    assert "this tells what changed, not whether it got better" in diff.notes[0]
    told = "\n".join(line for shift in diff.shifts for line in describe_shift(shift, diff))
    told += "\n".join(line for row in list_rows(diff.teacher) for line in describe_row(row, diff.teacher, diff))
    assert "another label on 9 of 60 rows (15.0%)" in told and "not known" in told
    assert not any(word in told for word in ("accuracy", "right", "people", "better", "worse"))
    assert "test" not in describe_as_json(diff, 0)["teacher"]


def test_what_else_differs_is_told(compare: Compare) -> None:
    after = replace(AFTER, served="student_onnx", unlabelled=range(5, ROWS, 3), corrected={10, 13})
    notes = compare(BEFORE, after).notes
    assert "The student's file that is served is int8 in then, fp32 in now." in notes
    assert "Texts with another label by people: 1; all scores are by that of now." in notes
    assert "Texts of which people's corrections alone changed the label that trains: 2." in notes
    assert any(note.startswith("Few rows are scored (20)") for note in notes)


@pytest.mark.parametrize(
    ("key", "other", "said"),
    [
        ("kind", "multi_label", r"task\.kind is .* in then and .* in main \(1a2b3c4\): labels of the one are not"),
        (
            "labels",
            ["negative", "neutral"],
            r"task\.labels is .* in then and .* in main \(1a2b3c4\): labels of the one",
        ),
        ("labels", ["positive", "negative"], r"task\.labels has another order in then \(.*\) than in main \(1a2b3c4\)"),
    ],
)
def test_other_labels_or_another_kind_are_one_line(compare: Compare, key: str, other: object, said: str) -> None:
    side = compare(BEFORE, BEFORE).before
    changed = replace(side, name="main (1a2b3c4)", task=side.task.model_copy(update={key: other}))
    with pytest.raises(UnlikeSidesError, match=said):
        compare_sides(side, changed)


def test_students_are_left_out_where_a_side_has_none(compare: Compare) -> None:
    diff = compare(BEFORE, AFTER)
    without = compare_sides(replace(diff.before, student=None), diff.after)
    assert without.student is None and without.shifts == [without.teacher]
    assert "evaluate has not run in then, so the students are not compared." in without.notes
    assert "student" not in describe_as_json(without, 1)


def test_a_row_is_shown_with_votes_and_reason(compare: Compare) -> None:
    diff = compare(of_kind(BEFORE, "token_classification"), of_kind(AFTER, "token_classification"))
    rows = {row["id"]: describe_row(row, diff.teacher, diff) for row in list_rows(diff.teacher)}
    assert rows[id_of(15)] == [
        f'{id_of(15)} right to wrong (test), people: person "Anna", place "Oslo"',
        "  Anna sings in Oslo, take 15",
        '  - person "Anna", place "Oslo" (3 votes, agreement 67%): Since it is take 15.',
        "  + no label (tie)",
    ]


@pytest.mark.parametrize(
    ("votes", "agreement", "abstained", "said"),
    [
        (3, 2 / 3, None, "3 votes, agreement 67%"),
        (1, 1.0, None, "1 vote"),
        (1, 0.61, None, "1 vote, agreement 61%"),
        (2, None, None, "2 votes"),
        (2, 0.5, "tie", "tie"),
    ],
)
def test_votes_are_told_as_far_as_they_tell_something(
    votes: int, agreement: float | None, abstained: str | None, said: str
) -> None:
    row = {"votes_after": votes, "agreement_after": agreement, "abstained_after": abstained}
    assert describe_votes(row, "after") == said


@pytest.mark.parametrize("kind", get_args(Kind))
def test_json_has_all_of_it_as_plain_values(compare: Compare, kind: Kind) -> None:
    told = json.loads(json.dumps(describe_as_json(compare(of_kind(BEFORE, kind), of_kind(AFTER, kind)), 2)))
    assert (told["kind"], told["teacher"]["changed"], len(told["teacher"]["rows"])) == (kind, 9, 2)
    assert told["teacher"]["test"]["right_to_wrong"] == 3
    assert told["student"]["test"]["may_be_chance"] is True and "worse [" in told["student"]["test"]["sentence"]
    assert told["before"] == {"name": "then", "commit": None}
