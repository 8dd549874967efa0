import pandas as pd

from distil.kinds.classification.scoring.judging import draw_few
from distil.quality.few_shot import draw_few_shot

LABELS = ("a", "b", "c")
TEXTS = pd.DataFrame(
    [{"id": f"{number:03}", "text": f"text {number}", "gold": "aab"[number % 3]} for number in range(30)]
)
TEST_IDS = TEXTS["id"].iloc[:12]


def test_few_rows_of_each_label_are_drawn_and_a_label_that_lacks_some_is_told() -> None:
    few, notes = draw_few(TEXTS, TEST_IDS, LABELS, 5, 3)
    assert few.equals(draw_few_shot(TEXTS, TEST_IDS, LABELS, 5, 3))
    assert not few.equals(draw_few_shot(TEXTS, TEST_IDS, LABELS, 5, 4))
    assert few["gold"].value_counts().to_dict() == {"a": 5, "b": 5}
    assert notes == ["few_shot is left out: outside test people labelled no row as c."]
    assert "7" in draw_few(TEXTS, TEST_IDS, LABELS[:2], 7, 3)[1][0], "there are six of b"
    assert draw_few(TEXTS, TEST_IDS, LABELS[:2], 5, 3)[1] == []
