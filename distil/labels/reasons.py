"""The reason that stands beside a text's label: one of those that the teacher gave for it."""

import pandas as pd


def agreeing_reasons(annotations: pd.DataFrame, chosen: pd.Series) -> pd.Series:
    """By id, the reason of the first vote that gave the text's chosen label; texts without one are left out."""
    agreeing = annotations[annotations["reason"].notna() & (annotations["label"] == annotations["id"].map(chosen))]
    return agreeing.sort_values(["id", "vote", "teacher"]).groupby("id")["reason"].first()
