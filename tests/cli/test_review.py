"""`distil review` in a project without a student yet: drawn, exported, read, imported, settled."""

import csv
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Project
from toy_review import answer
from typer.testing import CliRunner, Result

from distil.audit.rows import HEADER, read_audit_rows
from distil.cli.main import app
from distil.cli.review_folder import find_places
from distil.core.errors import InputError
from distil.core.ids import text_sha
from distil.core.tables import ANNOTATIONS, LABELS, TEST, TEXTS, write_rows
from distil.labels.corrections import COLUMNS, read_corrections
from distil.review.sheets import read_audit, read_queue

COUNT = 300
TEXT = "number {} is fine"


@pytest.fixture
def here(project: Project) -> Path:
    """300 texts without gold, three votes each, of which one differs on every fifth text; ten are test rows."""
    folder = project(aggregate={})
    (folder / "dvc.yaml").write_text((ROOT / "dvc.yaml").read_text())
    shas = [text_sha(TEXT.format(number)) for number in range(COUNT)]
    texts = [{"id": sha[:16], "text": TEXT.format(number)} for number, sha in enumerate(shas)]
    write_rows(folder / "data/texts.parquet", TEXTS, texts)
    write_rows(folder / "data/test.parquet", TEST, texts[:10])
    votes: list[dict[str, Any]] = [
        {"id": sha[:16], "teacher": "t", "vote": vote, "request": "r", "status": "ok"}
        | {"label": "negative" if vote == 1 and not number % 5 else "positive"}
        for number, sha in enumerate(shas)
        for vote in (1, 2, 3)
    ]
    write_rows(folder / "data/annotations.parquet", ANNOTATIONS, votes)
    told = {"teacher_label": "positive", "label": "positive", "votes": 3, "source": "teacher"}
    write_rows(folder / "data/labels.parquet", LABELS, [{"id": sha[:16]} | told for sha in shas])
    (folder / "review").mkdir()
    (folder / "review/corrections.csv").write_text(",".join(COLUMNS) + "\n")
    (folder / "review/audit.csv").write_text(f"{HEADER}\n")
    return folder


def call(*words: str) -> Result:
    return CliRunner().invoke(app, ["review", *words], catch_exceptions=False)


def test_drawing_again_adds_and_no_row_is_on_both_sheets(here: Path) -> None:
    out = call("draw", "--rows", "60")
    assert "audit: 30 rows more, 30 in all, of 300 texts" in out.stdout
    assert "queue: 30 rows more, 30 in all; 30 votes that differ" in out.stdout
    assert "no pace is known yet: 4 s, and one for 4 words" in out.stdout
    assert "there is no student yet, so the queue goes by the votes alone" in out.stderr
    folder = here / "review"
    audit, queue = read_audit(folder), read_queue(folder)
    assert queue[0].why == ["the votes agree by 67%"]
    assert not {text_sha(TEXT.format(number))[:16] for number in range(10)} & {row.id for row in queue}
    answer(find_places(), "audit", [TEXT.format(10)], "positive")  # of no row of the sheet: passed over
    call("draw", "--minutes", "2")
    assert read_audit(folder)[:30] == [
        row.model_copy(update=new.model_dump(include={"stratum", "stratum_texts", "inclusion"}))
        for row, new in zip(audit, read_audit(folder), strict=False)
    ]
    assert read_queue(folder)[:30] == queue
    assert not {row.id for row in read_audit(folder)} & {row.id for row in read_queue(folder)}
    with pytest.raises(InputError, match="drawn with --seed 0; go on with that one"):
        call("draw", "--rows", "2", "--seed", "1")
    with pytest.raises(InputError, match="--rows and --minutes both say how many rows"):
        call("draw", "--rows", "2", "--minutes", "1")


def test_a_pace_makes_minutes_rows(here: Path) -> None:
    call("draw", "--rows", "60")
    texts = [TEXT.format(number) for number in range(100, 112)]
    answer(find_places(), "queue", texts, "positive", seconds=2.0)
    out = call("draw", "--minutes", "1", "--reader", "Anna").stdout
    assert "audit: 15 rows more, 45 in all" in out
    assert "at 2 s a row (the pace of anna so far)" in out


