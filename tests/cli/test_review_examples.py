"""`distil review examples`: the file of examples grows by what people set right, and what that would cost is told."""

import re
from pathlib import Path
from typing import Any

import pytest
from annotating import ANNOTATE
from conftest import ROOT, Project
from toy_review import answer
from typer.testing import CliRunner

from distil.audit.rows import HEADER
from distil.cli.main import app
from distil.cli.review_examples import find_barred
from distil.cli.review_folder import find_places
from distil.core.errors import InputError
from distil.core.ids import text_sha
from distil.core.tables import LABELS, TEST, TEXTS, write_rows
from distil.forms.labelling import load_labelling
from distil.labels.corrections import COLUMNS
from distil.labels.params import SplitParams
from distil.labels.splits import draw
from distil.prompting.examples import read_examples
from distil.review.settling import settle
from distil.review.sheets import QUEUE, QueueRow, write_sheet

SEEN = ["the hinge snapped", "it charges fast", "no manual at all", "deep clear bass", "a torn box", "my cat hates it"]
FILE = "prompts/toy_examples.csv"


@pytest.fixture
def here(project: Project) -> Path:
    """Six texts that the teacher calls positive, all in the queue; people called the first four negative."""
    examples = {"file": FILE, "nearest": 0}
    folder = project(annotate=ANNOTATE | {"examples": examples}, aggregate={}, split={})
    (folder / "dvc.yaml").write_text((ROOT / "dvc.yaml").read_text())
    (folder / "prompt.md").write_text("Label with {labels}: {text}\n")
    (folder / "prompts").mkdir()
    rows = [{"id": text_sha(text)[:16], "text": text} for text in SEEN]
    write_rows(folder / "data/texts.parquet", TEXTS, rows)
    write_rows(folder / "data/test.parquet", TEST, rows[3:4])
    told = {"teacher_label": "positive", "label": "positive", "votes": 1, "source": "teacher"}
    write_rows(folder / "data/labels.parquet", LABELS, [{"id": row["id"]} | told for row in rows])
    (folder / "review").mkdir()
    (folder / "review/corrections.csv").write_text(",".join(COLUMNS) + "\n")
    (folder / "review/audit.csv").write_text(f"{HEADER}\n")
    queue = [QueueRow(id=row["id"], text_sha=text_sha(row["text"]), draw=1, seed=0, why=["so"]) for row in rows]
    write_sheet(folder / "review", QUEUE, queue)
    answer(find_places(), "queue", SEEN[:4], "negative", note="it breaks")
    answer(find_places(), "queue", SEEN[4:], "positive")
    settle(folder / "review")
    return folder


def offer(*words: str) -> Any:
    return CliRunner().invoke(app, ["review", "examples", *words], catch_exceptions=False).stdout


def read(folder: Path) -> list[tuple[str, str, str | None]]:
    found = read_examples(folder / FILE, ["negative", "positive"], load_labelling("classification").answers)
    return [(example.text, example.label, example.reason) for example in found]


def test_what_people_set_right_is_offered_and_the_price_told(here: Path, project: Project) -> None:
    (here / FILE).write_text("text,label,reason\nmine,positive,I say so\n")
    out = offer("--rows", "2")
    assert read(here) == [
        ("mine", "positive", "I say so"),
        ("no manual at all", "negative", "it breaks"),
        ("it charges fast", "negative", "it breaks"),
    ]
    assert out.splitlines()[:3] == [
        "left out: 1 rows of the audit or of test",
        f"{FILE}: 2 rows more of 3 that there are, 3 in all",
        "  the teacher said positive, people say negative: 2",
    ]
    assert "no text is shown any of them yet: set annotate.examples.nearest to 4, and annotate.examples.embed" in out
    assert "asking anew would be 6 requests at most, " in out
    assert "no known price; 'distil plan' counts what is to be asked" in out
    price = {"teacher_usd_per_million_tokens": {"input": 1_000_000, "output": 0}}
    project(cost=price, annotate=ANNOTATE | {"examples": {"file": FILE, "nearest": 1, "embeddings": "here"}})
    out = offer()
    assert [text for text, _, _ in read(here)][3:] == ["the hinge snapped"]
    assert "set annotate.examples" not in out
    assert "out, $" in out
    with pytest.raises(InputError, match="has no more texts on which people overruled the teacher"):
        offer()


def test_a_file_that_is_missing_is_made_and_a_price_that_nobody_can_tell_is_left_to_plan(here: Path) -> None:
    (here / "prompt.md").write_text("no place for it")
    out = offer()
    assert len(read(here)) == 3
    assert "'distil plan' says what asking anew would cost (the prompt prompt.md has no {text}; write it where" in out


def read_tokens(out: str) -> int:
    found = re.search(r"([\d,]+) tokens in", out)
    assert found
    return int(found.group(1).replace(",", ""))


def test_the_price_is_that_of_the_longest_examples_and_a_reason_is_asked_for_where_answers_need_one(
    here: Path, project: Project
) -> None:
    answer(find_places(), "queue", SEEN[:4], "negative", reader="ben")
    (here / "review/answers/anna.jsonl").unlink()
    settle(here / "review")
    examples = {"file": FILE, "nearest": 1, "embeddings": "here"}
    project(annotate=ANNOTATE | {"examples": examples, "json_schema": True})
    (here / FILE).write_text("text,label,reason\nmine,positive,I say so\n")
    short = offer("--rows", "1")
    assert (
        "1 of the rows have no reason, for want of a reader's note: write one into the column reason, which " in short
    )
    assert "show_reason" not in short
    (here / FILE).write_text(f"text,label,reason\nmine,positive,{'I say so ' * 60}\n")
    assert read_tokens(offer("--rows", "1")) > 2 * read_tokens(short), "though that example is not the newest"


def test_what_may_become_a_row_of_test_or_audit_is_no_example(here: Path) -> None:
    ids = [text_sha(text)[:16] for text in SEEN]
    write_rows(here / "data/labels.parquet", LABELS, [{"id": each, "votes": 0, "source": "teacher"} for each in ids])
    barred = find_barred(find_places(), SplitParams(test_share=0.5))
    drawn = {each for each in ids if draw([each], 0.5, "distil:test").item()}
    assert drawn
    assert barred.estimating == drawn | {ids[3]}, "though the teacher gave none a label"
    assert not barred.reserved, "below the lots of the queue there are none"
    row = QueueRow(id=ids[1], text_sha=text_sha(SEEN[1]), draw=1, seed=0, why=["so"])
    write_sheet(here / "review", QUEUE, [row])
    assert find_barred(find_places(), SplitParams()).reserved == {ids[2]}, "the lots of the others are above 0.5"
    assert "left out: 1 set aside for the audit" in offer()
    assert "no manual at all" not in [text for text, _, _ in read(here)]
