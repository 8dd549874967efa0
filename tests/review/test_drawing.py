import numpy as np
import pandas as pd
import pytest

from distil.core.ids import text_sha
from distil.review.drawing import cast_lots, draw_audit, find_reserve

COUNT = 2000


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    shas = [text_sha(f"text {number}") for number in range(COUNT)]
    rows = pd.DataFrame({"text_sha": shas}, index=[sha[:16] for sha in shas])
    rows["label"] = rng.choice(["a", "b", "c", "d"], COUNT, p=[0.6, 0.3, 0.09, 0.01])
    rows["consent"] = rng.choice([1 / 3, 2 / 3, 1.0], COUNT, p=[0.02, 0.18, 0.8])
    rows.loc[rows.index[:10], ["label", "consent"]] = [None, np.nan]
    return rows.assign(lot=cast_lots(rows.index, 0))


def test_strata_stand_for_all_texts_and_rows_say_how_likely_they_were(frame: pd.DataFrame) -> None:
    rows = draw_audit(frame, [], 200, 0.3, 0, 1)
    assert len({row.id for row in rows}) == 200
    assert all(frame.at[row.id, "lot"] < 0.3 for row in rows)
    strata = {row.stratum: row.stratum_texts for row in rows}
    assert sum(strata.values()) == COUNT
    assert len(strata) > 5
    table = pd.DataFrame([(row.stratum, row.stratum_texts, row.inclusion) for row in rows], columns=["name", "n", "p"])
    counts = table["name"].value_counts()
    assert np.allclose(table["p"], table["name"].map(counts) / table["n"])
    assert counts.min() >= 2
    unsure = frame.loc[[row.id for row in rows], "consent"] < 1
    assert unsure.mean() == pytest.approx((frame["consent"] < 1).mean(), abs=0.02), "in proportion"


def test_drawing_is_reproducible_and_depends_on_the_seed(frame: pd.DataFrame) -> None:
    assert draw_audit(frame, [], 50, 0.3, 0, 1) == draw_audit(frame[::-1], [], 50, 0.3, 0, 1)
    other = frame.assign(lot=cast_lots(frame.index, 1))
    assert {row.id for row in draw_audit(other, [], 50, 0.3, 1, 1)} != {
        row.id for row in draw_audit(frame, [], 50, 0.3, 0, 1)
    }


def test_drawing_again_adds_and_comes_to_what_one_draw_of_all_would(frame: pd.DataFrame) -> None:
    first = draw_audit(frame, [], 100, 0.3, 0, 1)
    second = draw_audit(frame, first, 100, 0.3, 0, 2)
    assert [row.id for row in second[:100]] == [row.id for row in first]
    assert {row.draw for row in second[100:]} == {2}
    once = {row.id for row in draw_audit(frame, [], 200, 0.3, 0, 1)}
    assert len(once & {row.id for row in second}) > 185
    assert sum({row.stratum: row.stratum_texts for row in second}.values()) == COUNT


def test_a_row_keeps_the_highest_rate_when_the_teacher_s_labels_change(frame: pd.DataFrame) -> None:
    first = draw_audit(frame, [], 100, 0.3, 0, 1)
    changed = frame.assign(consent=frame["consent"].sample(frac=1, random_state=0).to_numpy())
    second = draw_audit(changed, first, 100, 0.3, 0, 2)
    before = {row.id: row.inclusion for row in first}
    assert all(row.inclusion >= before.get(row.id, 0) for row in second)
    told = sum({row.stratum: row.stratum_texts for row in second}.values())
    assert told == pytest.approx(COUNT, rel=0.02)


def test_half_a_sheet_has_half_of_each_stratum(frame: pd.DataFrame) -> None:
    rows = draw_audit(frame, [], 200, 0.3, 0, 1)
    counts = pd.Series([row.stratum for row in rows]).value_counts()
    half = pd.Series([row.stratum for row in rows[:100]]).value_counts().reindex(counts.index, fill_value=0)
    assert (half - counts / 2).abs().max() <= 1


def test_what_is_set_aside_for_the_audit_is_never_among_the_queue() -> None:
    none = np.array([])
    assert find_reserve(100, 10_000, none) == 0.25
    assert find_reserve(150, 400, none) == 0.5
    assert find_reserve(150, 400, np.array([0.9, 0.31])) == 0.31
    small = pd.DataFrame({"text_sha": [text_sha(str(number)) for number in range(40)], "label": "a", "consent": 1.0})
    small.index = small["text_sha"].str[:16]
    small["lot"] = cast_lots(small.index, 0)
    assert len(draw_audit(small, [], 30, 0.5, 0, 1)) == int((small["lot"] < 0.5).sum()), "no more than there are"


def test_texts_that_are_gone_keep_their_rows(frame: pd.DataFrame) -> None:
    first = draw_audit(frame, [], 20, 0.3, 0, 1)
    later = draw_audit(frame.drop(index=first[0].id), first, 5, 0.3, 0, 2)
    assert later[0] == first[0]
    assert len(later) == 25