def test_answers_go_out_and_come_back(here: Path) -> None:
    call("draw", "--rows", "60")
    for sheet in ("audit", "queue"):
        assert (
            f"30 rows of the sheet {sheet} -> "
            in call("export", f"{sheet}.csv", "--to", "csv", "--sheet", sheet).stdout
        )
        with Path(f"{sheet}.csv").open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
        assert ("teacher_label" in rows[0]) == (sheet == "queue"), "the audit is read blind"
        with Path(f"{sheet}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows([row | {"label": "NEGATIVE"} for row in rows])
        out = call("import", f"{sheet}.csv", "--reader", "Anna").stdout
        assert "30 answers taken in, 0 known already" in out
    assert "30 corrections and 30 audited rows in review" in out
    assert len(read_audit_rows(here / "review/audit.csv")) == 30
    corrections = read_corrections(here / "review/corrections.csv", str)
    assert corrections["label"].tolist() == ["negative"] * 30
    assert "0 answers taken in, 30 known already" in call("import", "queue.csv", "--reader", "anna").stdout
    with pytest.raises(InputError, match="no row of the sheet queue is left to read"):
        call("export", "more.csv", "--to", "csv")
    assert "30 rows of the sheet queue" in call("export", "ben.csv", "--to", "csv", "--reader", "ben").stdout
    status = call("status").stdout
    assert "audit: 30 rows, 0 that nobody has read\n  anna: 30 labelled" in status


def test_nothing_is_taken_in_where_a_row_is_refused_unless_told(here: Path) -> None:
    call("draw", "--rows", "60")
    call("export", "queue.csv", "--to", "csv")
    lines = Path("queue.csv").read_text(encoding="utf-8-sig").splitlines()
    filled = [
        line.replace('"","",""', f'"{label}","",""', 1)
        for line, label in zip(lines[1:3], ["positive", "posi"], strict=True)
    ]
    Path("queue.csv").write_text("\n".join([lines[0], *filled]) + "\n")
    with pytest.raises(InputError, match=r"1 rows of queue.csv are refused, so nothing was taken in; .*--partial"):
        call("import", "queue.csv", "--reader", "anna")
    assert not (here / "review/answers").exists()
    out = call("import", "queue.csv", "--reader", "anna", "--partial")
    assert "refused: queue.csv, line 3: label 'posi' is not in task.labels (negative, positive)" in out.stderr
    assert "1 answers taken in, 0 known already, 1 refused" in out.stdout
    with pytest.raises(InputError, match="is no name for a reader"):
        call("import", "queue.csv", "--reader", "../anna")


def test_readers_who_differ_are_measured(here: Path) -> None:
    call("draw", "--rows", "60")
    ids = {row.id for row in read_queue(here / "review")}
    texts = [text for number in range(COUNT) if text_sha(text := TEXT.format(number))[:16] in ids]
    answer(find_places(), "queue", texts[:15], "positive")
    answer(find_places(), "queue", texts[15:], "negative")
    answer(find_places(), "queue", texts[:12], "positive", reader="ben")
    answer(find_places(), "queue", texts[12:], "negative", reader="ben")
    out = call("status").stdout
    assert "queue: anna, ben: the same on 90.0% of 30 rows, Cohen's kappa 0.800 [0." in out
    assert "queue: anna, ben: the same on 90.0% of 30 rows, Krippendorff's alpha 0.8" in out
    assert "adjudication: 3 rows, 3 that nobody has read" in out
    assert "3 on which readers differ" in call("settle").stdout


def test_an_audit_alone_leaves_the_queue_empty(here: Path) -> None:
    out = call("draw", "--rows", "5000", "--audit-share", "1").stdout
    assert "fewer than wanted, since no more are set aside for it" in out
    assert "queue: 0 rows more, 0 in all\n" in out
    assert read_queue(here / "review") == []
