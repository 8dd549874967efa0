"""What is judged alike where a text has several labels or spans: each that is known or said is a decision of its own.

Their score is micro F1 over all decisions. A text counts as right if its label is the very same.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from distil.quality.calibration import find_bins
from distil.quality.judging import Wording

NONE = "none"


def word_f1(score: str, article: str) -> Wording:
    """How a kind's F1 is told: the score's name, such as exact F1, and its article."""
    return Wording(
        score=score,
        gold=f"has {article} {score} of",
        teacher=f"has, by the teacher's labels, {article} {score} of",
        of="on",
        other="one of",
        agrees=f"by {article} {score} of",
        test="approximate randomisation",
    )


def tabulate_decisions(decisions: Iterable[tuple[int, float, bool]], bins: int) -> pd.DataFrame:
    """Return what is said, as number of the text, probability and whether it is right.

    The columns are those of `distil.quality.calibration`, and `text`. The square is that of the difference between
    probability and outcome: from 0 to 1.
    """
    told = np.array(list(decisions), dtype=np.float64).reshape(-1, 3)
    texts, confidence, right = told.T
    square = (confidence - right) ** 2
    return pd.DataFrame(
        {
            "confidence": confidence,
            "right": right > 0,
            "square": square,
            "bin": find_bins(confidence, bins),
            "text": texts.astype(np.int64),
        }
    )


def list_what_is_untold(
    named: Collection[str], micro_f1: Mapping[str, float], labels: Sequence[str], score_name: str
) -> list[str]:
    """What the rows do not tell: `named` are the labels that some row has, `micro_f1` is that of each system."""
    notes = []
    missing = [label for label in labels if label not in named]
    if not named:
        notes.append("No scored row has any label, so F1 is zero whatever a system says: look at exact_match.")
    elif missing:
        notes.append(f"No scored row has the label {' or '.join(missing)}, so that is not tested.")
    if same := [name for name, score in micro_f1.items() if score in (0, 1)]:
        notes.append(
            f"With all that the reference has, or nothing of it: {', '.join(same)}. Resampling shows nothing then: the "
            f"interval of {score_name} is unknown."
        )
    return notes


def leave_out_few(texts: pd.DataFrame, why: str) -> tuple[pd.DataFrame, list[str]]:
    """No rows for the baseline that learns from people's few labels, and why."""
    return texts.iloc[:0][["id", "text", "gold"]], [f"few_shot is left out: {why}."]
