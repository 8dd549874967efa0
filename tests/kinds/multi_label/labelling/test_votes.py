from typing import Any

import krippendorff
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distil.kinds.multi_label.labelling.canonical.label import soften, write_label
from distil.kinds.multi_label.labelling.votes import decide_labels, measure_agreement, measure_alpha, measure_distances

LABELS = ["a", "b", "c"]


def votes(*rows: tuple[str, str | None]) -> pd.DataFrame:
    """A vote a row: the text's id and the labels, "" for none of them, None for an answer that cannot be read."""
    return pd.DataFrame(
        {
            "id": [text_id for text_id, _ in rows],
            "label": pd.Series([None if names is None else write_label(names) for _, names in rows], dtype="str"),
            "status": ["parse_failed" if names is None else "ok" for _, names in rows],
        }
    )


def measure(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return measure_distances(one @ other.T, one.sum(axis=1)[:, None], other.sum(axis=1))


def decide(rows: pd.DataFrame, min_agreement: float = 0.0) -> dict[str, Any]:
    decided = decide_labels(rows, LABELS, min_agreement, calibrated=True)
    return dict(decided["teacher_label"].fillna(decided["abstained"]))


def test_a_label_is_in_if_more_than_half_of_the_usable_votes_name_it() -> None:
    rows = votes(
        ("y", "c"), ("x", "ab"), ("x", "a"), ("x", "bc"), ("y", None), ("z", ""), ("w", "a"), ("w", "b"), ("w", "c")
    )
    decided = decide_labels(rows, LABELS, 0, calibrated=False)
    assert decided.index.tolist() == ["w", "x", "y", "z"]
    assert decided["teacher_label"].tolist() == ["[]", '["a", "b"]', '["c"]', "[]"]
    assert decided["votes"].tolist() == [3, 3, 1, 1]
    assert decided["abstained"].isna().all()
    np.testing.assert_allclose(decided.loc["x", "soft"], [2 / 3, 2 / 3, 1 / 3])
    np.testing.assert_allclose(decided.loc["z", "soft"], [0, 0, 0])


def test_ties_and_too_little_agreement_about_a_label_abstain() -> None:
    rows = votes(("x", "a"), ("x", "ab"), ("y", "a"), ("y", "a"), ("y", "ab"))
    assert decide(rows) == {"x": "tie", "y": '["a"]'}
    assert decide(rows, 2 / 3)["y"] == '["a"]'
    assert decide(rows, 0.7)["y"] == "agreement"


def test_without_a_usable_vote_the_commonest_status_says_why() -> None:
    rows = votes(("x", None), ("x", None), ("x", None), ("y", "a"))
    rows.loc[0, "status"] = "refused"
    decided = decide_labels(rows, LABELS, 0, calibrated=False)
    assert decided.loc["x", "soft"] is None
    assert decided.loc["x", "abstained"] == "parse_failed"
    assert decide(rows[:3]) == {"x": "parse_failed"}


def test_agreement_is_that_about_the_label_that_is_disputed_most() -> None:
    rows = votes(("x", "a"), ("x", "a"), ("x", "ab"), ("y", "c"), ("z", "b"), ("z", "b"))
    found = measure_agreement(rows, decide_labels(rows, LABELS, 0, calibrated=False), LABELS)
    assert found["mean_agreement"] == pytest.approx((2 / 3 + 1) / 2)
    assert found["unanimous"] == 0.5
    single = votes(("x", "a"), ("y", None))
    found = measure_agreement(single, decide_labels(single, LABELS, 0, calibrated=False), LABELS)
    assert found == {"mean_agreement": None, "unanimous": None, "krippendorff_alpha": None}
    failed = votes(("x", None))
    assert (
        measure_agreement(failed, decide_labels(failed, LABELS, 0, calibrated=False), LABELS)["mean_agreement"] is None
    )


def test_the_distance_of_sets_is_that_of_masi() -> None:
    sets = np.array([soften(write_label(names), LABELS) for names in ("", "a", "ab", "bc")])
    expected = np.array([[0, 1, 1, 1], [1, 0, 1 - 1 / 3, 1], [1, 1 - 1 / 3, 0, 1 - 1 / 9], [1, 1, 1 - 1 / 9, 0]])
    assert measure(sets, sets) == pytest.approx(expected)


@settings(max_examples=30)
@given(st.lists(st.lists(st.sampled_from(["", "a", "ab", "abc", "bc", "c"]), max_size=4), min_size=1, max_size=8))
def test_alpha_agrees_with_the_package_of_that_name(texts: list[list[str]]) -> None:
    rows = votes(*((str(number), names) for number, answers in enumerate(texts) for names in answers))
    pairable = [answers for answers in texts if len(answers) > 1]
    sets = sorted({names for answers in pairable for names in answers})
    found = measure_alpha(rows, LABELS)
    if len(sets) < 2:
        assert found is None
        return
    counts = np.array([[answers.count(names) for names in sets] for answers in pairable])
    masks = np.array([soften(write_label(names), LABELS) for names in sets])

    def metric(one: Any, other: Any, **_: Any) -> Any:
        return measure(masks, masks)[np.asarray(one, dtype=int), np.asarray(other, dtype=int)]

    metric_of_package: Any = metric
    expected = krippendorff.alpha(
        value_counts=counts, value_domain=np.arange(len(sets)), level_of_measurement=metric_of_package
    )
    assert found == pytest.approx(expected)
