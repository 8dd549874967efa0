"""Parts of a batch: each text once, none too large, and no dearer than the longest texts first."""

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distil.encoders.batching import batch_by_tokens
from distil.serve.alike import TOKENS_A_PART, group_alike


@given(lengths=st.lists(st.integers(1, 200), max_size=40), most=st.integers(1, 300))
def test_each_text_is_in_one_part_and_the_cost_is_no_higher_than_the_students_own(
    lengths: list[int], most: int
) -> None:
    parts = group_alike(lengths, most)
    assert sorted(chain(*parts)) == list(range(len(lengths)))
    sizes = [max(lengths[place] for place in part) * len(part) for part in parts]
    assert all(size <= most or len(part) == 1 for size, part in zip(sizes, parts, strict=True))
    own = [part.tolist() for part in batch_by_tokens(lengths, most)]
    own_cost = sum(max(lengths[place] for place in part) * len(part) + TOKENS_A_PART for part in own)
    assert sum(sizes) + TOKENS_A_PART * len(parts) <= own_cost


@pytest.mark.parametrize(
    ("lengths", "parts"),
    [([], []), ([10, 10, 10], [[0, 1, 2]]), ([10, 100, 10], [[1], [0, 2]]), ([400, 3], [[0], [1]])],
)
def test_texts_of_like_length_are_together(lengths: list[int], parts: list[list[int]]) -> None:
    assert group_alike(lengths, 256) == parts
