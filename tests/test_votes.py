from typing import Any

import numpy as np
import pandas as pd
import pytest

from distil.votes import agreeing_reasons, calibrate, choose_label, reduce_votes, softmax

LABELS = ["a", "b", "c"]


def votes(*rows: tuple[str, str | None, str]) -> pd.DataFrame:
    table: list[dict[str, Any]] = []
    for number, (text_id, label, status) in enumerate(rows):
        table.append(
            {
                "id": text_id,
                "vote": number,
                "label": label,
                "status": status,
                "reason": f"r{number}",
                "label_logprobs": None,
            }
        )
    return pd.DataFrame(table)


def decide(rows: pd.DataFrame, min_agreement: float = 0.0) -> dict[str, tuple[str | None, str | None]]:
    reduced = reduce_votes(rows, LABELS, calibrated=False)
    return {text_id: choose_label(row.soft, row.failure, LABELS, min_agreement) for text_id, row in reduced.iterrows()}


def test_the_majority_wins_and_shares_are_of_the_usable_votes() -> None:
    rows = votes(("x", "b", "ok"), ("x", "a", "ok"), ("x", "b", "ok"), ("y", "c", "ok"), ("y", None, "parse_failed"))
    reduced = reduce_votes(rows, LABELS, calibrated=True)
    assert decide(rows) == {"x": ("b", None), "y": ("c", None)}
    np.testing.assert_allclose(reduced.loc["x", "soft"], [1 / 3, 2 / 3, 0])
    assert reduced["votes"].to_dict() == {"x": 3, "y": 1}


def test_a_tie_and_too_little_agreement_abstain() -> None:
    rows = votes(("x", "a", "ok"), ("x", "b", "ok"), ("y", "a", "ok"), ("y", "a", "ok"), ("y", "b", "ok"))
    assert decide(rows) == {"x": (None, "tie"), "y": ("a", None)}
    assert decide(rows, min_agreement=0.9)["y"] == (None, "agreement")


def test_without_a_usable_vote_the_commonest_status_says_why() -> None:
    rows = votes(("x", None, "refused"), ("x", None, "parse_failed"), ("x", None, "refused"), ("y", "a", "ok"))
    assert decide(rows)["x"] == (None, "refused")


def test_the_reason_is_that_of_an_agreeing_vote() -> None:
    rows = votes(("x", "a", "ok"), ("x", "b", "ok"), ("x", "b", "ok"))
    assert agreeing_reasons(rows, pd.Series({"x": "b"})).to_dict() == {"x": "r1"}


def test_calibration_takes_the_mean_of_each_label_out() -> None:
    rng = np.random.default_rng(0)
    logprobs = rng.normal(size=(50, 3))
    np.testing.assert_allclose(calibrate(logprobs + np.array([3.0, 0.0, -2.0])), calibrate(logprobs), atol=1e-12)
    np.testing.assert_allclose(calibrate(logprobs).mean(axis=0), 0, atol=1e-12)


def test_calibration_mends_a_prompt_that_favours_one_label() -> None:
    truth = np.array(["a", "b"] * 20)
    logprobs = np.where(truth[:, None] == np.array(["a", "b"]), -1.0, -2.0) + np.array([4.0, 0.0])
    rows = pd.DataFrame({"id": [f"{n:02}" for n in range(40)], "vote": 1, "label": "a", "status": "ok", "reason": None})
    rows["label_logprobs"] = list(logprobs)

    def chosen(*, calibrated: bool) -> list[str | None]:
        soft = reduce_votes(rows, ["a", "b"], calibrated=calibrated)["soft"]
        return [choose_label(shares, "", ["a", "b"], 0)[0] for shares in soft]

    assert chosen(calibrated=False) == ["a"] * 40
    assert chosen(calibrated=True) == list(truth)


def test_softmax_of_large_numbers_is_finite() -> None:
    assert softmax(np.array([[1000.0, 0.0]])) == pytest.approx(np.array([[1.0, 0.0]]))
