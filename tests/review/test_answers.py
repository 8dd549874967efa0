from pathlib import Path

import pytest
from pydantic import ValidationError
from toy_review import answer, write_review

from distil.core.errors import InputError
from distil.review.answers import answers_path, append_answers, keep_current, name_reader, read_answers

TEXTS = ["one", "two", "three"]


def test_the_last_answer_counts_and_one_may_be_withdrawn(tmp_path: Path) -> None:
    places = write_review(tmp_path, TEXTS, ["a"] * 3, audited=1)
    answer(places, "queue", ["two", "three"], "a")
    answer(places, "queue", ["two"], "b")
    answer(places, "queue", ["three"], None, status="withdrawn")
    answer(places, "queue", ["two"], "a", reader="ben")
    assert [(each.reader, each.label) for each in keep_current(read_answers(places.folder))] == [
        ("anna", "b"),
        ("ben", "a"),
    ]
    assert len(read_answers(places.folder)) == 5, "and nothing is lost"


@pytest.mark.parametrize(("end", "kept"), [(b'{"sheet": "que', 1), (b"", 1), (None, 1)])
def test_half_a_line_is_passed_over_and_cut_off(tmp_path: Path, end: bytes | None, kept: int) -> None:
    places = write_review(tmp_path, TEXTS, ["a"] * 3, audited=1)
    (given,) = answer(places, "queue", ["two"], "a")
    path = answers_path(places.folder, "anna")
    path.write_bytes(path.read_bytes().rstrip(b"\n") if end is None else path.read_bytes() + end)
    assert len(read_answers(places.folder)) == kept
    append_answers(places.folder, [given.model_copy(update={"label": "b"})])
    assert [each.label for each in read_answers(places.folder)] == ["a", "b"]


def test_a_line_that_is_no_answer_is_told_with_its_number(tmp_path: Path) -> None:
    places = write_review(tmp_path, TEXTS, ["a"] * 3, audited=1)
    answer(places, "queue", ["two", "three"], "a")
    path = answers_path(places.folder, "anna")
    path.write_text(path.read_text().replace('"label": "a"', '"label": null', 1))
    with pytest.raises(InputError, match=r"anna.jsonl, line 1: .*status labelled without a label; mend the line"):
        read_answers(places.folder)
    path.write_text("{}\n")
    with pytest.raises(InputError, match="line 1: sheet: Field required"):
        read_answers(places.folder)


def test_names_of_readers() -> None:
    assert name_reader(" Anna  Berg ") == "anna-berg"
    assert name_reader("\u0645\u0631\u064a\u0645") == "\u0645\u0631\u064a\u0645"
    for name in ("", "..", "a/b", "../x", "a" * 65, "-\n"):
        with pytest.raises(ValueError, match="is no name for a reader"):
            name_reader(name if name != "-\n" else "a\0b")


def test_a_hash_of_another_text_and_a_time_without_its_zone_are_refused(tmp_path: Path) -> None:
    places = write_review(tmp_path, TEXTS, ["a"] * 3, audited=1)
    for wrong in ({"text_sha": "0" * 64}, {"at": "2026-01-31T12:00:00"}, {"status": "skipped"}):
        with pytest.raises(ValidationError):
            answer(places, "queue", ["two"], "a", **wrong)
