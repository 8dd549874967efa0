from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from toy_rows import LABELS, make_rows, make_texts

from distil.core.tables import SUSPECTS, read_rows, write_rows
from distil.kinds.classification.learning.label_noise import (
    LEAST_WEIGHT,
    doubt_rows,
    find_suspects,
    list_suspects,
    measure_health,
    weigh_rows,
)
from distil.kinds.classification.learning.targets import number_labels

FLIPPED = [3, 10, 41]
ROWS = make_rows(make_texts())
TRUTH = number_labels(ROWS, LABELS)
HELD_OUT = np.where(np.eye(2)[TRUTH] == 1, 0.9, 0.1)  # what a good model would say
WRONG = TRUTH.copy()
WRONG[FLIPPED] = 1 - WRONG[FLIPPED]
NOISY = ROWS.assign(label=[LABELS[number] for number in WRONG])


def test_flipped_labels_are_found_and_no_others() -> None:
    assert np.flatnonzero(find_suspects(NOISY, WRONG, HELD_OUT)).tolist() == FLIPPED
    assert not find_suspects(ROWS, TRUTH, HELD_OUT).any()


def test_health_is_the_share_of_labels_that_are_not_contradicted() -> None:
    assert measure_health(TRUTH, HELD_OUT) == 1.0
    assert measure_health(WRONG, HELD_OUT) == pytest.approx(1 - len(FLIPPED) / len(ROWS))


def test_labels_by_people_are_never_suspected_and_keep_their_weight() -> None:
    rows = NOISY.copy()
    rows.loc[FLIPPED[0], "source"] = "human"
    assert np.flatnonzero(find_suspects(rows, WRONG, HELD_OUT)).tolist() == FLIPPED[1:]
    weights = weigh_rows(rows, WRONG, HELD_OUT)
    assert weights[FLIPPED[0]] > weights[0] > weights[FLIPPED[1]]


def test_weight_is_the_held_out_probability_of_the_label() -> None:
    weights = weigh_rows(NOISY, WRONG, HELD_OUT)
    assert weights.mean() == pytest.approx(1)
    assert weights[FLIPPED[0]] / weights[0] == pytest.approx(0.1 / 0.9)
    hopeless = HELD_OUT.copy()
    hopeless[FLIPPED[0], WRONG[FLIPPED[0]]] = 0.0
    weights = weigh_rows(NOISY, WRONG, hopeless)
    assert weights[FLIPPED[0]] / weights[0] == pytest.approx(LEAST_WEIGHT / 0.9)


def test_list_tells_the_least_credible_first(tmp_path: Path) -> None:
    shares = HELD_OUT.copy()
    shares[FLIPPED[1]] = np.where(np.arange(2) == WRONG[FLIPPED[1]], 0.02, 0.98)
    listed = list_suspects(NOISY, WRONG, shares, find_suspects(NOISY, WRONG, shares), LABELS)
    write_rows(tmp_path / "suspects.parquet", SUSPECTS, listed)
    read = read_rows(tmp_path / "suspects.parquet", SUSPECTS)
    assert read["rank"].tolist() == [1, 2, 3]
    assert read["id"].tolist() == [NOISY["id"][place] for place in (FLIPPED[1], FLIPPED[0], FLIPPED[2])]
    assert read["quality"].tolist() == pytest.approx([0.02, 0.1, 0.1])
    assert read["suggested"].tolist() == [LABELS[TRUTH[place]] for place in (FLIPPED[1], FLIPPED[0], FLIPPED[2])]
    assert (read["suggested"] != read["label"]).all()
    assert read["probabilities"][0].tolist() == pytest.approx(shares[FLIPPED[1]].tolist())


def test_a_label_of_the_task_that_no_row_has() -> None:
    with_third = np.hstack([HELD_OUT, np.zeros((len(HELD_OUT), 1))])
    assert np.flatnonzero(find_suspects(NOISY, WRONG, with_third)).tolist() == FLIPPED


def make_votes(split: int, agreed: int, suspected: tuple[int, int]) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows on which votes differ, and rows on which they agree, of each so many that are suspected."""
    soft = [[2 / 3, 1 / 3]] * split + [[1.0, 0.0]] * agreed
    places = [*range(suspected[0]), *range(split, split + suspected[1])]
    return pd.DataFrame({"source": "teacher", "soft": soft}), np.isin(np.arange(split + agreed), places)


@pytest.mark.parametrize(
    ("split", "agreed", "suspected", "believed"),
    [
        (212, 1585, (56, 62), True),  # a language model: where votes differ 6.8 times as often
        (157, 429, (22, 48), False),  # a teacher that errs by lot: 1.3 times
        (24, 400, (3, 12), False),  # 4.2 times, of few rows
        (2, 200, (2, 20), False),  # ten times, of two
        (200, 400, (50, 0), True),
        (0, 400, (0, 40), False),  # one vote a text
        (400, 0, (40, 0), False),  # shares by log-probabilities
    ],
)
def test_unanimous_labels_are_believed_where_suspicion_follows_the_votes(
    split: int, agreed: int, suspected: tuple[int, int], believed: bool
) -> None:
    rows, found = make_votes(split, agreed, suspected)
    doubted = doubt_rows(rows, found)
    assert doubted[:split].sum() == suspected[0]
    assert doubted[split:].sum() == (0 if believed else suspected[1])


def test_a_person_s_label_says_nothing_of_the_votes() -> None:
    rows, found = make_votes(157, 429, (22, 48))
    people = pd.DataFrame({"source": "human", "soft": [[1.0, 0.0]] * 5000})
    doubted = doubt_rows(pd.concat([rows, people], ignore_index=True), np.append(found, [False] * 5000))
    assert doubted.sum() == 22 + 48
