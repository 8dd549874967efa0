"""Read and write what the stages measure: JSON, and csv for the plots of DVC, rounded so that noise is no change.

A metric file begins with the few figures that one compares between branches, which DVC shows. Under `details` it has
all else, as a list of one object: DVC passes over lists. In a file of its own it would be an output that DVC neither
caches nor shows, and DVC keeps no run cache of a stage with such an output.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd

from distil.core.errors import InputError
from distil.core.harmless import HARMFUL, printable
from distil.core.whole_files import written_whole

SIGNIFICANT_DIGITS = 6
TAG = re.compile(r"<(?=[A-Za-z/!?])")  # where HTML may see the beginning of a tag or a comment
NOT_A_TAG = "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}"
DETAILS = "details"


def write_metrics(path: Path, headline: Mapping[str, Any], details: Mapping[str, Any] | None = None) -> None:
    """Write the headline and the details, nesting and order kept; NaN and infinity as null.

    Floats get six significant digits. What a terminal would obey stands there as JSON escapes it.
    """
    metrics = {**headline, **({} if details is None else {DETAILS: [details]})}
    text = json.dumps(_round(metrics), indent=2, ensure_ascii=False, allow_nan=False)
    harmless = "\n".join(HARMFUL.sub(lambda found: json.dumps(found[0])[1:-1], line) for line in text.split("\n"))
    with written_whole(path) as half:
        half.write_text(harmless + "\n", encoding="utf-8")


class Recorded(dict[str, Any]):
    """An object of a metric file: a key that is asked for and not there is an `InputError` that names the file."""

    def __init__(self, path: Path, values: Mapping[str, Any]) -> None:
        self._path = path
        super().__init__({key: _record(path, value) for key, value in values.items()})

    def __missing__(self, key: str) -> NoReturn:
        raise InputError(f"{self._path} has no {key!r} where it belongs; 'dvc repro' writes it anew")


def read_metrics(path: Path) -> dict[str, Any]:
    """Read a whole metric file; raises `InputError` if it is missing, no JSON object or nested too deeply.

    So does, later, asking for a key that is not there, at any depth.
    """
    again = "'dvc repro' writes it anew"
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path} is missing; 'dvc repro' writes it") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise InputError(f"{path} is not JSON ({error}); {again}") from None
    except RecursionError:
        raise InputError(f"{path} is nested too deeply; {again}") from None
    if not isinstance(metrics, dict):
        raise InputError(f"{path} has no details, it holds no object; {again}")
    return Recorded(path, metrics)


def read_details(path: Path) -> dict[str, Any]:
    """Read the details of a metric file; raises `InputError` if it has none, and as `read_metrics` does."""
    match read_metrics(path).get(DETAILS):
        case [Recorded() as details]:
            return details
    raise InputError(f"{path} has no details; 'dvc repro' writes it anew")


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table with a header, floats at six significant digits, and nothing for what is unknown.

    `dvc plots show` puts the cells into a script of its page as they are, where a label `</script><script>...` would
    run. So a `<` that could begin a tag is written as U+2039, which looks like it, and control characters as `repr`
    shows them: the same name stays the same name in every file of plots.
    """
    harmless = table.map(_disarm)
    with written_whole(path) as half:
        harmless.to_csv(half, index=False, float_format=f"%.{SIGNIFICANT_DIGITS}g", lineterminator="\n")


def read_csv(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Read what `write_csv` wrote; raises `InputError` if it is missing, damaged or has not these columns."""
    try:
        table = pd.read_csv(path, encoding="utf-8")
    except (FileNotFoundError, pd.errors.EmptyDataError):
        raise InputError(f"{path} is missing or empty; 'dvc repro' writes it") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as csv ({error}); 'dvc repro' writes it anew") from None
    if not set(columns) <= set(table.columns):
        raise InputError(f"{path} has not the columns {', '.join(columns)}; 'dvc repro' writes it anew")
    return table


def _disarm(value: Any) -> Any:
    """Text as a page and a terminal can show it; see `write_csv`."""
    return TAG.sub(NOT_A_TAG, printable(value)) if isinstance(value, str) else value


def _record(path: Path, value: Any) -> Any:
    if isinstance(value, dict):
        return Recorded(path, value)
    if isinstance(value, list):
        return [_record(path, item) for item in value]
    return value


def _round(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _round(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_round(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.{SIGNIFICANT_DIGITS}g}") if math.isfinite(value) else None
    return value
