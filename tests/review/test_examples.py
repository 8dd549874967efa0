"""Texts on which people overruled the teacher: which are offered, which are chosen, and how they are written."""

import csv
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from toy_review import answer, write_review

from distil.classifiers.canonical import load_writer
from distil.core.ids import text_id
from distil.core.params import Kind
from distil.forms.labelling import load_labelling
from distil.prompting.examples import read_examples
from distil.quality.judging import load_judging
from distil.review.examples import (
    NO_ANSWER,
    Barred,
    Offer,
    Overruled,
    add_examples,
    choose_balanced,
    count_confusions,
    find_overruled,
)
from distil.review.opening import Places
from distil.review.settling import settle

LABELS = ["a", "b", "c"]
TEXTS = [
    "the hinge snapped on the second day",
    "battery charges during a lunch break",
    "no manual came with this camera at all",
    "sound is clear and the bass is deep",
    "it arrived late and the box was torn",
    "my daughter loves to draw with it",
    "works as described, nothing more to say",
]


def find(places: Places, barred: Sequence[str] = (), shown: Sequence[str] = (), kind: Kind = "classification") -> Offer:
    settle(places.folder)
    read_cell = partial(load_labelling(kind).form.read_cell, labels=LABELS)
    return find_overruled(places, Barred(set(map(text_id, barred))), shown, read_cell, load_judging(kind))


def overruled(number: int, said: str, right: str) -> Overruled:
    return Overruled(str(number), f"text {number}", right, "", [(said, right)])


def test_what_readers_agree_on_comes_first_then_the_newest(tmp_path: Path) -> None:
    places = write_review(tmp_path, TEXTS, ["a", "a", "a", None, "b", "a", "a"], audited=0)
    answer(places, "queue", TEXTS[:5], "b")
    answer(places, "queue", TEXTS[1:2], "b", reader="ben")
    offer = find(places)
    assert [row.text for row in offer.rows] == [TEXTS[place] for place in (1, 3, 2, 0)], "on the fifth they agree"
    assert [row.confusions for row in offer.rows] == [[("a", "b")], [(NO_ANSWER, "b")], [("a", "b")], [("a", "b")]]
    assert not offer.left_out


def test_what_estimates_is_no_example_nor_what_is_nearly_the_same(tmp_path: Path) -> None:
    texts = [*TEXTS, TEXTS[0] + "!", TEXTS[1].upper()]
    places = write_review(tmp_path, texts, ["a"] * len(texts), audited=0)
    answer(places, "queue", texts, "b")
    offer = find(places, barred=[TEXTS[0], TEXTS[2]], shown=[f"{TEXTS[3]}..."])
    assert {row.text for row in offer.rows} == {*TEXTS[4:], TEXTS[1].upper()}
    assert offer.left_out == {
        "rows of the audit or of test": 2,
        "nearly the same as one of these": 1,
        "nearly the same as another example": 2,
    }


def test_confusions_and_labels_take_turns() -> None:
    rows = [overruled(number, "a", "b") for number in range(5)]
    rows += [overruled(5, "b", "a"), overruled(6, "c", "b"), overruled(7, "b", "c")]
    chosen = choose_balanced(rows, 5, [])
    assert [row.confusions[0] for row in chosen] == [("a", "b"), ("b", "a"), ("b", "c"), ("c", "b"), ("a", "b")]
    assert count_confusions(chosen)[0] == (("a", "b"), 2)
    assert choose_balanced(rows, 1, [["b"], ["b"], ["a"]])[0].confusions == [("b", "c")], "b and a are shown already"
    assert len(choose_balanced(rows, 100, [])) == 8


CASES: list[tuple[Kind, Any, Any, list[tuple[str, str]], str]] = [
    ("classification", "a", "b", [("a", "b")], "b"),
    ("multi_label", ["a"], ["a", "c"], [("none", "c")], '["a", "c"]'),
    (
        "token_classification",
        [(0, 9, "a")],
        [(4, 9, "b")],
        [("a", "none"), ("none", "b")],
        "the <b>hinge</b> snapped on the second day",
    ),
]


@pytest.mark.parametrize(("kind", "said", "right", "confusions", "cell"), CASES)
def test_each_kind_is_written_as_a_person_reads_it_and_read_as_it_was(
    tmp_path: Path, kind: Kind, said: Any, right: Any, confusions: list[tuple[str, str]], cell: str
) -> None:
    write, form = load_writer(kind), load_labelling(kind).answers
    places = write_review(tmp_path, TEXTS, [write(said)] * len(TEXTS), audited=0)
    answer(places, "queue", TEXTS[:1], write(right), note="it was about the hinge")
    offer = find(places, kind=kind)
    assert sorted(offer.rows[0].confusions) == confusions
    path = tmp_path / "examples.csv"
    add_examples(path, offer.rows, form, LABELS)
    with path.open(newline="") as file:
        assert [row["label"] for row in csv.DictReader(file)] == [cell]
    (example,) = read_examples(path, LABELS, form, need_reasons=True)
    assert (example.text, example.label, example.reason) == (TEXTS[0], write(right), "it was about the hinge")


def test_lines_that_are_there_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "examples.csv"
    mine = b'\xef\xbb\xbfreason,label,text,mine\r\n"so, there",a,"one ""text""",x'
    path.write_bytes(mine)
    add_examples(path, [overruled(1, "a", "b")._replace(text='two\n"lines", = 1', note=" ")], load_answers(), LABELS)
    assert path.read_bytes() == mine + b'\r\n ,b,"two\n""lines"", = 1",\r\n'
    with path.open(encoding="utf-8-sig", newline="") as file:
        assert len(list(csv.DictReader(file))) == 2
    assert [example.reason for example in read_examples(path, LABELS, load_answers())] == ["so, there", None]


def load_answers() -> Any:
    return load_labelling("classification").answers
