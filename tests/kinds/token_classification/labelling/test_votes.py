import itertools
from typing import Any

import krippendorff
import numpy as np
import pandas as pd
import pytest

from distil.kinds.token_classification.labelling.canonical.label import write_label
from distil.kinds.token_classification.labelling.votes import decide_labels, measure_agreement, sum_f1

LABELS = ["PER", "LOC"]
ANN, ANNA, TOWN, PLACE = (0, 3, "PER"), (0, 4, "PER"), (9, 12, "LOC"), (0, 3, "LOC")
Spans = list[tuple[int, int, str]]


def annotate(**votes: list[Spans | str]) -> pd.DataFrame:
    """Rows of annotations: by id the spans of each vote, or the status of one that failed."""
    rows = [
        (text, number, "ok", write_label(vote)) if isinstance(vote, list) else (text, number, vote, None)
        for text, several in votes.items()
        for number, vote in enumerate(several)
    ]
    return pd.DataFrame(rows, columns=["id", "vote", "status", "label"])


def decide(*votes: Spans | str, min_agreement: float = 0) -> tuple[Any, Any]:
    """The label of one text and why it abstained."""
    (row,) = decide_labels(annotate(a=list(votes)), LABELS, min_agreement, calibrated=False).itertuples()
    return (None if pd.isna(row.teacher_label) else row.teacher_label), (
        None if pd.isna(row.abstained) else row.abstained
    )


@pytest.mark.parametrize(
    ("votes", "spans"),
    [
        ([[ANN, TOWN], [ANN], [ANN]], [ANN]),
        ([[ANN], [], []], []),
        ([[ANN, TOWN], [ANNA, TOWN], [ANN]], [ANN, TOWN]),
        ([[TOWN, ANN]], [ANN, TOWN]),
        ([[], []], []),
        ([[ANN], "refused", "truncated"], [ANN]),
    ],
)
def test_a_span_is_in_if_more_than_half_of_the_votes_name_it(votes: list[Spans | str], spans: Spans) -> None:
    assert decide(*votes) == (write_label(spans), None)


@pytest.mark.parametrize(
    ("votes", "min_agreement", "why"),
    [
        ([[ANN], []], 0, "tie"),
        ([[ANN], [ANNA]], 0, "tie"),
        ([[ANN], [ANNA], [PLACE]], 0, "tie"),  # all see a name there, and none has a majority
        ([[ANN], [ANNA], []], 0, "tie"),
        ([[ANN], [ANN], []], 0.7, "agreement"),
        ([[ANN], [], []], 0.7, "agreement"),
        (["refused", "truncated", "refused"], 0, "refused"),
    ],
)
def test_a_text_on_which_votes_do_not_agree_abstains(votes: list[Spans | str], min_agreement: float, why: str) -> None:
    assert decide(*votes, min_agreement=min_agreement) == (None, why)


def test_agreement_is_reached_at_its_share() -> None:
    assert decide([ANN], [ANN], [], min_agreement=2 / 3) == (write_label([ANN]), None)
    assert decide([ANN], [ANN], [ANN, TOWN], min_agreement=2 / 3) == (write_label([ANN]), None)


def test_soft_has_four_numbers_for_each_span_that_a_vote_names() -> None:
    rows = annotate(b=[[ANNA], [ANN, TOWN], [ANN], "refused"], a=["refused"], c=[[]])
    decided = decide_labels(rows, LABELS, 0, calibrated=False)
    assert decided.index.tolist() == ["a", "b", "c"]
    assert decided["votes"].tolist() == [0, 3, 1]
    assert decided["soft"]["a"] is None
    assert decided["soft"]["b"].tolist() == pytest.approx([0, 3, 0, 2 / 3, 0, 4, 0, 1 / 3, 9, 12, 1, 1 / 3])
    assert decided["soft"]["c"].tolist() == []
    assert decided["failure"].isna().tolist() == [False, True, True]


def measure(**votes: list[Spans | str]) -> dict[str, float | None]:
    rows = annotate(**votes)
    return measure_agreement(rows, decide_labels(rows, LABELS, 0, calibrated=False), LABELS)


def test_agreement_is_the_mean_f1_of_two_votes() -> None:
    found = measure(a=[[ANN, TOWN], [ANN], [ANN]], b=[[], []], c=[[ANN]], d=["refused", [ANN]])
    assert found["mean_agreement"] == pytest.approx(((2 / 3 + 2 / 3 + 1) / 3 + 1) / 2)
    assert found["unanimous"] == 0.5


def test_alpha_is_that_of_the_distance_between_sets() -> None:
    votes: dict[str, list[Any]] = {
        "a": [[ANN, TOWN], [ANN], [ANN]],
        "b": [[], [TOWN]],
        "c": [[ANNA, TOWN], [PLACE, TOWN], [ANNA]],
        "d": [[], [], []],
    }
    values = [frozenset(vote) for several in votes.values() for vote in several]
    numbers = {value: number for number, value in enumerate(dict.fromkeys(values))}
    data = np.full((3, len(votes)), np.nan)
    for column, several in enumerate(votes.values()):
        for row, vote in enumerate(several):
            data[row, column] = numbers[frozenset(vote)]
    sets = list(numbers)

    def distance(one: Any, other: Any, **_: Any) -> Any:
        pairs = np.broadcast(one, other)
        return np.array([1 - f1(sets[int(a)], sets[int(b)]) for a, b in pairs]).reshape(pairs.shape)

    level: Any = distance
    expected = krippendorff.alpha(reliability_data=data, level_of_measurement=level, value_domain=range(len(sets)))
    assert measure(**votes)["krippendorff_alpha"] == pytest.approx(expected)


def f1(one: Any, other: Any) -> float:
    return 2 * len(one & other) / (len(one) + len(other)) if one or other else 1.0


def test_pairs_are_counted_as_if_they_were_listed() -> None:
    votes = [[ANN, TOWN], [ANN], [], [ANN], [], [ANNA, TOWN], [TOWN], []]
    pairs = itertools.combinations(map(frozenset, votes), 2)
    assert sum_f1(votes) == pytest.approx(sum(itertools.starmap(f1, pairs)))


@pytest.mark.parametrize("votes", [{"a": [[ANN]]}, {"a": ["refused", "refused"]}, {}])
def test_agreement_is_not_defined_without_two_votes(votes: dict[str, list[Any]]) -> None:
    assert set(measure(**votes).values()) == {None}


def test_alpha_is_not_defined_where_nothing_differs() -> None:
    assert measure(a=[[ANN], [ANN]], b=[[ANN], [ANN]]) == {
        "mean_agreement": 1,
        "unanimous": 1,
        "krippendorff_alpha": None,
    }
