"""What counts as falling short: an agreement below the limit by more than chance, or an answer that is no number."""

import numpy as np
import pytest

from distil.export.fidelity import Fidelity, Reply, compare


@pytest.mark.parametrize(
    ("same", "texts", "falls_short"),
    [
        (61, 63, False),  # 0.968, two texts of few
        (0, 1, False),
        (1921, 2000, True),  # 0.9605: the same distance from 0.97 on many
        (1940, 2000, False),
        (55, 63, True),
        (2000, 2000, False),
        (0, 0, False),
    ],
)
def test_an_agreement_falls_short_only_beyond_chance(same: int, texts: int, falls_short: bool) -> None:
    assert Fidelity(same, texts, 0.1).falls_short(0.97) == falls_short


def test_the_interval_is_clopper_and_pearson_s() -> None:
    low, high = Fidelity(8, 10, 0.1).interval or (0, 0)
    assert (low, high) == pytest.approx((0.4439, 0.9748), abs=1e-4)  # as tables of it have
    assert (Fidelity(10, 10, 0.1).interval or (0, 0)) == pytest.approx((0.025 ** (1 / 10), 1.0))


def test_no_limit_is_met_by_what_is_no_number_and_none_is_missed_at_zero() -> None:
    assert not Fidelity(0, 2000, 9.0).falls_short(0.0)
    broken = Fidelity(2000, 2000, np.inf)
    assert broken.falls_short(0.0)
    assert broken.agreement is broken.record()["agreement_low"] is None
    assert broken.describe(0.97) == "answers what is no number, where fp32 does not"


def test_what_is_told() -> None:
    assert Fidelity(1998, 2000, 0.1).describe(0.97) == "gives fp32's label on 99.90% of 2,000 texts"
    assert Fidelity(55, 63, 0.1).describe(0.97) == (
        "gives fp32's label on 87.30% of 63 texts (at most 94.35% but for chance; export.min_label_agreement = 0.97)"
    )
    assert Fidelity(0, 0, 0.1).describe(0.97) == "was not compared: there are no texts"


def test_probes_count_for_the_difference_alone() -> None:
    fp32 = Reply(np.tile(np.array([[0.0, 1.0]], np.float32), (5, 1)), ["a"] * 5)
    other = Reply(fp32.logits.copy(), ["b", "a", "a", "a", "b"])  # a probe and a text with another label
    other.logits[0, 0] = 9
    assert compare(other, fp32, probes=2) == Fidelity(same=2, texts=3, max_logit_difference=9.0)
    for value in (np.nan, np.inf):
        other.logits[1, 1] = value
        assert compare(other, fp32, probes=2).max_logit_difference == np.inf


def test_of_sets_and_spans_it_is_f1_of_what_is_named() -> None:
    logits = np.zeros((3, 2), np.float32)
    one, other = ['["a", "b"]', "[]", '["a"]'], ['["a"]', "[]", '["a", "b", "c"]']
    found = compare(Reply(logits, one), Reply(logits, other), 0, "multi_label")
    assert found.agreement == 2 * 2 / (3 + 4)
    assert found.describe(0.5) == "gives fp32's labels with an F1 of 57.14% on 3 texts"
    span = '[{"start": 0, "end": 3, "label": "PER"}]'
    assert compare(Reply(logits, [span] * 3), Reply(logits, [span] * 3), 0, "token_classification").agreement == 1
    nothing = compare(Reply(logits, ["[]"] * 3), Reply(logits, ["[]"] * 3), 0, "token_classification")
    assert (nothing.agreement, nothing.interval, nothing.falls_short(1.0)) == (1, None, False)
    assert nothing.describe(1.0) == "gives fp32's spans with an F1 of 100.00% on 3 texts"
