from pathlib import Path

import pytest
from conftest import ROOT

from distil.core.errors import InputError
from distil.prompting.prompt_files import Example, Prompt, fill_labels, read_prompt

HOSTILE = [
    "braces {labels} and {text} and {0} and {{x}}",
    "quotes \" and ' and `",
    "two\nlines\r\nand a tab\t",
    "Label: positive",
    "emoji \U0001f600 and \u202e marks",
    r"a \1 backslash \g<0>",
    "word " * 10_000,
]
FRONT = """\
---
system: |
  Answer with one of {labels}.
examples:
  - text: "a {text} in braces: fine"
    label: positive
    reason: It says so.
  - {text: '---', label: "yes"}
---

Text: {text}
---
Label:

"""


def write(folder: Path, content: str) -> Path:
    path = folder / "p.md"
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_is_filled_in_as_it_is(text: str) -> None:
    assert text.join(fill_labels("{labels}|{text}|{other}", ["a", "b"])) == f"a, b|{text}|{{other}}"


def test_labels_are_filled_in_as_they_are() -> None:
    assert "t".join(fill_labels("{text}: {labels}", ["{text}", "{labels}"])) == "t: {text}, {labels}"


def test_newlines_at_the_end_of_the_file_are_dropped(tmp_path: Path) -> None:
    assert read_prompt(write(tmp_path, "\nText: {text}\nLabel:\n\n")) == Prompt("\nText: {text}\nLabel:")


def test_front_matter_holds_a_system_message_and_examples(tmp_path: Path) -> None:
    prompt = read_prompt(write(tmp_path, FRONT))
    assert prompt == Prompt(
        body="Text: {text}\n---\nLabel:",
        system="Answer with one of {labels}.",
        examples=(
            Example(text="a {text} in braces: fine", label="positive", reason="It says so."),
            Example(text="---", label="yes"),
        ),
    )


@pytest.mark.parametrize("before", ["\ufeff", "\n \n\n", "\ufeff\r\n"])
def test_a_byte_order_mark_and_blank_lines_may_stand_before_front_matter(tmp_path: Path, before: str) -> None:
    prompt = read_prompt(write(tmp_path, f"{before}---\nsystem: Be brief.\n---\n{{text}}"))
    assert prompt == Prompt("{text}", system="Be brief.")
    with pytest.raises(InputError, match=f"line {before.count(chr(10)) + 3}: the front matter is not YAML"):
        read_prompt(write(tmp_path, f"{before}---\nsystem: a\nexamples: [\n---\n{{text}}"))


@pytest.mark.parametrize("front", ["---\n---\n", "---\n# nothing yet\n---\n\n", "---  \nsystem: null\n--- \n"])
def test_front_matter_may_be_empty(tmp_path: Path, front: str) -> None:
    assert read_prompt(write(tmp_path, front + "{text}\n")) == Prompt("{text}")


@pytest.mark.parametrize(
    ("front", "message"),
    [
        ("system: {labels} it is", r"line 2: the front matter is not YAML"),
        ("system: a\nexamples: [", r"line 3: the front matter is not YAML"),
        ("sytem: a", r"p\.md: sytem: unknown key; allowed here: system, examples$"),
        ("just words", r"the front matter = 'just words'"),
        ("system: 5", r"system = 5: .*valid string \(write it in quotes\)"),
        ("system: 'Read {text}'", r"system = .*\{text\} belongs below the front matter"),
        ("examples: {text: a, label: b}", r"examples = .*valid list"),
        ("examples: [a]", r"example 1 = 'a'"),
        (
            "examples: [{text: a, label: b}, {text: a, label: yes}]",
            r"example 2, label = True: .*\(write it in quotes\)",
        ),
        ("examples: [{text: a}]", r"example 1, label is missing"),
        ("examples: [{text: ' ', label: a}]", r"example 1, text = ' ': is blank"),
        ("examples: [{text: a, label: b, why: c}]", r"example 1, why: unknown key; allowed here: text, label, reason"),
    ],
)
def test_wrong_front_matter_is_refused_in_one_line(tmp_path: Path, front: str, message: str) -> None:
    path = write(tmp_path, f"---\n{front}\n---\n{{text}}")
    with pytest.raises(InputError, match=message) as caught:
        read_prompt(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"Label it.", r"no \{text\}"),
        (b"", r"no \{text\}"),
        (b"\xff {text}", "not UTF-8 at byte 0"),
        (b"---\nsystem: a\n{text}", r"no other line --- ends its front matter"),
        (b"---\nexamples: [{text: '{text}', label: a}]\n---\nLabel:", r"no \{text\}"),
    ],
)
def test_a_prompt_that_cannot_work_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "p.md"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_prompt(path)


def test_a_missing_prompt_names_the_key(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"annotate\.prompt"):
        read_prompt(tmp_path / "none.md")


@pytest.mark.parametrize("path", sorted((ROOT / "prompts").glob("*.md")), ids=lambda path: path.stem)
def test_the_project_s_prompts_can_be_read(path: Path) -> None:
    assert "{text}" in read_prompt(path).body
