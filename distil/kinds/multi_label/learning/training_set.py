"""Decide what the student learns: which rows, and which share of each label."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from distil.core.errors import InputError
from distil.kinds.multi_label.labelling.canonical.label import read_label, tabulate
from distil.kinds.multi_label.learning.probe import Bools, Floats, Targets
from distil.linear.folds import Numbers
from distil.student.params import TrainParams


def read_known(rows: pd.DataFrame, labels: Sequence[str]) -> Bools:
    """Return whether a row's set has a label, of shape (rows, labels).

    Raises `InputError` if the rows have other labels, or shares of another number of labels.
    """
    named = {name for label in set(rows["label"]) for name in read_label(label)}
    if not named <= set(labels) or any(len(shares) != len(labels) for shares in rows["soft"]):
        raise InputError(f"train: the rows were labelled with other labels than {', '.join(labels)}; run 'dvc repro'")
    return tabulate(rows["label"], labels) > 0


def keep_agreed(rows: pd.DataFrame, labels: Sequence[str], min_agreement: float) -> pd.DataFrame:
    """Return the rows in which every label, given or not, was decided by at least this share of the votes.

    Labels by people stay. Raises `InputError` if no row is left or none has a label, or the rows have other labels.
    """
    known = read_known(rows, labels)
    decided = np.where(known, _read_shares(rows, known), 1 - _read_shares(rows, known)).min(axis=1, initial=1.0)
    kept = (decided >= min_agreement) | (rows["source"] != "teacher").to_numpy()
    if not known[kept].any():
        found = f"{kept.sum():,} rows, none of which has a label" if kept.any() else "no row"
        remedy = (
            "see in metrics/annotate.json why the teacher's answers were of no use, or lower aggregate.min_agreement"
        )
        if not kept.all():
            remedy = f"{(~kept).sum():,} more are below train.min_agreement = {min_agreement:g}; lower it"
        raise InputError(f"train: there is nothing to learn from in {found}; {remedy}")
    return rows[kept].reset_index(drop=True)


def make_targets(rows: pd.DataFrame, known: Bools, params: TrainParams) -> Targets:
    """Return the share of each label to learn, of shape (rows, labels), by `train.targets` and `label_smoothing`.

    Smoothing takes that part of each answer and spreads it over yes and no.
    """
    answers = _read_shares(rows, known) if params.targets == "soft" else known
    return ((1 - params.label_smoothing) * answers + params.label_smoothing / 2).astype(np.float32)


def number_rarest(known: Bools) -> Numbers:
    """Return the number of the rarest label of each row, one more where it has none, by which folds are drawn."""
    counts = np.append(np.where(known, known.sum(axis=0), len(known) + 1), np.full((len(known), 1), len(known)), axis=1)
    return np.asarray(counts.argmin(axis=1), dtype=np.intp)


def _read_shares(rows: pd.DataFrame, known: Bools) -> Floats:
    return np.array(rows["soft"].to_list(), dtype=np.float64).reshape(known.shape)
