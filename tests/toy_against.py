"""A report's study that is set against another revision, in a repository of its own, whatever the kind of task."""

from pathlib import Path

import numpy as np
from dvc.repo import Repo
from toy_results import ARGUMENTS, SENTENCES, write_toy_results
from toy_revisions import git
from written_reports import change_params

from distil.core.params import Kind
from distil.core.tables import LABELS, PREDICTIONS, TEST, TEXTS, read_rows, write_rows

NAMES: dict[Kind, tuple[str, ...]] = {
    "classification": ("negative", "positive"),
    "multi_label": ("anger", "joy", "love"),
    "token_classification": ("person", "<i>place</i>"),
}
PATHS = [Path(argument) for argument in ARGUMENTS]
REASON = "It says <b>so</b>."


def start_study(folder: Path, kind: Kind, gold: bool = True, against: str = "then") -> None:
    """Commit a run of a study as `then`; the one here has some labels of other rows with the same text."""
    texts = (*SENTENCES, "</td><script>alert(1)</script> said so", "word " * 300 + "and Anna")
    write_toy_results(folder, kind, gold=gold, labels=NAMES[kind], texts=texts, reason=REASON, rows=90)
    test = read_rows(folder / "data/test.parquet", TEST)
    write_rows(folder / "data/texts.parquet", TEXTS, test.assign(split=None))
    (folder / "dvc.lock").write_text("schema: '2.0'\n", encoding="utf-8")
    git(folder, "init", "--quiet", "-b", "main")
    Repo.init(str(folder)).close()
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "then")
    git(folder, "tag", "then")
    for name, schema, column in (("labels", LABELS, "teacher_label"), ("predictions", PREDICTIONS, "label")):
        rows = read_rows(folder / f"data/{name}.parquet", schema)
        rows.loc[np.arange(len(rows)) % 5 == 2, column] = rows[column].shift(-len(texts)).fillna(rows[column])
        write_rows(folder / f"data/{name}.parquet", schema, rows)
    change_params(folder, report={"against": against})
