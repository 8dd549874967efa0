from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from distil.audit.measuring import SecondOpinion, find_second_opinion, measure_audit, open_audit, pick_trust
from distil.audit.rows import HEADER
from distil.classifiers.canonical import load_softener, load_writer
from distil.core.ids import text_sha
from distil.core.params import Kind
from distil.quality.judging import load_judging

COUNT = 100


def write_audit(path: Path, labels: Sequence[str | None]) -> None:
    lines = [
        f'{text_sha(str(number))[:16]},{text_sha(str(number))},"{(label or "").replace(chr(34), chr(34) * 2)}",ann,t,,'
        f"{'labelled' if label else 'unsure'},s{number % 2},{COUNT // 2},0.2\n"
        for number, label in enumerate(labels)
    ]
    path.write_text(f"{HEADER}\n{''.join(lines)}")


def make_tables(teacher: str, gold: str | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    ids = [text_sha(str(number))[:16] for number in range(COUNT)]
    texts = pd.DataFrame({"id": ids, "text": [str(number) for number in range(COUNT)], "gold": None, "split": None})
    texts.loc[90:, "gold"] = gold
    return texts, pd.DataFrame({"id": ids, "teacher_label": teacher, "soft": None, "source": "teacher"})


CASES: list[tuple[Kind, Any, Any]] = [
    ("classification", "a", "b"),
    ("multi_label", ["a"], ["a", "b"]),
    ("token_classification", [(0, 1, "a")], [(0, 1, "b")]),
]


@pytest.mark.parametrize(("kind", "right", "wrong"), CASES)
def test_teacher_and_student_are_estimated_for_each_kind(tmp_path: Path, kind: Kind, right: Any, wrong: Any) -> None:
    write, form = load_writer(kind), load_judging(kind)
    known, other = write(right), write(wrong)
    write_audit(tmp_path / "audit.csv", [known] * 18 + [other] * 2 + [None] * 2)
    texts, labels = make_tables(known)
    labels["soft"] = [load_softener(kind)(known, ["a", "b"])] * COUNT
    people = labels.assign(source="human", teacher_label=None)
    found = measure_audit(open_audit(tmp_path / "audit.csv", texts, texts["id"], people), [known] * 22, None, form, 0.9)
    told = [(one["abstained"], one["labels"], one["agreement"]) for one in found["strata"]]
    assert told == [(11, [], None)] * 2, "shares of people are no votes"
    audit = open_audit(tmp_path / "audit.csv", texts, texts["id"][90:], labels)
    student = [known, None, *[known] * 19, other]
    found = measure_audit(audit, student, None, form, 0.95)
    name = "accuracy" if kind == "classification" else "exact_match"
    assert (found["rows"], found["labelled"], found["unsure"], found["texts"], found["score"]) == (22, 20, 2, 100, name)
    teacher, said = found["systems"]["teacher"], found["systems"]["student"]
    assert teacher[name] == pytest.approx(0.9)
    assert said[name] == pytest.approx(0.85)
    stratum = {"texts": 50, "rows": 11, "labelled": 10, "labels": ["a"], "abstained": 0, "agreement": 1.0}
    assert found["strata"] == [stratum] * 2
    assert teacher["low"] < 0.9 < teacher["high"]
    assert teacher["if_unanswered_wrong"]["value"] == pytest.approx(18 / 22)
    assert teacher["high"] - teacher["low"] < said["high"] - said["low"], "of these very texts a fifth was read"
    if kind != "classification":
        f1 = form.score_labels([known] * 18 + [other] * 2, [known] * 20, ["a", "b"])["micro_f1"]
        assert teacher["micro_f1"]["value"] == pytest.approx(f1)
    assert pick_trust(found) == {
        "audited": 20,
        "teacher": {key: teacher[key] for key in (name, "low", "high")},
        "student": {key: said[key] for key in (name, "low", "high")},
    }


def test_texts_that_are_gone_and_test_rows_with_gold_are_no_part_of_it(tmp_path: Path) -> None:
    write_audit(tmp_path / "audit.csv", ["a"] * 10)
    texts, labels = make_tables("a", gold="a")
    audit = open_audit(tmp_path / "audit.csv", texts[2:], texts["id"][90:], labels)
    assert (audit.gone, len(audit.rows), audit.texts, audit.answered) == (2, 8, 88, 88)
    assert find_second_opinion(audit, ["a"], ["a"]) is None, "test rows have gold here, and the others have not"


def test_nothing_is_estimated_without_a_row(tmp_path: Path) -> None:
    texts, labels = make_tables("a")
    audit = open_audit(tmp_path / "none.csv", texts, texts["id"][90:], labels)
    second = find_second_opinion(audit, ["a", None, "b"], ["a", "a", "a"])
    assert second == SecondOpinion(2, 1)
    found = measure_audit(audit, [], second, load_judging("classification"), 0.95)
    assert (found["systems"], pick_trust(found)) == ({}, {"audited": 0})


def test_a_second_opinion_corrects_the_student_s_estimate(tmp_path: Path) -> None:
    known = ["a"] * 36 + ["b"] * 4
    write_audit(tmp_path / "audit.csv", known)
    texts, labels = make_tables("a")
    labels.loc[36:39, "teacher_label"] = "b"
    audit = open_audit(tmp_path / "audit.csv", texts, texts["id"][:0], labels)
    student = ["a"] * 34 + ["b"] * 6
    plain = measure_audit(audit, student, None, load_judging("classification"), 0.95)["systems"]["student"]
    second = SecondOpinion(20_000, 18_000)  # on the rows read they agree on 38 of 40
    found = measure_audit(audit, student, second, load_judging("classification"), 0.95)["systems"]["student"]
    assert (plain["method"], found["method"]) == ("stratified", "prediction-powered")
    assert found["accuracy"] == pytest.approx(0.9, abs=0.005), "the student is wrong just where it differs"
