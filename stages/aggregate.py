"""Aggregate: reduce the teacher's votes on each text to one label.

Reads annotations and people's corrections, writes one row a text. A text whose votes do not agree enough keeps its
vote shares but gets no label. What the teacher said stays beside what people corrected, since it is scored on its own.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from distil.core.command import run
from distil.core.metrics import write_metrics
from distil.core.params import TaskParams, load_params
from distil.core.tables import ANNOTATIONS, LABELS, read_rows, write_rows
from distil.forms.labelling import Labelling, load_labelling
from distil.forms.labels import VoteForm
from distil.labels.consistency import check_expected, compare_shares, measure_by_label
from distil.labels.corrections import read_corrections
from distil.labels.params import AggregateParams
from distil.labels.reasons import agreeing_reasons


def main(
    annotations: Annotated[Path, "table: one row a text, teacher and vote"],
    corrections: Annotated[Path, "csv: labels that people set right"],
    labels: Annotated[Path, "table: the teacher's label of each text, and the votes' shares"],
    metrics: Annotated[Path, "json: how many are labelled, how much the votes agree"],
) -> None:
    """Write the label of each text and how much the votes agreed."""
    task = load_params("task", TaskParams)
    params = load_params("aggregate", AggregateParams)
    check_expected(params.label_shares, task.labels)
    rows = read_rows(annotations, ANNOTATIONS)
    labelling = load_labelling(task.kind)
    decided = decide(rows, task.labels, params, labelling.votes)
    told = describe_consistency(decided, rows, task.labels, params, labelling)  # before people's labels have all votes
    people = read_corrections(corrections, partial(labelling.form.read_cell, labels=task.labels))
    corrected = apply_corrections(decided, people, partial(labelling.form.soften, labels=task.labels))
    write_rows(labels, LABELS, decided.reset_index(names="id"))
    summary = summarise(decided, rows, task.labels, corrected, labelling) | told
    abstained = sum(summary["abstained"].values())
    write_metrics(metrics, {"abstained": abstained, "mean_agreement": summary["mean_agreement"]}, summary)
    alpha = summary["krippendorff_alpha"]
    print(
        f"aggregate: {summary['labelled']:,} of {summary['texts']:,} texts labelled, "
        f"{abstained:,} abstained, {corrected:,} corrected by people, "
        f"mean agreement {format_share(summary['mean_agreement'])}"
        + ("" if alpha is None else f", Krippendorff's alpha {alpha:.3f}")
    )


def format_share(share: float | None) -> str:
    """A share, or that there is none."""
    return "unknown" if share is None else f"{share:.3f}"


def decide(annotations: pd.DataFrame, labels: Sequence[str], params: AggregateParams, votes: VoteForm) -> pd.DataFrame:
    """One row a text, indexed by id, in the columns of `tables.LABELS`, as the teacher alone has it."""
    decided = votes.decide_labels(annotations, labels, params.min_agreement, calibrated=params.calibrate)
    decided["label"] = decided["teacher_label"]
    decided["reason"] = agreeing_reasons(annotations, decided["teacher_label"]).reindex(decided.index)
    decided["source"] = "teacher"
    return decided[LABELS.names[1:]]


def apply_corrections(
    decided: pd.DataFrame, corrections: pd.DataFrame, soften: Callable[[str], NDArray[np.float64]]
) -> int:
    """Put people's labels in, with all of the share; returns how many. Corrections of texts that are gone wait."""
    known = corrections[corrections.index.isin(decided.index)]
    for text_id, label, source in known[["label", "source"]].itertuples():
        decided.at[text_id, "label"] = label
        decided.at[text_id, "soft"] = soften(label)
        decided.at[text_id, "source"] = source
    if len(known) < len(corrections):
        print(
            f"aggregate: {len(corrections) - len(known):,} corrections are of texts that are not in the data (any more)"
        )
    return len(known)


def summarise(
    decided: pd.DataFrame, annotations: pd.DataFrame, labels: Sequence[str], corrected: int, labelling: Labelling
) -> dict[str, Any]:
    """Counts, and how much the votes agreed, corrections aside."""
    by_teacher = decided[decided["source"] == "teacher"]
    named = Counter(name for label in decided["label"].dropna() for name in labelling.form.name_labels(label))
    return {
        "texts": len(decided),
        "labelled": int(decided["label"].notna().sum()),
        "abstained": decided["abstained"].value_counts().sort_index().to_dict(),
        "corrected": corrected,
        **labelling.votes.measure_agreement(annotations, by_teacher, labels),
        "by_label": {label: named[label] for label in labels},
    }


def describe_consistency(
    decided: pd.DataFrame,
    annotations: pd.DataFrame,
    labels: Sequence[str],
    params: AggregateParams,
    labelling: Labelling,
) -> dict[str, Any]:
    """What the teacher's labels tell of themselves: agreement by label, and shares beside those that are expected."""
    by_label = measure_by_label(annotations, decided, labels, labelling.votes, labelling.form.name_labels)
    answered = int(decided["teacher_label"].notna().sum())
    return {"by_predicted": by_label, "shares": compare_shares(by_label, answered, params.label_shares)}


if __name__ == "__main__":
    run(main)
