"""Read and write the metric files: small JSON that DVC shows and compares, rounded so that noise is no change."""

import json
import math
from pathlib import Path
from typing import Any

from distil.core.errors import InputError

SIGNIFICANT_DIGITS = 6


def write_metrics(path: Path, metrics: dict[str, Any]) -> None:
    """Write metrics as JSON with sorted nesting kept, floats at six significant digits, NaN and infinity as null."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(_round(metrics), indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def read_metrics(path: Path) -> dict[str, Any]:
    """Read a metric file; raises `InputError` if it is missing or not JSON."""
    try:
        metrics: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path} is missing; 'dvc repro' writes it") from None
    except ValueError as error:
        raise InputError(f"{path} is not JSON ({error}); 'dvc repro' writes it anew") from None
    return metrics


def _round(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _round(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_round(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.{SIGNIFICANT_DIGITS}g}") if math.isfinite(value) else None
    return value
