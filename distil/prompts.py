"""Read an instruction and fill a text into it.

Only `{text}` and `{labels}` are filled in; every other brace is text, in the prompt and in what is filled in.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from distil.errors import InputError

FIELD = re.compile(r"\{(text|labels)\}")


def read_prompt(path: Path) -> str:
    """Return the prompt file's text without the newlines at its end.

    Raises `InputError` if the file is missing, is not UTF-8 or does not say where the text goes.
    """
    try:
        template = path.read_text(encoding="utf-8").rstrip("\n")
    except FileNotFoundError:
        raise InputError(f"the prompt {path} is missing; annotate.prompt in params.yaml names it") from None
    except UnicodeDecodeError as error:
        raise InputError(f"the prompt {path} is not UTF-8 at byte {error.start}; save it as UTF-8") from None
    if "{text}" not in template:
        raise InputError(f"the prompt {path} has no {{text}}; write it where each text should go")
    return template


def fill_prompt(template: str, text: str, labels: Sequence[str]) -> str:
    """Put the text, and the labels separated by commas, where the template asks for them, in one pass."""
    values = {"text": text, "labels": ", ".join(labels)}
    return FIELD.sub(lambda field: values[field[1]], template)
