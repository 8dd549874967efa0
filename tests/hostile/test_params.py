"""A params.yaml that a stranger wrote: whatever it holds, it loads, or is one line, at once."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT
from hostile_cases import ALIASES, CASES, try_cases
from hypothesis import strategies as st

from distil.core.errors import InputError
from distil.core.params import Params, TaskParams, load_params, load_rows
from distil.core.runtime import RuntimeParams
from distil.core.yaml_files import UnsafeYamlError, load_yaml
from distil.cost.price_tables import HardwareRow
from distil.prompting.params import AnnotateParams
from distil.prompting.prompt_files import read_prompt
from distil.student.params import TrainParams
from distil.texts.sources import load_source

MERGES = "m0: &m0 {k: 1}\n" + "".join(
    f"m{level}: &m{level} {{<<: [{', '.join([f'*m{level - 1}'] * 9)}]}}\n" for level in range(1, 9)
)
TOWER = "t0: &t0 [x]\n" + "".join(f"t{level}: &t{level} [*t{level - 1}]\n" for level in range(1, 300))
REST = "description: d, language: en, labels: [a, b]}"


def load(tmp_path: Path, content: str | bytes, model: type[Params] = TaskParams, section: str = "task") -> Params:
    path = tmp_path / "params.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load_params(section, model, path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"{ALIASES}task: {{name: *a8, {REST}", "line 6 is not YAML: with its aliases it stands for more than 200,000"),
        (f"{MERGES}task: {{name: t, {REST}", "with its aliases it stands for more than"),
        (f"task: &a {{name: *a, {REST}", "an alias stands for what it is a part of"),
        (f"{TOWER}task: {{name: *t299, {REST}", "nested more than 50 levels deep"),
        ("task: " + "[" * 60 + "]" * 60, "nested more than 50 levels deep"),
        ("task: " + "[" * 5000 + "]" * 5000, "nested more than 50 levels deep"),
        (f"task: {{name: {'1' * 5000}, {REST}", "is no int (text belongs in quotes)"),
        (f"task: {{name: {'1' * 4000}, {REST}", "is too large a number (text belongs in quotes)"),
        (f"task: {{name: 2026-02-30, {REST}", "'2026-02-30' is no timestamp (text belongs in quotes)"),
        (f"task: {{name: !!float abc, {REST}", "'abc' is no float"),
        (f"task: {{name: !!int '', {REST}", "is no int"),
        (f"task: {{name: !!bool x, {REST}", "'x' is no bool"),
        (f"task: {{name: !!timestamp x, {REST}", "'x' is no timestamp"),
        (f"task: {{name: !!binary '====x', {REST}", "failed to decode base64"),
        (f"task: {{name: t, name: u, {REST}", "the key 'name' stands twice"),
        ("task: {name: t}\ntask: {name: u}", "line 2 is not YAML: the key 'task' stands twice"),
        (f"task: {{name: t, description: d, language: en, labels: {'z' * 100_000}}}", "task.labels = 'zzz"),
        ("task: !!python/object/apply:os.system [echo]", "could not determine a constructor"),
        (b"task: {name: \xe9}", "is not UTF-8"),
        (b"task: \x00", "special characters are not allowed"),
        ("task:\n\tname: t", "cannot start any token"),
        ("- task", "must hold sections"),
        (
            "task: {name: a:b}",
            "line 1 is not YAML: 'a:b' has a colon; inside braces and brackets it needs quotes for DVC",
        ),
        ("task: {labels: [x, http://y]}", "'http://y' has a colon"),
        ("x" * 1_100_000, "it has 1,100,000 characters"),
    ],
)
def test_what_a_file_can_do_is_one_short_line_at_once(tmp_path: Path, content: str | bytes, said: str) -> None:
    with pytest.raises(InputError) as caught:
        load(tmp_path, content)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500 + len(str(tmp_path))


@pytest.mark.parametrize("number", [".inf", ".nan", "'1e999'", "'nan'", "1" + "0" * 400])
def test_a_number_is_finite(tmp_path: Path, number: str) -> None:
    with pytest.raises(InputError):
        load(tmp_path, f"runtime: {{timeout_s: {number}}}", RuntimeParams, "runtime")


def test_anchors_and_merges_that_mean_something_stay(tmp_path: Path) -> None:
    assert load(tmp_path, f"base: &b {{name: t}}\ntask: {{<<: *b, {REST}") == load(tmp_path, f"task: {{name: t, {REST}")


@pytest.mark.parametrize("file", ["prices.yaml", "prompt.md"])
def test_price_files_and_front_matter_are_read_as_params_are(tmp_path: Path, file: str) -> None:
    (tmp_path / file).write_text(f"---\n{ALIASES}---\n{{text}}\n" if file == "prompt.md" else ALIASES)
    with pytest.raises(InputError, match="with its aliases it stands for more than"):
        if file == "prompt.md":
            read_prompt(tmp_path / file)
        else:
            load_rows(tmp_path / file, HardwareRow, "bring it back")


def test_a_folder_in_a_file_s_place_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").mkdir()
    with pytest.raises(InputError, match="cannot be read"):
        load_params("task", TaskParams, tmp_path / "params.yaml")


SECTIONS: dict[str, type[Params]] = {
    "task": TaskParams,
    "annotate": AnnotateParams,
    "train": TrainParams,
    "runtime": RuntimeParams,
}
KNOWN: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.dates(),
    st.text(max_size=8),
    st.binary(max_size=4),
    st.sampled_from(["auto", "1e999", "-1", "\x1b[31m", "a\nb", "{text}", "pypi:x==1/y", "https://[::1", "../.."]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.text(max_size=5), st.integers(), st.booleans()), inner, max_size=3),
    ),
    max_leaves=8,
)
PIECES = st.sampled_from(
    ["&a ", "*a", "<<: ", "!!set ", "!!omap ", "!!binary ", "!!int ", "? ", "- ", "[", "]", "{", "}", ": ", "\n", "\t"]
)


@st.composite
def params_files(draw: st.DrawFn) -> tuple[str, str]:
    """A section's name and a text: the section as it is known, with a value changed, or with pieces of YAML in it."""
    name = draw(st.sampled_from([*SECTIONS, "fetch"]))
    section = dict(KNOWN[name])
    if draw(st.booleans()):
        section[draw(st.one_of(st.sampled_from(list(section)), st.text(max_size=5)))] = draw(VALUES)
    text = yaml.safe_dump({name: section}, allow_unicode=True)
    for piece in draw(st.lists(st.one_of(PIECES, st.text(max_size=3)), max_size=3)):
        place = draw(st.integers(0, len(text)))
        text = text[:place] + piece + text[place:]
    return name, text


