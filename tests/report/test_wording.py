import pytest

from distil.report.wording import join_sources, number_sources, write_plain, write_seconds, write_sentence


@pytest.mark.parametrize(
    ("number", "written"),
    [(153.0, "153"), (3061.0, "3,061"), (2.7, "2.7"), (0.12, "0.12"), (1100.0, "1,100"), (0.10264, "0.10264")],
)
def test_a_number_that_was_given_has_no_end_of_zeros(number: float, written: str) -> None:
    assert write_plain(number) == written


@pytest.mark.parametrize(
    ("seconds", "written"), [(0.000816, "<0.1"), (0.505, "0.5"), (18.9, "18.9"), (203.4, "203"), (4321.0, "4,321")]
)
def test_seconds_of_a_training_are_no_finer_than_a_tenth(seconds: float, written: str) -> None:
    assert write_seconds(seconds) == written


def test_a_note_stands_alone_as_a_sentence() -> None:
    assert write_sentence("answers are short") == "Answers are short."
    assert write_sentence("The student reads on.") == "The student reads on."
    assert write_sentence("metrics/annotate.json has none") == "metrics/annotate.json has none."


def test_sources_that_begin_alike_are_told_once() -> None:
    table = "genai-prices 0.2.3"
    providers = [f"{table}, provider {name}" for name in ("openai", "together", "openai", "google")]
    assert join_sources(providers) == f"{table}, provider openai, together, google"
    assert join_sources([*providers[:1], "the vendor's list"]) == f"{table}, provider openai; the vendor's list"
    assert join_sources([table, f"{table}, provider a"]) == f"{table}, provider a"
    assert join_sources([f"{table}, provider", f"{table}, provider a"]) == f"{table}, provider, provider a"
    assert join_sources([]) == ""


def test_sources_are_numbered_as_they_come_first() -> None:
    assert number_sources(["a", None, "b", "a"]) == {"a": 1, "b": 2}
