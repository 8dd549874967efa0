"""A text's id, and the merging of rows that share one."""

import pandas as pd

from distil.core.ids import text_id
from distil.texts.duplicates import merge_duplicates


def rows(*cells: tuple[str, str | None, str | None]) -> pd.DataFrame:
    return pd.DataFrame(cells, columns=["text", "gold", "split"], dtype=str)


def test_id_is_the_hash_of_the_folded_text() -> None:
    assert text_id("hello world") == "b94d27b9934d3e08"  # the first half of the sha256's first half
    assert text_id(" hello \n\t world\u00a0") == text_id("hello world")
    assert text_id("cafe\u0301") == text_id("caf\u00e9")
    assert text_id("Hello world") != text_id("hello world")


def test_duplicates_keep_the_first_text_and_any_gold() -> None:
    merged = merge_duplicates(
        rows(("a  b", None, None), ("c", "no", None), ("a b", "yes", None), ("a\nb", "yes", None))
    )
    assert merged.rows["text"].tolist() == ["a  b", "c"]
    assert merged.rows["gold"].tolist() == ["yes", "no"]
    assert (merged.duplicates, len(merged.conflicts)) == (2, 0)


def test_gold_that_disagrees_is_taken_away_and_shown() -> None:
    merged = merge_duplicates(rows(("a", "yes", None), ("b", "no", None), ("a ", "no", None), ("a", None, None)))
    assert merged.rows["gold"].isna().tolist() == [True, False]
    assert merged.conflicts[["text", "gold"]].to_numpy().tolist() == [["a", "yes"], ["a ", "no"]]


def test_text_of_several_splits_goes_to_test_then_validation() -> None:
    cells = [("a", None, "train"), ("b", None, "train"), ("c", None, None), ("d", None, None)]
    more = [("a", None, "test"), ("a", None, "validation"), ("b", None, "validation"), ("c", None, "train")]
    merged = merge_duplicates(rows(*cells, *more))
    assert merged.rows["split"].fillna("none").tolist() == ["test", "validation", "train", "none"]


def test_places_are_those_of_the_text_that_has_them() -> None:
    some = rows(("Anna  Berg sings", None, None), ("Anna Berg sings", "5-9", None))
    assert merge_duplicates(some).rows["text"].tolist() == ["Anna  Berg sings"]
    assert merge_duplicates(some, placed=True).rows[["text", "gold"]].to_numpy().tolist() == [
        ["Anna Berg sings", "5-9"]
    ]
