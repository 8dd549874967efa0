import pytest
from hypothesis import given
from hypothesis import strategies as st

from distil.tagging.windows import Window, choose_overlap, cut_windows


def test_seams_lie_in_the_middle_of_the_overlap() -> None:
    assert cut_windows(10, 6, 2) == [Window(0, 6, 0, 5), Window(4, 10, 5, 10)]
    assert cut_windows(9, 6, 2) == [Window(0, 6, 0, 4), Window(3, 9, 4, 9)]  # the last reaches back
    assert cut_windows(5, 6, 2) == [Window(0, 5, 0, 5)]
    assert cut_windows(0, 6, 2) == [Window(0, 0, 0, 0)]


@given(st.integers(0, 300), st.integers(1, 40), st.data())
def test_each_token_is_decided_once_by_a_window_that_reads_around_it(
    tokens: int, size: int, data: st.DataObject
) -> None:
    overlap = data.draw(st.integers(0, size - 1))
    windows = cut_windows(tokens, size, overlap)
    assert [token for window in windows for token in range(window.first, window.last)] == list(range(tokens))
    for window in windows:
        assert window.end - window.start == min(size, tokens)
        assert window.start in (0, *range(window.first - overlap // 2 + 1))
        assert window.end == tokens or window.end - window.last >= overlap // 2


@pytest.mark.parametrize(("size", "overlap"), [(4, 4), (4, 5), (4, -1), (0, 0)])
def test_windows_have_to_go_on(size: int, overlap: int) -> None:
    with pytest.raises(ValueError, match="windows of"):
        cut_windows(10, size, overlap)


def test_neighbours_share_a_quarter_and_always_go_on() -> None:
    assert [choose_overlap(size) for size in (126, 8, 3, 1)] == [31, 2, 0, 0]
