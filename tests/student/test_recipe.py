from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distil.student.params import TrainParams
from distil.student.recipe import Rows, fit_recipe


def make(**named: Any) -> TrainParams:
    return TrainParams(base="tiny", **named)


def test_a_knob_that_is_named_is_obeyed_and_the_rest_is_told_with_its_reason() -> None:
    params, told = fit_recipe(make(epochs=7, batch_size=8), Rows(2000, 2, 384))
    assert (params.epochs, params.batch_size) == (7, 8)
    assert told["epochs"] == {"value": 7, "by": "params", "why": None}
    assert told["learning_rate"] == {
        "value": params.learning_rate,
        "by": "auto",
        "why": "for a base of hidden size 384",
    }
    assert {name: knob["value"] for name, knob in told.items()} == {name: getattr(params, name) for name in told}


@given(texts=st.integers(2, 10**6), labels=st.integers(2, 500), width=st.sampled_from([32, 384, 768, 1024]))
def test_few_texts_and_many_labels_take_more_epochs(texts: int, labels: int, width: int) -> None:
    params, _ = fit_recipe(make(), Rows(texts, labels, width))
    fewer, _ = fit_recipe(make(), Rows(max(2, texts // 2), labels, width))
    more, _ = fit_recipe(make(), Rows(texts, 2 * labels, width))
    assert isinstance(params.epochs, int)
    assert isinstance(fewer.epochs, int)
    assert isinstance(more.epochs, int)
    assert more.epochs >= params.epochs
    assert fewer.epochs >= params.epochs
    assert params.recipe == "auto"


def test_a_wider_base_learns_more_slowly() -> None:
    small, large = (fit_recipe(make(), Rows(1000, 2, width))[0].learning_rate for width in (384, 768))
    assert small == pytest.approx(4 * large)
