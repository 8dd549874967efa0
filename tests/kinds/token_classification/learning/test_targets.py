import numpy as np
import pytest
from kinds.token_classification.learning.toy_spans import LABELS, label_rows

from distil.core.errors import InputError
from distil.kinds.token_classification.learning.reading import Reading
from distil.kinds.token_classification.learning.targets import keep_agreed, make_targets
from distil.tagging.words import Word

ANN = [Reading([Word(0, 0, 3), Word(1, 4, 7)], [])]


def test_what_is_learnt_of_a_word() -> None:
    rows = label_rows([("Ann Lee", [(0, 7, "person")])])
    rows["soft"] = [np.array([0, 7, 0, 0.75, 4, 7, 1, 0.25])]
    (soft,), (hard,) = make_targets(rows, ANN, LABELS, "soft"), make_targets(rows, ANN, LABELS, "hard")
    assert soft.tolist() == [[0.25, 0.75, 0, 0, 0], [0, 0, 0.75, 0.25, 0]]
    assert hard.tolist() == [[0, 1, 0, 0, 0], [0, 0, 1, 0, 0]]
    (smooth,) = make_targets(rows, ANN, LABELS, "hard", 0.5)
    assert smooth[0].tolist() == pytest.approx([0.1, 0.6, 0.1, 0.1, 0.1])


def test_rows_on_which_the_votes_agree_are_kept() -> None:
    rows = label_rows([("Ann", [(0, 3, "person")]), ("Bonn", []), ("Cid", []), ("Dan", [(0, 3, "person")])])
    rows["soft"] = [np.array(soft) for soft in ([0, 3, 0, 0.75], [0, 4, 1, 0.25], [], [0, 3, 0, 0.6, 0, 3, 1, 0.4])]
    assert keep_agreed(rows, LABELS, 0.75)["text"].to_list() == ["Ann", "Bonn", "Cid"]
    assert len(keep_agreed(rows, LABELS, 0.6)) == 4
    rows.loc[3, "source"] = "human"
    assert keep_agreed(rows, LABELS, 1.0)["text"].to_list() == ["Cid", "Dan"]


def test_without_a_span_nothing_can_be_learnt() -> None:
    rows = label_rows([("Ann", []), ("Bonn", [(0, 4, "place")])])
    rows.loc[1, "soft"][3] = 0.6
    with pytest.raises(InputError, match=r"none of 1 has any; 1 more are below train\.min_agreement = 0\.9; lower it"):
        keep_agreed(rows, LABELS, 0.9)
    with pytest.raises(InputError, match=r"none of 1 has any; see in metrics/annotate\.json what the teacher found"):
        keep_agreed(rows[:1], LABELS, 0.0)


def test_rows_of_another_task() -> None:
    rows = label_rows([("Ann", [(0, 3, "person")])])
    for labels, soft in ((["place"], [0, 3, 0, 1]), (["person"], [0, 3, 1, 1]), (["person"], [1.0, 0.0])):
        with pytest.raises(InputError, match="the rows were labelled with other labels than"):
            keep_agreed(rows.assign(soft=[np.array(soft, dtype=float)]), labels, 0.0)
