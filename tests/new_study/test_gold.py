"""What a column of people's labels is taken for."""

import pandas as pd
import pytest

from distil.core.errors import InputError
from distil.core.params import Kind
from distil.new_study.gold import choose_gold, order_labels, read_kind

ONE = ["good", "bad", "good", "bad", None, ""]


def column(cells: list[str | None]) -> pd.Series:
    return pd.Series(cells, dtype="str")


@pytest.mark.parametrize(
    ("cells", "kind", "labels"),
    [
        (ONE, "classification", {"good", "bad"}),
        (["1", "2", "1", "2"], "classification", {"1", "2"}),
        (["Home, garden", "Books", "Books", "Home, garden"], "classification", {"Home, garden", "Books"}),
        (['["joy"]', '["joy", "love"]', "[]", '["love"]'], "multi_label", {"joy", "love"}),
        (["joy;love", "joy", "love", "joy;love"], "multi_label", {"joy", "love"}),
        (["joy, love", "joy", "love", "none"], "multi_label", {"joy", "love"}),
        (["['joy']", "['joy', 'love']", "['love']", "[]"], "multi_label", {"joy", "love"}),
        (['[{"start": 0, "end": 3, "label": "PER"}]', "[]", '[[0, 2, "LOC"]]', '[[0, 2, "LOC"], [3, 4, "PER"]]'],
         "token_classification", {"PER", "LOC"}),
        ([f"text {number} of many" for number in range(40)], None, set()),  # as many values as rows
        ([str(number) for number in range(40)], None, set()),
        (["de"] * 40, None, set()),
        (["", None, " "], None, set()),
        (["x" * 70, "y" * 70] * 20, None, set()),
    ],
)  # fmt: skip
def test_the_form_of_the_cells_tells_the_kind(cells: list[str | None], kind: Kind | None, labels: set[str]) -> None:
    gold = read_kind("c", column(cells))
    assert (gold.kind if gold else None, set(gold.labels) if gold else set()) == (kind, labels)


def test_of_several_columns_that_could_be_labels_name_or_form_decides_or_the_user() -> None:
    one, other = column(["a", "b"] * 5), column(["x", "y", "z", "x", "y"] * 2)
    lists = column(['["a"]', '["b"]'] * 5)
    chosen = choose_gold({"country": one, "Label": other}, None)
    assert chosen is not None and chosen.column == "Label"
    chosen = choose_gold({"country": one, "topics": lists}, None)
    assert chosen is not None and (chosen.column, chosen.kind) == ("topics", "multi_label")
    assert choose_gold({"country": one, "topics": lists}, "classification") is not None
    with pytest.raises(InputError, match="each of country, shop could be people's labels; say which: --gold-column"):
        choose_gold({"country": one, "shop": other}, None)
    assert choose_gold({}, None) is None


def test_columns_of_0_and_1_are_a_label_each() -> None:
    flags = {"toxic": column(["1", "0", "0", "1"]), "insult": column(["0", "0", "1.0", "1"])}
    gold = choose_gold(flags, None)
    assert gold is not None
    assert (gold.column, gold.kind) == (["toxic", "insult"], "multi_label")
    assert gold.labels == {"toxic": 2, "insult": 2}
    alone = choose_gold({"toxic": flags["toxic"]}, None)
    assert alone is not None and (alone.column, alone.kind) == ("toxic", "classification")


def test_labels_stand_in_the_order_of_the_alphabet_and_numbers_in_that_of_their_size() -> None:
    assert order_labels(["b", "a10", "a9", "10", "2"]) == ["2", "10", "a9", "a10", "b"]
