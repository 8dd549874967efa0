"""How far a system's probabilities can be believed: expected calibration error and Brier score.

Calibration is that of the label given: of the texts to which a system gives its label with a probability of 0.8, it
should be right on 80 %. Where a text has several labels or spans, each that is given is judged so.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from distil.quality.bootstrap import Bootstrap
from distil.quality.scores import is_right

Floats = NDArray[np.float64]


def judge(
    actual: Sequence[str],
    predicted: Sequence[str | None],
    probabilities: Sequence[Floats | None],
    labels: Sequence[str],
    bins: int,
) -> pd.DataFrame:
    """Compare probabilities with what is known; rows without a label or probabilities are left out.

    Returns:
        A row each: `confidence` (the highest probability), `right`, `square` (the sum over labels of the squared
        difference between probability and outcome), `bin` (m from 0, over (m / bins, (m + 1) / bins]).
    """
    told = [
        (known, label, shares)
        for known, label, shares in zip(actual, predicted, probabilities, strict=True)
        if label is not None and shares is not None
    ]
    shares = np.array([shares for *_, shares in told]).reshape(len(told), len(labels))
    outcomes = np.array([[label == known for label in labels] for known, *_ in told]).reshape(shares.shape)
    confidence = shares.max(axis=1, initial=0)
    return pd.DataFrame(
        {
            "confidence": confidence,
            "right": is_right([known for known, *_ in told], [label for _, label, _ in told]),
            "square": ((shares - outcomes) ** 2).sum(axis=1),
            "bin": find_bins(confidence, bins),
        }
    )


def find_bins(confidence: Floats, bins: int) -> NDArray[np.int64]:
    """Return the bin of each probability: m from 0, over (m / bins, (m + 1) / bins]."""
    numbers: NDArray[np.int64] = np.digitize(confidence, np.linspace(0, 1, bins + 1)[1:-1], right=True)
    return numbers


def measure_calibration(judged: pd.DataFrame, bootstrap: Bootstrap) -> dict[str, Any] | None:
    """Return `ece` and `brier`, each with its bounds NAME_low and NAME_high, and the number of `rows`.

    ECE is the mean over rows of |share right - mean confidence| of the row's bin (Guo, Pleiss, Sun & Weinberger 2017,
    On Calibration of Modern Neural Networks, arXiv 1706.04599). The Brier score is the mean of the squares, as Brier
    (1950) has it: from 0 to 2, not halved. Null without rows; `judged` is what `judge` returns. Rows of one `text`,
    where there is such a column, are drawn together.
    """
    rows = len(judged)
    if not rows:
        return None
    texts = np.unique(judged["text"], return_inverse=True)[1] if "text" in judged else np.arange(rows)
    gaps = np.zeros((texts.max() + 1, judged["bin"].max() + 1))
    np.add.at(gaps, (texts, judged["bin"]), judged["right"] - judged["confidence"])
    squares, sizes = np.bincount(texts, judged["square"]), np.bincount(texts)

    def score(drawn: NDArray[np.int64]) -> dict[str, Floats]:
        counted = drawn @ sizes
        return {"ece": np.abs(drawn @ gaps).sum(axis=1) / counted, "brier": drawn @ squares / counted}

    once = np.ones(len(sizes), dtype=np.int64)
    bounds = bootstrap.bound(once, score)
    scores: dict[str, Any] = {}
    for name, values in score(once[None]).items():
        scores[name] = float(values[0])
        scores[f"{name}_low"], scores[f"{name}_high"] = bounds[name]
    return scores | {"rows": rows}


def list_bins(judged: pd.DataFrame) -> pd.DataFrame:
    """Return mean `confidence`, share `right` and number of `rows` of each bin that is not empty, in their order."""
    return judged.groupby("bin").agg(confidence=("confidence", "mean"), right=("right", "mean"), rows=("right", "size"))
