"""Put what others wrote into Markdown, so that it stays text: escaped within a line, or fenced off as a block."""

import re

MARKDOWN_SIGNS = re.compile(r"([\\`*_\[\]<>|~$&])")


def escape_markdown(text: object) -> str:
    """The text on one line, with every character escaped that is markup to Markdown or HTML within a line."""
    return MARKDOWN_SIGNS.sub(r"\\\1", " ".join(str(text).split()))


def fence(text: str) -> str:
    """The text as a block of code, between fences longer than any run of backticks in it."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fences = "`" * max(3, longest + 1)
    return f"{fences}text\n{text.strip()}\n{fences}"