@CASES
def test_no_params_file_ends_in_a_traceback(tmp_path: Path, cases: int) -> None:
    path = tmp_path / "params.yaml"

    def check(case: tuple[str, str]) -> None:
        name, text = case
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        try:
            load_source(path) if name == "fetch" else load_params(name, SECTIONS[name], path)
        except InputError as error:
            assert len(str(error)) < 2000

    try_cases(check, params_files(), cases)


@CASES
def test_no_text_is_more_than_yaml_can_say(cases: int) -> None:
    def check(text: str) -> None:
        try:
            load_yaml(text)
        except UnsafeYamlError as error:
            assert "\n" not in error.where

    pieces = st.lists(st.one_of(PIECES, st.text(max_size=4), st.sampled_from(["a", "b: ", "1", "2026-02-30"])))
    try_cases(check, pieces.map("".join), cases)


@pytest.mark.parametrize("form", ["{open}{close}", "- &a [[[[[[[[[[]]]]]]]]]]\n- {open}*a{close}"])
def test_fifty_levels_are_read_and_one_more_is_not(form: str) -> None:
    """Ten of the levels of the second form are in what the alias stands for, and one is the list around it."""
    most = 50 - 11 * form.count("*a")
    load_yaml(form.format(open="[" * most, close="]" * most))
    with pytest.raises(UnsafeYamlError, match="nested more than 50 levels deep"):
        load_yaml(form.format(open="[" * (most + 1), close="]" * (most + 1)))
