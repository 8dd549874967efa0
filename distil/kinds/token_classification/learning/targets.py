"""What a student is to answer to each word of the training texts: a distribution over the tags."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from distil.core.errors import InputError
from distil.kinds.token_classification.labelling.canonical.label import name_labels, soften
from distil.kinds.token_classification.learning.reading import Reading
from distil.tagging.words import NUMBERS_OF_A_SPAN, soften_words

Targets = list[NDArray[np.float32]]  # of each text, of shape (words, tags)
ROUNDING = 1e-12


def keep_agreed(rows: pd.DataFrame, labels: Sequence[str], min_agreement: float) -> pd.DataFrame:
    """Return the rows of which for each span that some vote names this share of the votes is for it or against it.

    Labels by people stay. Raises `InputError` if no span is left, or the rows have other labels than `labels`.
    """
    _check_labels(rows, labels)
    agreed = np.array([_agree(shares) >= min_agreement - ROUNDING for shares in rows["soft"]], dtype=bool)
    kept = rows[agreed | (rows["source"] != "teacher").to_numpy()].reset_index(drop=True)
    if not any(name_labels(label) for label in kept["label"]):
        left = len(rows) - len(kept)
        remedy = (
            f"{left} more are below train.min_agreement = {min_agreement:g}; lower it"
            if left
            else "see in metrics/annotate.json what the teacher found"
        )
        raise InputError(f"train: a student of spans needs rows with spans, and none of {len(kept)} has any; {remedy}")
    return kept


def make_targets(
    rows: pd.DataFrame,
    readings: Sequence[Reading],
    labels: Sequence[str],
    kind: Literal["soft", "hard"] = "hard",
    smoothing: float = 0.0,
) -> Targets:
    """Return the answers to learn; `readings` are those of the rows' texts.

    soft, the share of the votes for each tag; hard, 1 for the tag that the label says. `smoothing` takes that share of
    each answer and spreads it evenly over the tags (Szegedy et al. 2016).
    """
    spans = rows["soft"] if kind == "soft" else [soften(label, labels) for label in rows["label"]]
    answers = (soften_words(reading.words, told, labels) for reading, told in zip(readings, spans, strict=True))
    return [((1 - smoothing) * shares + smoothing / shares.shape[1]).astype(np.float32) for shares in answers]


def number_tags(targets: Targets) -> NDArray[np.intp]:
    """Return the number of the tag of every word of all texts, one after the other."""
    return np.concatenate([shares.argmax(axis=1) for shares in targets])


def _agree(shares: Sequence[float]) -> float:
    """The share of the votes on the side that has more of them, of the span where it is smallest."""
    votes = np.asarray(shares, dtype=np.float64).reshape(-1, NUMBERS_OF_A_SPAN)[:, 3]
    return float(np.maximum(votes, 1 - votes).min(initial=1.0))


def _check_labels(rows: pd.DataFrame, labels: Sequence[str]) -> None:
    named = {name for label in rows["label"] for name in name_labels(label)}
    broken = any(len(shares) % NUMBERS_OF_A_SPAN for shares in rows["soft"])
    if broken or not named <= set(labels) or _last_number(rows["soft"]) >= len(labels):
        raise InputError(f"train: the rows were labelled with other labels than {', '.join(labels)}; run 'dvc repro'")


def _last_number(soft: pd.Series) -> int:
    return int(max((max(shares[2::NUMBERS_OF_A_SPAN], default=0) for shares in soft), default=0))
