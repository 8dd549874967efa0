import numpy as np
import pandas as pd
import pytest

from distil.labels.params import SplitParams
from distil.labels.splits import assign, draw, find_straddling, find_test, keep_out

IDS = [f"{number:016x}" for number in range(4000)]


def make_rows(n: int = 1000, gold: bool = True) -> pd.DataFrame:
    return pd.DataFrame({"id": IDS[:n], "gold": "a" if gold else None, "split": None, "label": "a"})


def parts(rows: pd.DataFrame, test_share: float = 0.2, validation_share: float = 0.1) -> pd.Series:
    return assign(rows, test_share, validation_share, "salt").set_axis(rows["id"])


def test_the_shares_are_about_what_was_asked() -> None:
    counts = parts(make_rows(4000)).value_counts()
    assert counts["test"] == pytest.approx(800, abs=80)
    assert counts["validation"] == pytest.approx(320, abs=60)


def test_a_row_keeps_its_place_when_data_grow_or_labels_change() -> None:
    few = parts(make_rows(500))
    rows = make_rows(4000)
    rows.loc[::3, "label"] = None
    many = parts(rows)
    assert (few == "test").equals(many[few.index] == "test")
    assert not ((few == "train") & (many[few.index] == "validation")).any()


def test_another_salt_draws_another_split() -> None:
    assert (draw(IDS, 0.5, "one") != draw(IDS, 0.5, "two")).mean() == pytest.approx(0.5, abs=0.05)
    rows = make_rows(4000)
    one, two = (assign(rows, 0.5, 0.5, salt) for salt in ("one", "two"))
    assert ((one == "test") != (two == "test")).mean() == pytest.approx(0.5, abs=0.05)
    rest = (one != "test") & (two != "test")
    assert (one[rest] != two[rest]).mean() == pytest.approx(0.5, abs=0.05)
    assert one.value_counts()["validation"] == pytest.approx(1000, abs=100), "not those of test again"


def test_only_rows_with_gold_are_tested_on_and_only_labelled_ones_trained_on() -> None:
    rows = make_rows()
    rows.loc[::2, "gold"] = None
    rows.loc[::5, "label"] = None
    part = parts(rows).reset_index(drop=True)
    assert not (part[rows["gold"].isna()] == "test").any()
    assert not part[rows["label"].isna()].isin(["train", "validation"]).any()
    assert (part[rows["label"].isna() & rows["gold"].notna()] == "test").any()


def test_without_any_gold_labelled_rows_are_held_out() -> None:
    assert (parts(make_rows(gold=False)) == "test").sum() > 100


def test_the_source_s_own_split_is_kept() -> None:
    rows = make_rows()
    rows["split"] = np.where(rows.index < 300, "test", np.where(rows.index < 400, "validation", "train"))
    assert parts(rows).tolist() == ["test"] * 300 + ["validation"] * 100 + ["train"] * 600


def test_a_row_that_the_source_holds_out_never_trains() -> None:
    rows = make_rows()
    rows["split"] = np.where(rows.index < 300, "test", "train")
    rows.loc[:100, "gold"] = None
    assert set(parts(rows)[:101]) == {"none"}


