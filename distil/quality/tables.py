"""The scores as tables: what is plotted, and every answer with whether it is right."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from distil.quality.calibration import list_bins
from distil.quality.comparison import Comparison
from distil.quality.judging import Scoring


def list_scores(comparison: Comparison, scores: Mapping[str, Mapping[str, Any]], scoring: Scoring) -> pd.DataFrame:
    """THE score of each system, or that by the teacher's labels, with its interval: system, score, low, high."""
    name = comparison.name_score(scoring.score_name)
    rows = [(system, found[name], found[f"{name}_low"], found[f"{name}_high"]) for system, found in scores.items()]
    return pd.DataFrame(rows, columns=["system", "score", "low", "high"])


def list_calibration(comparison: Comparison, scoring: Scoring) -> pd.DataFrame:
    """A row for each system and bin that is not empty: system, confidence, the share that is right, rows.

    That share goes by the name of the score that it is, such as accuracy, or agreement without gold.
    """
    share = comparison.name_score(scoring.form.JUDGED)
    columns = ["system", "confidence", share, "rows"]
    tables = [
        list_bins(scoring.judge(comparison.actual, answers)).assign(system=system)
        for system, answers in comparison.scored.items()
    ]
    return pd.concat(tables).rename(columns={"right": share})[columns]


def list_confusions(comparison: Comparison, system: str, scoring: Scoring) -> pd.DataFrame:
    """The known and the predicted label of each decision, sorted: DVC's confusion plot counts them."""
    pairs = scoring.form.pair_decisions(comparison.actual, comparison.systems[system])
    return pd.DataFrame(pairs, columns=["actual", "predicted"]).sort_values(["actual", "predicted"])


def list_predictions(ids: pd.Series, comparison: Comparison) -> Iterator[dict[str, object]]:
    """A row of `tables.PREDICTIONS` for each test row and system."""
    marked = {name: dict(zip(comparison.rows, right, strict=True)) for name, right in comparison.mark_right().items()}
    for system, answers in comparison.answers.items():
        right = marked.get(system, {})
        for row, (text_id, label, shares) in enumerate(zip(ids, answers.labels, answers.probabilities, strict=True)):
            judged = bool(right[row]) if row in right else None
            yield {"id": text_id, "system": system, "label": label, "probabilities": shares, "right": judged}
