"""Test rows are no examples: neither in the prompt nor in the file that is shown beside it."""

from pathlib import Path
from typing import Any

import pytest
from annotating import ANNOTATE

from distil.annotate.held_out import check_examples
from distil.core.errors import InputError
from distil.core.ids import text_id
from distil.core.params import TaskParams
from distil.core.tables import TEXTS, read_rows, write_rows
from distil.labels.params import SplitParams
from distil.labels.splits import find_test
from distil.prompting.params import AnnotateParams

TASK = TaskParams(name="t", kind="classification", description="d", language="en", labels=["a", "b"])
PROMPT = "---\nexamples: [{{text: {}, label: a}}]\n---\n{{text}}\n"


def check(folder: Path, in_prompt: str, in_file: str, split: SplitParams | None = None, **examples: Any) -> None:
    (folder / "prompt.md").write_text(PROMPT.format(in_prompt))
    (folder / "examples.csv").write_text(f"text,label\n{in_file},a\n")
    files = {"prompt": str(folder / "prompt.md")}
    shown = {"file": str(folder / "examples.csv"), "nearest": 1, "embeddings": "here"} | examples
    params = AnnotateParams.model_validate(ANNOTATE | files | {"examples": shown})
    check_examples(TASK, params, folder / "texts.parquet", split or SplitParams())


def write(folder: Path, gold: str | None = "a", split: str | None = None) -> tuple[str, str]:
    """Write 40 texts; returns one that is a test row if any is, and one that is not if any is not."""
    texts = [f"text number {number}" for number in range(40)]
    rows = [{"id": text_id(text), "text": text, "gold": gold, "split": split} for text in texts]
    write_rows(folder / "texts.parquet", TEXTS, rows)
    table = read_rows(folder / "texts.parquet", TEXTS)
    tested = find_test(table, SplitParams())
    return table.loc[tested, "text"].iloc[0] if tested.any() else "", table.loc[~tested, "text"].iloc[0]


def test_a_test_row_is_refused_wherever_it_is_shown(tmp_path: Path) -> None:
    tested, other = write(tmp_path)
    check(tmp_path, other, other)
    check(tmp_path, "of my own", "another")
    check(tmp_path, other, tested, nearest=0)
    for in_prompt, in_file, file in ((tested, other, "prompt.md"), (other, f"{tested} ", "examples.csv")):
        with pytest.raises(
            InputError, match=rf"{file} shows '{tested} ?' as an example, which is a test row: what the"
        ):
            check(tmp_path, in_prompt, in_file)
    with pytest.raises(InputError, match="which is a test row"):
        check(tmp_path, other, tested, SplitParams(near_duplicates="together"))
    check(tmp_path, other, tested, SplitParams(test_share=0.001))


def test_the_source_s_word_counts_and_without_gold_any_text_may_be_shown(tmp_path: Path) -> None:
    tested, other = write(tmp_path, gold=None)
    assert not tested
    check(tmp_path, other, other)
    write(tmp_path, split="train")
    check(tmp_path, other, other)
