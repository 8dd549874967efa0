"""What a student's folder says of its sureness, in the key `selective` of its config.json.

Transformers and transformers.js keep keys that they do not know, and go on without them.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from distil.core.errors import InputError

KEY = "selective"
AGAIN = "'dvc repro' writes it anew"


class Selective(NamedTuple):
    """The temperature, and the threshold of a cascade; null where none was asked for, or none is certified."""

    temperature: float = 1.0
    threshold: float | None = None
    file: str | None = None  # for which they were found


def read_selective(path: Path, config: Mapping[str, Any]) -> Selective:
    """What a config.json says; raises `InputError`, which names the `path`, if it is no number that could be meant."""
    given = config.get(KEY) or {}
    if not isinstance(given, dict):
        raise InputError(f"{path} has {KEY} = {given!r:.40}, no object; {AGAIN}")
    temperature, threshold = given.get("temperature", 1.0), given.get("threshold")
    if not _is_number(temperature) or not temperature > 0:
        raise InputError(f"{path} has a temperature of {temperature!r:.40}, no number above 0; {AGAIN}")
    if threshold is not None and not (_is_number(threshold) and 0 <= threshold <= 1):
        raise InputError(f"{path} has a {KEY} threshold of {threshold!r:.40}, no number from 0 to 1; {AGAIN}")
    file = given.get("file")
    return Selective(
        float(temperature), None if threshold is None else float(threshold), file if isinstance(file, str) else None
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
