"""Read and write what the stages measure: JSON, and csv for the plots of DVC, rounded so that noise is no change.

A metric file begins with the few figures that one compares between branches, which DVC shows. Under `details` it has
all else, as a list of one object: DVC passes over lists. In a file of its own it would be an output that DVC neither
caches nor shows, and DVC keeps no run cache of a stage with such an output.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from distil.core.errors import InputError

SIGNIFICANT_DIGITS = 6
DETAILS = "details"


def write_metrics(path: Path, headline: Mapping[str, Any], details: Mapping[str, Any] | None = None) -> None:
    """Write the headline and the details, nesting and order kept; NaN and infinity as null.

    Floats get six significant digits.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    metrics = {**headline, **({} if details is None else {DETAILS: [details]})}
    text = json.dumps(_round(metrics), indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def read_metrics(path: Path) -> dict[str, Any]:
    """Read a whole metric file; raises `InputError` if it is missing or not JSON."""
    try:
        metrics: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path} is missing; 'dvc repro' writes it") from None
    except ValueError as error:
        raise InputError(f"{path} is not JSON ({error}); 'dvc repro' writes it anew") from None
    return metrics


def read_details(path: Path) -> dict[str, Any]:
    """Read the details of a metric file; raises `InputError` if it is missing, not JSON or has none."""
    metrics = read_metrics(path)
    try:
        details: dict[str, Any] = metrics[DETAILS][0]
    except (LookupError, TypeError):
        raise InputError(f"{path} has no details; 'dvc repro' writes it anew") from None
    return details


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table with a header, floats at six significant digits, and nothing for what is unknown."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False, float_format=f"%.{SIGNIFICANT_DIGITS}g", lineterminator="\n")


def _round(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _round(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_round(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.{SIGNIFICANT_DIGITS}g}") if math.isfinite(value) else None
    return value
