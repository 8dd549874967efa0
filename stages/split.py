"""Split: divide the texts into train, validation, calibration and test, and score the teacher where people gave labels.

Test rows are drawn by hash from those with a gold label, or taken as the source names them; everything else trains on
the teacher's labels, but for calibration rows, on which nothing but a cascade's threshold is chosen (docs/cascade.md).
Gold labels outside test score the teacher too, under `dev`: that is where a prompt may be tuned.
Texts that are nearly the same on both sides of the split are counted and told, and kept on one side where
`near_duplicates` is together. Where the source names every row as test there is nothing to train on, and the teacher is
scored all the same.
"""

import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd

from distil.audit.rows import read_audit_rows
from distil.core.command import run
from distil.core.errors import InputError
from distil.core.ids import text_id
from distil.core.metrics import write_metrics
from distil.core.params import TaskParams, load_params
from distil.core.tables import CALIBRATION, LABELS, TEST, TEXTS, TRAIN, read_rows, write_rows
from distil.forms.labelling import load_labelling
from distil.forms.labels import LabelForm
from distil.forms.scores import ScoreForm, load_scores
from distil.labels.near_duplicates import find_clusters
from distil.labels.params import SplitParams
from distil.labels.splits import Clusters, Straddling, assign, find_straddling, keep_out
from distil.prompting.params import AnnotateParams
from distil.prompting.prompt_files import read_prompt

LONGEST_SHOWN = 60  # characters of a text in a message
NOTHING_TO_TRAIN_ON = (
    "every text is a test row, as its source says: they score the teacher, and there is nothing to train on; "
    "for a student bring texts that are not in test"
)


def main(
    texts: Annotated[Path, "table: one row a text, with people's label where there is one"],
    labels: Annotated[Path, "table: the teacher's label of each text, and the votes' shares"],
    train: Annotated[Path, "table: texts and labels to train on"],
    validation: Annotated[Path, "table: texts and labels that are held out of training"],
    calibration: Annotated[Path, "table: texts that a cascade's threshold is chosen on, with both labels"],
    test: Annotated[Path, "table: texts to score on, with people's label where there is one"],
    metrics: Annotated[Path, "json: the teacher's scores on test rows, and on the other gold rows (dev)"],
    audit: Annotated[Path, "csv: the rows that people read blind, on which nothing is trained"],
) -> None:
    """Write the four tables and the teacher's scores."""
    task = load_params("task", TaskParams)
    params = load_params("split", SplitParams)
    rows = read_rows(texts, TEXTS).merge(read_rows(labels, LABELS), on="id", validate="one_to_one")
    audited = read_audit_rows(audit)
    check_people(rows, labels, load_labelling(task.kind).form, task.labels)
    check_audit(audited, audit, rows, load_labelling(task.kind).form, task.labels)
    clusters = find_clusters(rows["text"].to_list())
    together = clusters if params.near_duplicates == "together" else None
    shares = params.test_share, params.validation_share, params.salt, together, params.calibration_share
    rows["part"] = keep_out(rows.assign(part=assign(rows, *shares)), audited["id"], together)
    check_parts(rows, params)
    warn_of_examples(rows, clusters, load_params("annotate", AnnotateParams))
    write_rows(train, TRAIN, rows.loc[rows["part"] == "train", TRAIN.names])
    write_rows(validation, TRAIN, rows.loc[rows["part"] == "validation", TRAIN.names])
    write_rows(calibration, CALIBRATION, rows.loc[rows["part"] == "calibration", CALIBRATION.names])
    write_rows(test, TEST, rows.loc[rows["part"] == "test", TEST.names])
    form = load_scores(task.kind)
    scores = {part: score(rows, part, task.labels, form) for part in ("test", "dev")}
    straddling = find_straddling(rows["part"], clusters)
    near = count_near(rows, straddling)
    write_metrics(metrics, {"teacher": pick_headline(scores, form)}, {**scores, "near_duplicates": near})
    if near["test"]:
        print(f"split: {describe_near(rows, straddling, clusters)}", file=sys.stderr)
    if all_test(rows):
        print(f"split: {NOTHING_TO_TRAIN_ON}", file=sys.stderr)
    print(
        f"split: {describe_parts(rows)}; teacher's {form.HEADLINE[0].replace('_f1', ' F1')} "
        f"{format_score(scores['test'], form)} on test, {format_score(scores['dev'], form)} on the gold rows outside"
    )


def check_people(rows: pd.DataFrame, path: Path, form: LabelForm, labels: list[str]) -> None:
    """Refuse a person's label that is none of its text: aggregate, which read it, does not see the texts."""
    for row in rows[rows["source"] != "teacher"].itertuples():
        if wrong := form.check_label(row.label, labels, row.text):
            raise InputError(f"{path}, text {row.id}: the label {row.label} {wrong}; mend its line in corrections.csv")


def check_audit(audited: pd.DataFrame, path: Path, rows: pd.DataFrame, form: LabelForm, labels: list[str]) -> None:
    """Refuse a label of the audit that is none of its text; texts that are gone are passed over."""
    known = audited[audited["label"].notna()].merge(rows[["id", "text"]], on="id")
    for row in known.itertuples():
        if wrong := form.check_label(row.label, labels, row.text):
            raise InputError(
                f"{path}, text {row.id}: the label {row.label} {wrong}; 'distil review settle' writes it anew"
            )


