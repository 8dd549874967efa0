import pandas as pd
import pytest

from distil.linear.baselines import MajorityClass
from distil.quality.few_shot import draw_few_shot
from distil.quality.notes import note_few_shot

LABELS = ("a", "b", "c")
TEXTS = pd.DataFrame(
    [{"id": f"{number:03}", "text": f"text {number}", "gold": [*"abc", None][number % 4]} for number in range(80)]
)
TEST_IDS = TEXTS["id"].iloc[:40]


def test_the_commonest_label_and_the_shares_of_all() -> None:
    found = MajorityClass(LABELS).fit(["1", "2", "3", "4"], ["c", "c", "a", "c"]).predict_proba(["x", "y"])
    assert found.tolist() == [[0.25, 0, 0.75]] * 2


def test_as_many_of_each_label_as_asked_for_none_of_them_in_test() -> None:
    drawn = draw_few_shot(TEXTS, TEST_IDS, LABELS, 4, seed=0)
    assert drawn["gold"].value_counts().to_dict() == {"a": 4, "b": 4, "c": 4}
    assert not drawn["id"].isin(TEST_IDS).any()
    assert drawn.merge(TEXTS, on=["id", "text", "gold"]).shape[0] == 12
    assert note_few_shot(drawn, LABELS, 4) == []


def test_drawn_by_the_seed_whatever_the_order_and_more_rows_keep_the_first() -> None:
    ids = [set(draw_few_shot(TEXTS, TEST_IDS, LABELS, count, seed)["id"]) for count, seed in ((4, 0), (4, 1), (7, 0))]
    assert set(draw_few_shot(TEXTS[::-1], TEST_IDS, LABELS, 4, 0)["id"]) == ids[0] != ids[1]
    assert ids[0] < ids[2]


def test_fewer_than_asked_for() -> None:
    drawn = draw_few_shot(TEXTS.iloc[:70], TEST_IDS, LABELS, 8, seed=0)
    assert note_few_shot(drawn, LABELS, 8) == ["few_shot learnt from fewer than 8 rows a label: 7 of c."]
    few = TEXTS.iloc[:45]
    assert note_few_shot(draw_few_shot(few, TEST_IDS, LABELS, 2, seed=0), LABELS, 2) == [
        "few_shot learnt from fewer than 2 rows a label: 1 of b, 1 of c."
    ]


@pytest.mark.parametrize(
    ("texts", "labels"),
    [(TEXTS[TEXTS["gold"] != "b"], "b"), (TEXTS.assign(gold=None), "a or b or c"), (TEXTS.iloc[:40], "a or b or c")],
)
def test_a_label_without_rows(texts: pd.DataFrame, labels: str) -> None:
    drawn = draw_few_shot(texts, TEST_IDS, LABELS, 4, seed=0)
    note = f"few_shot is left out: outside test people labelled no row as {labels}."
    assert note_few_shot(drawn, LABELS, 4) == [note]


def test_none_asked_for() -> None:
    drawn = draw_few_shot(TEXTS, TEST_IDS, LABELS, 0, seed=0)
    assert drawn.empty
    assert note_few_shot(drawn, LABELS, 0) == []
