import pytest
from growth import grows_in_proportion
from hypothesis import given
from hypothesis import strategies as st

from distil.kinds.token_classification.labelling.finding import Named, find_spans, mark_bounds
from distil.kinds.token_classification.labelling.folding import fold


def find(text: str, *surfaces: str) -> list[str | None]:
    """Where each surface is found, as start-end, and None at the end for each that is not."""
    spans, unplaced = find_spans(text, [Named(surface, "x") for surface in surfaces])
    return [*(f"{span.start}-{span.end}" for span in spans), *[None] * unplaced]


@pytest.mark.parametrize(
    ("text", "surfaces", "places"),
    [
        ("Also, Al met Al", ["Al", "Al"], ["6-8", "13-15"]),
        ("Al met Al", ["Al", "Al", "Al"], ["0-2", "7-9", None]),
        ("Bo met Al and Bo", ["Al", "Bo"], ["7-9", "14-16"]),  # at or after the last one found
        ("Bo met Al", ["Al", "Bo"], ["0-2", "7-9"]),  # else anywhere
        ("New York", ["York", "New York"], ["4-8", None]),  # named first, has its place
        ("New York", ["New York", "York"], ["0-8", None]),
        ("@al met @ al", ["@", "al"], ["8-9", "10-12"]),  # a sign that stands apart goes first
        ("mail @al", ["@"], ["5-6"]),
        ("BERLIN and Berlin", ["Berlin", "berlin"], ["0-6", "11-17"]),
        ("the Cafe\u0301 Zoe\u0308", ["caf\u00e9 zo\u00eb"], ["4-14"]),
        ("the caf\u00e9", ["cafe"], ["4-8"]),
        ("cafe\u0301s", ["cafe"], [None]),
        ("\ufb01ne", ["fine"], ["0-3"]),
        ("\ufb01ne", ["ine"], [None]),
        ("New\r\n\tYork", [" New York "], ["0-10"]),
        ("did n't", ["didn't"], ["0-7"]),
        ("\u201cIt\u2019s\u201d \u2013 now", ['"It\'s" - now'], ["0-12"]),
        ("zero\u200bwidth", ["zerowidth"], ["0-10"]),
        (
            "\U0001f468\u200d\U0001f469\u200d\U0001f467 Ann",
            ["Ann", "\U0001f468\u200d\U0001f469\u200d\U0001f467"],
            ["0-5", "6-9"],
        ),
        ("\u6211\u4f4f\u5728\u5317\u4eac", ["\u5317\u4eac"], ["3-5"]),
        ("\u05e9\u05dc\u05d5\u05dd \u05d3\u05e0\u05d4", ["\u05d3\u05e0\u05d4"], ["5-8"]),
        ("Anna", ["Ann", "", " ", "\u200b"], [None] * 4),
        ("", ["x"], [None]),
        ("one two", ["one too"], [None]),  # nothing similar
    ],
)
def test_what_is_named_is_found_in_order_at_the_bounds_of_words(
    text: str, surfaces: list[str], places: list[str | None]
) -> None:
    assert find(text, *surfaces) == places


def test_an_answer_by_label_begins_anew_with_each() -> None:
    named = [Named("Al", "per"), Named("Bo", "per"), Named("Al", "org")]
    spans, _ = find_spans("Al, Bo, Al", named)
    assert [(span.start, span.label) for span in spans] == [(0, "per"), (4, "per"), (8, "org")]
    spans, _ = find_spans("Ox, Al, Ox", [Named("Al", "per"), Named("Ox", "org")], by_label=True)
    assert [(span.start, span.label) for span in spans] == [(0, "org"), (4, "per")]


@pytest.mark.parametrize(
    ("piece", "surfaces", "size"),
    [
        ("a", ["a" * length for length in range(1, 440)], 40_000),
        ("a ", ["a " * length + "a" for length in range(100)], 4_000),
        ("ab ", ["ab"] * 20_000, 8_000),
        ("x", [str(number) for number in range(20_000)], 8_000),
        ("e\u0301", ["\u00e9" * length for length in range(1, 440)], 20_000),
    ],
)
def test_a_text_takes_time_in_proportion(piece: str, surfaces: list[str], size: int) -> None:
    assert grows_in_proportion(lambda times: find(piece * times, *surfaces), size)


@given(st.text(st.characters(exclude_categories=[]), max_size=30))
def test_folding_knows_where_everything_came_from(text: str) -> None:
    folded = fold(text)
    assert len(folded.text) == len(folded.origin)
    assert "".join(fold(text[at]).text for at in dict.fromkeys(folded.origin)) == folded.text
    assert fold(folded.text).text == folded.text


@given(st.text(st.characters(exclude_categories=[]), max_size=30), st.data())
def test_a_place_that_is_found_has_what_was_named(text: str, data: st.DataObject) -> None:
    bounds = [place for place, bound in enumerate(mark_bounds(text)) if bound]
    start, end = sorted(data.draw(st.tuples(st.sampled_from(bounds), st.sampled_from(bounds))))
    surface = text[start:end]
    spans, unplaced = find_spans(text, [Named(surface, "x")])
    assert unplaced == 0 or not fold(surface).text or surface != surface.strip()
    for span in spans:
        assert fold(text[span.start : span.end]).text == fold(surface).text
        assert span.start in bounds
        assert span.end in bounds
