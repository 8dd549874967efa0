"""The prompt that the labels were made with, for the cards: a metric file has its path, and its hash to know it by."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from distil.core.errors import InputError

RECORDED = "recorded"  # where answers are from that were given to a prompt that is not here


def read_prompt_of(annotate: Mapping[str, Any]) -> str | None:
    """The text of the prompt that the details of metrics/annotate.json name; null where the answers are a recording.

    Metric files come with a clone, and a card is published: a path in one could name any file, one with keys in it too.
    So the file has to have the hash that the stage recorded, which nobody knows of a file that he cannot read.

    Raises `InputError` if the file cannot be read or is another one.
    """
    if annotate["server"] == RECORDED:
        return None
    path, remedy = Path(str(annotate["prompt"])), "bring it back, or run 'dvc repro'"
    try:
        content = path.read_bytes() if path.is_file() else None  # not of a device, which may be endless
    except OSError as error:
        raise InputError(f"{path}, the prompt, cannot be read ({error.strerror}); {remedy}") from None
    if content is None:
        raise InputError(f"{path}, the prompt, cannot be read (no such file); {remedy}")
    if hashlib.sha256(content).hexdigest() != annotate["prompt_sha256"]:
        raise InputError(f"{path}, the prompt, is not the one that the labels were made with; {remedy}")
    return content.decode("utf-8-sig", "replace").replace("\r\n", "\n")