def check_parts(rows: pd.DataFrame, params: SplitParams) -> None:
    """Refuse to go on without rows to train or to test on, or for what some were asked for."""
    asked = {"validation": params.validation_share, "calibration": params.calibration_share}
    needed = ["train", "test", *(part for part, share in asked.items() if share > 0)]
    if all_test(rows):
        needed = ["test"]
    empty = [part for part in needed if not (rows["part"] == part).any()]
    if empty:
        raise InputError(
            f"the split leaves no row for {' and '.join(empty)} ({describe_parts(rows)}; of {len(rows):,} texts "
            f"{rows['gold'].notna().sum():,} have a gold label and {rows['label'].notna().sum():,} a teacher's label): "
            "bring more rows, or change split.test_share, split.validation_share or split.calibration_share"
            + (", or split.near_duplicates to keep" if params.near_duplicates == "together" else "")
        )


def warn_of_examples(rows: pd.DataFrame, clusters: Clusters, annotate: AnnotateParams) -> None:
    """Tell on stderr of texts that score or estimate and are examples for the teacher, or nearly so.

    A file's examples count though annotate.examples.nearest is 0 as yet: a change of that alone does not run this anew.
    """
    shown = {annotate.prompt: [example.text for example in read_prompt(Path(annotate.prompt)).examples]}
    if annotate.examples is not None:
        shown[annotate.examples.file] = read_shown(Path(annotate.examples.file))
    estimating = rows["part"].isin(["test", "audit"]).to_numpy()
    for file, texts in shown.items():
        alike = clusters[rows["id"].isin(list(map(text_id, texts))).to_numpy()]
        told = rows[np.isin(clusters, alike) & estimating]
        if not told.empty:
            print(
                f"warning: {len(told):,} texts of test, or that people read blind, are examples of {file}, or nearly "
                f"the same as one, such as {told['text'].iloc[0][:LONGEST_SHOWN]!r}, which flatters what is estimated "
                "by them once the teacher is shown these; take those examples out",
                file=sys.stderr,
            )


def read_shown(file: Path) -> list[str]:
    """The texts of an example file; none of one that cannot be read, which annotate refuses as soon as it is shown."""
    try:
        table = pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        texts: list[str] = table["text"].to_list()
    except (OSError, ValueError, KeyError):
        return []
    return texts


def all_test(rows: pd.DataFrame) -> bool:
    """Whether the source names every row as test: such texts are there to score teachers, and train nothing."""
    return bool((rows["split"] == "test").all())


def describe_parts(rows: pd.DataFrame) -> str:
    """The sizes of the parts in words."""
    counts = rows["part"].value_counts()
    names = {
        "train": "train",
        "validation": "validation",
        "calibration": "calibration",
        "test": "test",
        "audit": "read blind by people",
        "near": "left out (near-duplicates of test or calibration texts)",
        "none": "of no use (without the label needed)",
    }
    return ", ".join(f"{counts[part]:,} {name}" for part, name in names.items() if part in counts)


def count_near(rows: pd.DataFrame, straddling: Straddling) -> dict[str, int]:
    """Count test rows with near-duplicates in train or validation, these, and rows left out for one in test."""
    return {
        "test": int(straddling.test.sum()),
        "train_and_validation": int(straddling.learnt.sum()),
        "left_out": int((rows["part"] == "near").sum()),
    }


def describe_near(rows: pd.DataFrame, straddling: Straddling, clusters: Clusters) -> str:
    """Tell in one line how many near-duplicates stand on both sides of the split, and show two of them."""
    first = int(straddling.test.argmax())
    mate = int((straddling.learnt & (clusters == clusters[first])).argmax())
    shown = " and ".join(repr(rows["text"].iloc[row][:LONGEST_SHOWN]) for row in (first, mate))
    return (
        f"{straddling.test.sum():,} of {(rows['part'] == 'test').sum():,} test texts have near-duplicates among those "
        f"that train or validate ({straddling.learnt.sum():,}), such as {shown}, which flatters scores; "
        "split.near_duplicates: together keeps such texts on one side"
    )


def score(rows: pd.DataFrame, part: str, labels: list[str], form: ScoreForm) -> dict[str, float | int | None]:
    """The teacher's scores on the gold rows of test, or of all the rest (`dev`); null without such rows."""
    inside = (rows["part"] == "test") == (part == "test")
    scored = rows[inside & rows["gold"].notna()]
    said = [label if isinstance(label, str) else None for label in scored["teacher_label"]]
    counts = {"rows": len(scored), "abstained": said.count(None)}
    if scored.empty:
        return counts | dict.fromkeys(form.HEADLINE)
    scores = form.score_labels(scored["gold"].to_list(), said, labels)
    return counts | {name: scores[name] for name in form.HEADLINE}


def pick_headline(scores: dict[str, dict[str, float | int | None]], form: ScoreForm) -> dict[str, float | int | None]:
    """What one compares between branches; the prompt is tuned on the score of dev, such as `dev_accuracy`."""
    first = form.HEADLINE[0]
    return {name: scores["test"][name] for name in form.HEADLINE} | {f"dev_{first}": scores["dev"][first]}


def format_score(scores: dict[str, float | int | None], form: ScoreForm) -> str:
    """The score and its number of rows."""
    score = scores[form.HEADLINE[0]]
    return "unknown (no gold labels)" if score is None else f"{score:.3f} ({scores['rows']:,} rows)"


if __name__ == "__main__":
    run(main)
