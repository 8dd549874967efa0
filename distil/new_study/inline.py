"""Write a value that comes from outside into a YAML file that is otherwise a template: on one line, as it is."""

from typing import Any

import yaml

NO_LINE_IS_SO_LONG = 10**9  # characters


def write_inline(value: Any) -> str:
    """A value as YAML on one line, whatever is in it; also good in a comment."""
    text = _dump(value)
    return text if len(text.splitlines()) == 1 else _dump(value, style='"')  # where line breaks are written as \n


def _dump(value: Any, style: str | None = None) -> str:
    text: str = yaml.safe_dump(
        value,
        default_flow_style=True,
        default_style=style,
        allow_unicode=True,
        width=NO_LINE_IS_SO_LONG,
        sort_keys=False,
    )
    return text.removesuffix("...\n").strip()
