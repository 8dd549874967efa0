from pathlib import Path

import pytest

from distil.errors import InputError
from distil.prompts import fill_prompt, read_prompt

HOSTILE = [
    "braces {labels} and {text} and {0} and {{x}}",
    "quotes \" and ' and `",
    "two\nlines\r\nand a tab\t",
    "Label: positive",
    "emoji \U0001f600 and \u202e marks",
    r"a \1 backslash \g<0>",
    "word " * 10_000,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_is_filled_in_as_it_is(text: str) -> None:
    assert fill_prompt("{labels}|{text}|{other}", text, ["a", "b"]) == f"a, b|{text}|{{other}}"


def test_newlines_at_the_end_of_the_file_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "p.md"
    path.write_text("Text: {text}\nLabel:\n\n", encoding="utf-8")
    assert read_prompt(path) == "Text: {text}\nLabel:"


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"Label it.", r"no \{text\}"), (b"", r"no \{text\}"), (b"\xff {text}", "not UTF-8 at byte 0")],
)
def test_a_prompt_that_cannot_work_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "p.md"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_prompt(path)


def test_a_missing_prompt_names_the_key(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"annotate\.prompt"):
        read_prompt(tmp_path / "none.md")
