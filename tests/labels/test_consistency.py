"""What labels tell of themselves: votes' agreement by what they came to, and shares beside those that are expected."""

from typing import Any

import pandas as pd
import pytest
from scipy.stats import binomtest

from distil.classifiers.canonical import load_writer
from distil.core.errors import InputError
from distil.core.params import Kind
from distil.forms.labelling import load_labelling
from distil.labels.consistency import check_expected, compare_shares, measure_by_label

LABELS = ["a", "b"]
CASES: list[tuple[Kind, Any, Any, Any]] = [
    ("classification", "a", "b", None),
    ("multi_label", ["a"], ["a", "b"], []),
    ("token_classification", [(0, 1, "a")], [(0, 1, "a"), (2, 3, "b")], []),
]


@pytest.mark.parametrize(("kind", "one", "other", "nothing"), CASES)
def test_agreement_is_told_by_what_the_votes_came_to(kind: Kind, one: Any, other: Any, nothing: Any) -> None:
    labelling, write = load_labelling(kind), load_writer(kind)
    votes = [[one] * 3, [one] * 3, [other, other, one], [other] * 3]
    votes += [] if nothing is None else [[nothing] * 3]
    rows = [
        {"id": f"t{number}", "teacher": "t", "vote": vote, "status": "ok", "label": write(said), "label_logprobs": None}
        for number, given in enumerate(votes)
        for vote, said in enumerate(given)
    ]
    rows.append({"id": "t9", "teacher": "t", "vote": 0, "status": "refused", "label": None, "label_logprobs": None})
    table = pd.DataFrame(rows)
    decided = labelling.votes.decide_labels(table, LABELS, 0.0, calibrated=False)
    found = measure_by_label(table, decided, LABELS, labelling.votes, labelling.form.name_labels)
    told = {one["label"] or one["group"]: (one["texts"], one["unanimous"]) for one in found}
    in_a = 2 if kind == "classification" else 4
    expected = {"a": (in_a, 1.0 if in_a == 2 else 0.75), "b": (2, 0.5), "abstained": (1, None)}
    assert told == (expected if nothing is None else expected | {"nothing": (1, 1.0)})
    assert next(one["share"] for one in found if one["label"] == "b") == 2 / (len(votes) + 1)
    shares = compare_shares(found, len(votes), {"b": 0.1})
    assert (shares[0]["texts"], shares[0]["share"]) == (2, 2 / len(votes))


def test_a_share_is_unlikely_by_the_exact_test_over_all_labels_that_are_expected() -> None:
    by_label: list[dict[str, Any]] = [
        {"group": "label", "label": "a", "texts": 60},
        {"group": "abstained", "label": None, "texts": 3},
    ]
    one, other = compare_shares(by_label, 100, {"a": 0.5, "b": 0.0})
    assert one["p_value"] == pytest.approx(2 * binomtest(60, 100, 0.5).pvalue)
    assert one["low"] == pytest.approx(0.497, abs=1e-3)
    assert one["high"] == pytest.approx(0.697, abs=1e-3)
    assert (other["texts"], other["share"], other["p_value"]) == (0, 0.0, 1.0)
    assert compare_shares(by_label, 0, {"a": 0.5}) == []
    with pytest.raises(
        InputError, match=r"label_shares in params.yaml names 'c', which is not in task.labels \(a, b\)"
    ):
        check_expected({"a": 0.5, "c": 0.5}, LABELS)
