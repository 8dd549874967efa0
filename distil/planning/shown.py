"""What a plan shows of params and files: plain enough for JSON, and without what looks like a password or a key."""

import math
import re
from typing import Any

from distil.core.addresses import show_address
from distil.core.secrets import hide_credentials

ADDRESS = re.compile(r"[a-zA-Z][\w+.-]*://[^\s'\"]+")


def hide_secrets(text: str) -> str:
    """The text without passwords and keys, and without the queries of addresses, which may hold one."""
    return hide_credentials(ADDRESS.sub(lambda found: show_address(found[0]), text))


def make_plain(value: Any) -> Any:
    """A value as JSON has it, its secrets hidden: keys, dates and numbers that are not finite are text."""
    if isinstance(value, dict):
        return {hide_secrets(str(key)): make_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [make_plain(item) for item in value]
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return hide_secrets(str(value))
