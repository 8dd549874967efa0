from typing import Any

import krippendorff
import numpy as np
import pandas as pd
import pytest

from distil.kinds.classification.labelling.votes import (
    calibrate,
    choose_label,
    count_votes,
    decide_labels,
    measure_agreement,
    measure_alpha,
    reduce_votes,
    share_unanimous,
    softmax,
)
from distil.labels.reasons import agreeing_reasons

LABELS = ["a", "b", "c"]


def votes(*rows: tuple[str, str | None, str]) -> pd.DataFrame:
    table: list[dict[str, Any]] = []
    for number, (text_id, label, status) in enumerate(rows):
        table.append(
            {
                "id": text_id,
                "teacher": "t",
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
    assert choose_label(np.array([0.75, 0.25, 0.0]), "", LABELS, 0.75) == ("a", None)


def test_shares_that_differ_by_little_are_no_tie() -> None:
    assert choose_label(np.array([0.3, 0.3500001, 0.3499999]), "", LABELS, 0) == ("b", None)
    assert choose_label(np.array([0.3, 0.35 + 1e-10, 0.35 - 1e-10]), "", LABELS, 0) == ("b", None)
    assert choose_label(np.array([0.4, 0.2 + 0.1, 0.3]), "", LABELS, 0) == ("a", None)
    assert choose_label(np.array([0.1, 0.1 + 0.2, 0.3]), "", LABELS, 0) == (None, "tie"), "rounding makes no majority"


def test_without_a_usable_vote_the_commonest_status_says_why() -> None:
    rows = votes(("x", None, "parse_failed"), ("x", None, "refused"), ("x", None, "refused"), ("y", "a", "ok"))
    assert decide(rows)["x"] == (None, "refused")


def test_the_reason_is_that_of_an_agreeing_vote() -> None:
    rows = votes(("x", "a", "ok"), ("x", "b", "ok"), ("x", "b", "ok"))
    assert agreeing_reasons(rows, pd.Series({"x": "b"})).to_dict() == {"x": "r1"}


def test_the_earliest_agreeing_vote_gives_the_reason_whichever_teacher_it_is_of() -> None:
    rows = votes(("x", "b", "ok"), ("x", "a", "ok"), ("x", "b", "ok"), ("x", "b", "ok"))
    rows["teacher"], rows["vote"] = ["s", "t", "u", "t"], [2, 1, 1, 1]
    assert agreeing_reasons(rows, pd.Series({"x": "b"})).to_dict() == {"x": "r3"}


def test_calibration_takes_the_mean_of_each_label_out_teacher_by_teacher() -> None:
    rng = np.random.default_rng(0)
    logprobs, teachers = rng.normal(size=(50, 3)), np.array(["s", "t"])[rng.integers(2, size=50)]
    biased = logprobs + np.where(teachers[:, None] == "s", [3.0, 0.0, -2.0], [-1.0, 1.0, 0.0])
    calibrated = calibrate(biased, teachers)
    assert np.allclose(calibrated, calibrate(logprobs, teachers), rtol=0, atol=1e-12)
    for teacher in ("s", "t"):
        assert np.allclose(calibrated[teachers == teacher].mean(axis=0), 0, rtol=0, atol=1e-12)


def test_labels_are_decided_with_and_without_calibration() -> None:
    rows = votes(("x", "a", "ok"), ("y", "a", "ok"), ("z", None, "refused"))
    rows["label_logprobs"] = [list(np.log([0.5, 0.3, 0.2])), list(np.log([0.8, 0.1, 0.1])), None]
    plain = decide_labels(rows, LABELS, 0.6, calibrated=False)
    assert plain["teacher_label"].fillna("-").tolist() == ["-", "a", "-"]
    assert plain["abstained"].fillna("-").tolist() == ["agreement", "-", "refused"]
    calibrated = decide_labels(rows, LABELS, 0.0, calibrated=True)
    assert calibrated["teacher_label"].fillna("-").tolist() == ["b", "a", "-"]
    assert calibrated["votes"].tolist() == [1, 1, 0]


def test_one_vote_agrees_with_itself_alone_but_one_of_log_probabilities_tells_how_sure_it_is() -> None:
    rows = votes(("x", "a", "ok"), ("y", "a", "ok"), ("y", "b", "ok"), ("y", "b", "ok"))
    told = measure_agreement(rows, decide_labels(rows, LABELS, 0.0, calibrated=False), LABELS)
    assert told["mean_agreement"] == pytest.approx(2 / 3), "of y alone"
    assert told["unanimous"] == 0
    one = rows.iloc[:1]
    alone = measure_agreement(one, decide_labels(one, LABELS, 0.0, calibrated=False), LABELS)
    assert alone == {"mean_agreement": None, "unanimous": None, "krippendorff_alpha": None}
    sure = votes(("x", "a", "ok"), ("y", "b", "ok"))
    sure["label_logprobs"] = [list(np.log([0.5, 0.3, 0.2])), list(np.log([0.1, 0.8, 0.1]))]
    told = measure_agreement(sure, decide_labels(sure, LABELS, 0.0, calibrated=False), LABELS)
    assert told["mean_agreement"] == pytest.approx(0.65)


def test_calibration_mends_prompts_that_favour_one_label() -> None:
    truth = np.array(["a", "b"] * 20)
    logprobs = np.where(truth[:, None] == np.array(["a", "b"]), -1.0, -2.0)
    row = {"vote": 1, "label": "a", "status": "ok", "reason": None, "id": [f"{n:02}" for n in range(40)]}
    teachers = [
        pd.DataFrame(row | {"teacher": name, "label_logprobs": list(logprobs + np.array(bias))})
        for name, bias in {"s": [4.0, 0.0], "t": [3.0, 0.0], "u": [0.0, 2.0]}.items()
    ]

    def chosen(rows: pd.DataFrame, *, calibrated: bool) -> list[str | None]:
        soft = reduce_votes(rows, ["a", "b"], calibrated=calibrated)["soft"]
        return [choose_label(shares, "", ["a", "b"], 0)[0] for shares in soft]

    assert chosen(teachers[0], calibrated=False) == ["a"] * 40
    assert chosen(teachers[0], calibrated=True) == list(truth)
    assert chosen(pd.concat(teachers), calibrated=False) == ["a"] * 40
    assert chosen(pd.concat(teachers), calibrated=True) == list(truth)


def test_votes_of_several_teachers_count_alike() -> None:
    rows = votes(("x", "a", "ok"), ("x", "a", "ok"), ("x", "b", "ok"), ("y", "b", "ok"), ("y", "b", "parse_failed"))
    rows["teacher"] = ["s", "s", "t", "s", "t"]
    reduced = reduce_votes(rows, LABELS, calibrated=True)
    np.testing.assert_allclose(reduced.loc["x", "soft"], [2 / 3, 1 / 3, 0])
    assert reduced["votes"].to_dict() == {"x": 3, "y": 1}


def test_votes_are_counted_by_text_and_label() -> None:
    rows = votes(("y", "b", "ok"), ("x", "a", "ok"), ("y", "c", "ok"), ("z", "a", "refused"), ("y", "b", "ok"))
    counts = count_votes(rows, LABELS)
    assert counts.tolist() == [[0, 2, 1], [1, 0, 0]]
    assert counts.dtype == np.int64


def test_alpha_of_a_published_example() -> None:
    four_observers = [  # of twelve units, in Krippendorff 2011, Computing Krippendorff's Alpha-Reliability
        [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
        [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
    ]
    counts = np.array([[column.count(value) for value in range(1, 6)] for column in zip(*four_observers, strict=True)])
    assert measure_alpha(counts) == pytest.approx(0.743, abs=0.0005)


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_alpha_is_that_of_the_package_krippendorff(chance: float) -> None:
    rng = np.random.default_rng(1)
    counts = np.zeros((300, 4), dtype=np.int64)
    for text, true in enumerate(rng.integers(4, size=300)):
        for _ in range(rng.integers(5)):  # from no vote to four
            counts[text, rng.integers(4) if rng.random() < chance else true] += 1
    known = krippendorff.alpha(value_counts=counts, level_of_measurement="nominal")
    assert measure_alpha(counts) == pytest.approx(known, abs=1e-12)


@pytest.mark.parametrize(
    ("counts", "unanimous"),
    [
        ([[1, 0], [0, 1]], None),  # no text has two votes
        ([[3, 0], [2, 0]], 1.0),  # only one label was ever given
        ([[3, 0], [0, 1]], 1.0),  # the other label by a vote that has no other to agree with
        (np.zeros((0, 2), dtype=np.int64), None),
    ],
)
def test_where_alpha_is_not_defined_it_is_none(counts: Any, unanimous: float | None) -> None:
    assert measure_alpha(np.array(counts)) is None
    assert share_unanimous(np.array(counts)) == unanimous


def test_unanimous_is_a_share_of_the_texts_with_two_votes() -> None:
    assert share_unanimous(np.array([[2, 0], [1, 1], [0, 3], [1, 0], [2, 1]])) == 0.5
    assert share_unanimous(np.array([[1, 1], [0, 3], [1, 1]])) == pytest.approx(1 / 3)
    assert share_unanimous(np.array([[1, 1]])) == 0


def test_two_votes_that_differ_agree_as_chance_would() -> None:
    assert measure_alpha(np.array([[1, 1]])) == 0


def test_softmax_shares_one_out_by_the_powers_of_e() -> None:
    logits = np.log([[1.0, 3.0], [0.5, 0.5], [0.001, 0.004]])
    assert softmax(logits) == pytest.approx(np.array([[0.25, 0.75], [0.5, 0.5], [0.2, 0.8]]))


def test_votes_as_log_probabilities_share_one_out_by_text() -> None:
    rows = votes(("x", "b", "ok"), ("x", "a", "ok"), ("y", "c", "ok"), ("y", None, "http_error"))
    rows["label_logprobs"] = [list(np.log(row)) for row in ([0.1, 0.3, 0.1], [0.4, 0.2, 0.2], [0.2, 0.2, 0.4])] + [None]
    reduced = reduce_votes(rows, LABELS, calibrated=False)
    np.testing.assert_allclose(reduced.loc["x", "soft"], [0.35, 0.425, 0.225])
    np.testing.assert_allclose(reduced.loc["y", "soft"], [0.25, 0.25, 0.5])


def test_softmax_of_large_numbers_is_finite() -> None:
    logits = np.array([[1000.0, 0.0], [-1000.0, -1000.0]])
    assert softmax(logits) == pytest.approx(np.array([[1.0, 0.0], [0.5, 0.5]]))
