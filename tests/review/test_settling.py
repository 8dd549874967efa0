import csv
from pathlib import Path

from toy_review import answer, write_review

from distil.audit.rows import read_audit_rows
from distil.labels.corrections import read_corrections
from distil.review.opening import open_sheet
from distil.review.settling import settle

TEXTS = ["one", "two", "three", "four", "five", "six"]
HAND = "a591a6d40bf42040"


def read_lines(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_answers_become_corrections_and_an_audit(tmp_path: Path) -> None:
    places = write_review(tmp_path, TEXTS, ["a"] * 6, audited=3)
    answer(places, "audit", ["one"], "a", note="sure,\nvery")
    answer(places, "audit", ["two"], None)
    answer(places, "queue", ["four"], "b")
    answer(places, "queue", ["five"], None, status="skipped")
    settled = settle(places.folder)
    assert (settled.corrections, settled.audited, settled.disputed, settled.unanswered) == (1, 1, 0, 2)
    audit = read_audit_rows(places.folder / "audit.csv").set_index("status")
    assert audit.loc["labelled", ["label", "stratum", "stratum_texts", "inclusion", "note"]].tolist() == [
        *("a", "a", 30, 0.1),
        "sure, very",
    ]
    assert audit["label"].notna().tolist().count(True) == 1
    assert read_corrections(places.folder / "corrections.csv", str)["label"].tolist() == ["b"]
    before = [(places.folder / name).stat().st_mtime_ns for name in ("corrections.csv", "audit.csv")]
    settle(places.folder)
    assert before == [(places.folder / name).stat().st_mtime_ns for name in ("corrections.csv", "audit.csv")]


def test_readers_who_differ_are_adjudicated(tmp_path: Path) -> None:
    places = write_review(tmp_path, TEXTS, ["a"] * 6, audited=3)
    path = places.folder / "corrections.csv"
    answer(places, "queue", ["four"], "b")
    answer(places, "audit", ["one"], "b")
    settle(places.folder)
    assert len(read_lines(path)) == 1
    answer(places, "queue", ["four"], "a", reader="ben")
    answer(places, "audit", ["one"], "a", reader="ben")
    assert settle(places.folder).disputed == 2
    assert read_lines(path) == [], "what was settled before another reader came is so no more"
    tasks = open_sheet(places, "adjudication")
    assert [(task.text, task.said, task.teacher_label) for task in tasks] == [
        ("one", {"anna": "b", "ben": "a"}, None),
        ("four", {"anna": "b", "ben": "a"}, None),
    ]
    answer(places, "adjudication", ["four", "one"], "b", reader="clara")
    assert settle(places.folder).disputed == 0
    assert open_sheet(places, "adjudication") == []
    (line,) = read_lines(path)
    assert (line["label"], line["reviewer"], line["source"]) == ("b", "anna ben clara", "adjudicated")
    assert read_corrections(path, str)["source"].tolist() == ["adjudicated"]
    assert read_audit_rows(places.folder / "audit.csv")["status"].tolist() == ["adjudicated"]


def test_lines_of_people_s_own_stay(tmp_path: Path) -> None:
    places = write_review(tmp_path, TEXTS, ["a"] * 6, audited=3)
    path = places.folder / "corrections.csv"
    own = f"{HAND},{HAND}{'0' * 48},b,me,2026-01-01,\n"
    path.write_text(path.read_text() + own)
    answer(places, "queue", ["four"], "b")
    settle(places.folder)
    answer(places, "queue", ["four"], None, status="withdrawn", at="2026-01-31T13:00:00+00:00")
    settle(places.folder)
    assert path.read_text().splitlines()[1:] == [own.strip()]


def test_the_audit_is_read_blind(tmp_path: Path) -> None:
    places = write_review(tmp_path, TEXTS, ["secret"] * 6, audited=3)
    for task in open_sheet(places, "audit"):
        assert (task.teacher_label, task.reason, list(task.why)) == (None, None, [])
    assert "secret" not in (places.folder / "audit_sheet.jsonl").read_text()
    assert open_sheet(places, "queue")[0].teacher_label == "secret"


def test_of_a_line_by_hand_and_an_answer_the_newer_counts(tmp_path: Path) -> None:
    places = write_review(tmp_path, TEXTS, ["a"] * 6, audited=3)
    path = places.folder / "corrections.csv"
    (given,) = answer(places, "queue", ["four"], "b")
    settle(places.folder)
    path.write_text(path.read_text().replace(",b,anna", ",c,me"))
    settle(places.folder)
    assert read_corrections(path, str)["label"].tolist() == ["c"], "mended where it stands"
    path.write_text(f"{path.read_text()}{given.id},{given.text_sha},d,me,2026-01-31,\n")
    settle(places.folder)
    assert read_corrections(path, str)["label"].tolist() == ["d"]
    answer(places, "queue", ["four"], "e", at="2026-02-01T12:00:00+00:00")
    settle(places.folder)
    assert read_corrections(path, str)["label"].tolist() == ["e"]


def test_an_answer_whose_label_is_gone_is_none(tmp_path: Path) -> None:
    places = write_review(tmp_path, TEXTS, ["a"] * 6, audited=3)._replace(knows=["a", "b"].__contains__)
    answer(places, "audit", ["one", "two"], "old")
    answer(places, "queue", ["four"], "b")
    answer(places, "queue", ["five"], "old")
    settle(places.folder)
    settled = settle(places.folder, places.knows)
    assert (settled.corrections, settled.audited, settled.forgotten) == (1, 0, 3)
    assert read_corrections(places.folder / "corrections.csv", str)["label"].tolist() == ["b"]
    assert read_audit_rows(places.folder / "audit.csv").empty
    assert [it.status for it in places.read_answers()] == ["withdrawn", "withdrawn", "labelled", "withdrawn"]