def pair_up(rows: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Clusters of two rows, one of each half."""
    return np.tile(np.arange(len(rows) // 2), 2)


def test_a_cluster_is_test_if_a_row_of_it_is_drawn() -> None:
    rows = make_rows()
    alone, clusters = parts(rows), pair_up(rows)
    together = assign(rows, 0.2, 0.1, "salt", clusters).set_axis(rows["id"])
    assert (together[alone == "test"] == "test").all()
    halves = together.to_numpy().reshape(2, -1)
    assert (halves[0] == halves[1]).all()
    drawn = (alone == "test").to_numpy().reshape(2, -1).any(axis=0)
    assert ((halves[0] == "test") == drawn).all()
    assert not find_straddling(together, clusters).test.any()
    straddling = find_straddling(alone, clusters)
    assert straddling.test.sum() == straddling.learnt.sum() == (halves[0] == "test").sum() - both_drawn(alone)


def both_drawn(part: pd.Series) -> int:
    return int((part == "test").to_numpy().reshape(2, -1).all(axis=0).sum())


def test_test_rows_stay_test_rows_when_near_duplicates_come() -> None:
    rows = make_rows(4000)
    clusters = np.arange(4000) % 300
    few = assign(rows[:500], 0.2, 0.1, "salt", clusters[:500])
    many = assign(rows, 0.2, 0.1, "salt", clusters)
    assert (many[:500][few == "test"] == "test").all()


def test_a_near_duplicate_that_cannot_be_test_is_left_out_of_training() -> None:
    rows = make_rows()
    rows.loc[500:, "gold"] = None
    rows.loc[::10, "label"] = None
    part = assign(rows, 0.2, 0.1, "salt", pair_up(rows))
    mates = part[500:].set_axis(range(500))[part[:500] == "test"]
    assert set(mates) == {"near", "none"}
    assert set(mates[::1][rows["label"][500:].set_axis(range(500)).notna()[mates.index]]) == {"near"}


def test_near_duplicates_leave_the_source_s_own_split_alone() -> None:
    rows = make_rows()
    rows["split"] = np.where(rows.index < 300, "test", np.where(rows.index < 400, "validation", "train"))
    part = assign(rows, 0.2, 0.1, "salt", pair_up(rows))
    assert part.tolist() == ["test"] * 300 + ["validation"] * 100 + ["train"] * 100 + ["near"] * 300 + ["train"] * 200


def test_of_a_cluster_that_stays_together_one_drawn_row_calibrates_and_none_trains() -> None:
    rows, clusters = make_rows(1000), np.repeat(np.arange(100), 10)
    found = assign(rows, 0.02, 0.0, "salt", clusters, 0.1)
    calibrated = clusters[found == "calibration"]
    assert len(calibrated) == len(set(calibrated)) > 20
    assert not set(calibrated) & set(clusters[found == "train"])
    assert set(found[np.isin(clusters, calibrated)]) == {"calibration", "near"}


def test_test_rows_are_found_before_there_is_a_label() -> None:
    rows = make_rows(400).assign(text=[f"text number {number}" for number in range(400)]).drop(columns="label")
    params = SplitParams(test_share=0.3, validation_share=0.2, salt="salt")
    expected = assign(make_rows(400), 0.3, 0.2, "salt") == "test"
    assert find_test(rows, params).tolist() == expected.tolist()
    assert 0 < expected.sum() < 400
    salted = find_test(rows, params.model_copy(update={"salt": "other"}))
    assert salted.tolist() == (assign(make_rows(400), 0.3, 0.2, "other") == "test").tolist()


def test_without_gold_test_rows_are_drawn_among_those_that_have_a_label() -> None:
    rows = make_rows(400, gold=False).assign(text=[f"text number {number}" for number in range(400)])
    rows = rows.drop(columns="label")
    params = SplitParams(test_share=0.3, salt="salt")
    assert not find_test(rows, params).any()
    expected = assign(make_rows(400, gold=False), 0.3, params.validation_share, "salt") == "test"
    assert find_test(rows, params, "a").tolist() == expected.tolist()
    rows["split"] = ["test", "train"] * 200
    assert find_test(rows, params, "a").tolist() == [True, False] * 200


def test_where_near_duplicates_stay_together_all_of_a_cluster_are_test_rows() -> None:
    rng = np.random.default_rng(0)
    made = ["".join(rng.choice(list("abcdefgh "), 300)) for _ in range(200)]
    texts = [text + end for text in made for end in ("", "!")]
    rows = make_rows(400).assign(text=texts).drop(columns="label")
    together = find_test(rows, SplitParams(test_share=0.3, salt="salt", near_duplicates="together"))
    apart = find_test(rows, SplitParams(test_share=0.3, salt="salt"))
    assert together[::2].tolist() == together[1::2].tolist()
    assert together[apart].all()
    assert apart.sum() < together.sum() < 300


def test_calibration_rows_are_drawn_outside_of_all_others_and_where_the_teacher_abstained_too() -> None:
    rows = make_rows(2000)
    rows.loc[::4, "label"] = None
    rows.index = rows.index + 7
    without = assign(rows, 0.2, 0.1, "salt")
    part = assign(rows, 0.2, 0.1, "salt", calibration_share=0.5)
    assert part.index.equals(rows.index)
    drawn = part == "calibration"
    assert (part[~drawn] == without[~drawn]).all()
    assert set(without[drawn]) == {"train", "none"}
    assert drawn[rows["label"].isna()].any()
    rest = without.isin(["train", "none"])
    assert drawn[rest].mean() == pytest.approx(0.5, abs=0.05)
    assert drawn.tolist() == (rest & draw(rows["id"], 0.5, "salt:calibration")).tolist()


def test_a_row_that_the_source_calls_test_calibrates_nothing() -> None:
    rows = make_rows()
    rows["split"] = np.where(rows.index < 300, "test", "train")
    rows.loc[:100, "gold"] = None
    part = assign(rows, 0.2, 0.1, "salt", calibration_share=1.0)
    assert part[:101].tolist() == ["none"] * 101
    assert part[101:300].tolist() == ["test"] * 199


def test_of_a_cluster_one_row_calibrates_and_the_others_are_near() -> None:
    rows = make_rows(400)
    part = assign(rows, 0.2, 0.0, "salt", pair_up(rows), calibration_share=1.0)
    first, second = part.to_numpy().reshape(2, -1)
    assert set(zip(first, second, strict=True)) == {("test", "test"), ("calibration", "near")}, "the least id is drawn"


def test_audited_rows_neither_train_nor_validate_and_what_is_near_them_neither() -> None:
    rows = pd.DataFrame({"id": IDS[:7], "part": ["train", "train", "validation", "validation", "test", "near", "none"]})
    audited = rows["id"].iloc[[0, 2, 4, 5, 6]]
    assert keep_out(rows, audited).tolist() == ["audit", "train", "audit", "validation", "test", "audit", "none"]
    clusters = np.array([1, 1, 2, 2, 3, 4, 5])
    assert keep_out(rows, audited, clusters).tolist() == ["audit", "near", "audit", "near", "test", "audit", "none"]
