import pandas as pd
import pytest

from distil.quality.shared_errors import choose_majority, compare_teachers, describe_pairs

GOLD = pd.Series({"1": "a", "2": "a", "3": "b", "4": "b", "5": None, "6": "c"})
STUDENT = GOLD.fillna("a").where(GOLD.index != "1", "b")  # wrong on 1 alone


def votes(**teachers: str) -> pd.DataFrame:
    """Votes by teacher on the rows 1, 2, ..., which blanks separate: a letter a vote, - for one that names no label."""
    rows = [
        {"id": str(text), "teacher": name, "vote": vote, "label": None if label == "-" else label}
        for name, said in teachers.items()
        for text, labels in enumerate(said.split(), start=1)
        for vote, label in enumerate(labels, start=1)
    ]
    return pd.DataFrame(rows).sample(frac=1, random_state=0)


def test_the_majority_of_a_teacher_s_own_votes() -> None:
    found = choose_majority(votes(s="aab ab - b- abcbb"))
    assert found.to_dict() == {"1": "a", "4": "b", "5": "b"}


def test_pairs_of_teachers_are_compared_on_the_rows_with_gold() -> None:
    # wrong: s on 3, 4 and 6; t on 2, 3 and 4 (a tie); u nowhere; row 5 has no gold
    scores = compare_teachers(
        votes(s="a a a aab c b", t="a b aac ab a c", u="a a b b b c"), GOLD, STUDENT, STUDENT, 0.95
    )
    assert scores is not None
    assert scores["rows"] == 5
    assert scores["accuracy"] == pytest.approx({"s": 0.4, "t": 0.4, "u": 1.0})
    assert scores["vs_student"]["s"] == {"only_teacher_right": 1, "only_student_right": 3, "p_value": 0.625}
    assert scores["vs_pooled"]["s"] == {"only_teacher_right": 1, "only_pooled_right": 3, "p_value": 0.625}
    assert scores["pooled"] == 0.8
    assert scores["bounds"]["u"] == pytest.approx([0.025 ** (1 / 5), 1.0])
    first, *others = scores["pairs"]
    assert first == {
        "teachers": ["s", "t"],
        "both_wrong": 2,
        "share": pytest.approx(0.4),
        "expected": pytest.approx(0.36),
        "ratio": pytest.approx(0.4 / 0.36),
        "same_label": 1,  # on 4 the one ties
    }
    assert [pair["teachers"] for pair in others] == [["s", "u"], ["t", "u"]]
    assert all(pair["both_wrong"] == 0 and pair["ratio"] is None for pair in others)
    assert describe_pairs(scores["pairs"]) == (
        "s and t are both wrong on 2 rows, 1.1 times as often as if they erred independently, on 1 with the same label"
    )


def test_teachers_that_both_say_nothing_do_not_name_the_same_label() -> None:
    scores = compare_teachers(votes(s="- a b b a c", t="- b b b a c"), GOLD, STUDENT, STUDENT, 0.95)
    assert scores is not None
    (pair,) = scores["pairs"]
    assert (pair["both_wrong"], pair["same_label"]) == (1, 0)


def test_errors_as_independent_as_they_can_be_have_a_ratio_of_one() -> None:
    gold = pd.Series("a", index=[str(number) for number in range(1, 101)])
    said = {"s": ("b" * 50 + "a" * 50), "t": ("b" * 10 + "a" * 40) * 2}
    scores = compare_teachers(
        votes(**{name: " ".join(labels) for name, labels in said.items()}), gold, gold, gold, 0.95
    )
    assert scores is not None
    assert scores["pairs"][0]["ratio"] == pytest.approx(1.0)
    assert scores["pairs"][0]["same_label"] == scores["pairs"][0]["both_wrong"] == 10


def test_no_pair_errs_together() -> None:
    scores = compare_teachers(votes(s="a a b b a b", t="a b b b a c"), GOLD, STUDENT, STUDENT, 0.95)
    assert scores is not None
    assert describe_pairs(scores["pairs"]) == "no two teachers err on the same row"


@pytest.mark.parametrize(
    ("annotations", "gold"),
    [
        (votes(s="a b"), GOLD),
        (votes(s="a b", t="a b"), pd.Series({"1": None, "2": None}, dtype="object")),
    ],
)
def test_without_a_second_teacher_or_gold_there_is_nothing_to_compare(
    annotations: pd.DataFrame, gold: pd.Series
) -> None:
    assert compare_teachers(annotations, gold, STUDENT, STUDENT, 0.95) is None
