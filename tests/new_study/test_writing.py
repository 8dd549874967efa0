"""The files of a study: params that its stages take, and a prompt that works as it is."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from distil.core.errors import InputError
from distil.core.params import Kind, load_params
from distil.forms.labelling import load_labelling
from distil.new_study.teachers import list_presets, load_preset
from distil.new_study.writing import NewStudy, write_files
from distil.planning.sections import MODELS
from distil.prompting.prompt_files import fill_labels, read_prompt
from distil.texts.cells import Columns
from distil.texts.sources import CorpusParams, load_source

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
SECTIONS = ["task", *list(STAGES)[: list(STAGES).index("evaluate")], "cascade", *list(STAGES)[7:], "runtime"]
ODD = ["yes", "1", "a: b", "it's #1", "Größe", "- no"]
ALONE = {"local"}  # presets for one label a text


def study_of(kind: Kind, teacher: str, labels: list[str], file: str = "my file.csv") -> NewStudy:
    return NewStudy(
        name="2024",
        kind=kind,
        labels=labels,
        language="de",
        file=file,
        header=False,
        columns=Columns(text="no: text", gold="on", split="3"),
        max_length=256,
        teacher=load_preset(teacher, ROOT),
    )


@pytest.mark.parametrize("teacher", list_presets(ROOT))
@pytest.mark.parametrize("kind", ["classification", "multi_label", "token_classification"])
def test_what_was_put_together_is_whole(tmp_path: Path, kind: Kind, teacher: str) -> None:
    if teacher in ALONE and kind != "classification":
        with pytest.raises(InputError, match=rf"the teacher '{teacher}' is not for this: .* --teacher names another"):
            write_files(study_of(kind, teacher, ODD), tmp_path)
        return
    write_files(study_of(kind, teacher, ODD), tmp_path)
    path = tmp_path / "params.yaml"
    assert list(yaml.safe_load(path.read_text())) == SECTIONS
    source = load_source(path)
    assert isinstance(source, CorpusParams)
    assert source.columns == Columns(text="no: text", gold="on", split="3")
    assert (source.header, list(source.files)) == (False, ["my file.csv"])
    assert yaml.safe_load(path.read_text())["task"]["labels"] == ODD
    written = [path, *tmp_path.glob("prompts/*"), tmp_path / "README.md"]
    lines = [line for file in written for line in file.read_text().splitlines() if " hf:" not in line]
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize(
    "odd", ["no", "en: x", "a # b", "a\nb: c", "a\u2028b", "{x}", "- y", "0x1f", "''", '""', "&a *b"]
)
def test_whatever_comes_from_outside_is_written_as_it_is(tmp_path: Path, odd: str) -> None:
    study = study_of("classification", "openai", ODD, odd)
    teacher = replace(study.teacher, name=odd)
    write_files(replace(study, language=odd, columns=Columns(text=odd, gold="on"), teacher=teacher), tmp_path)
    params = yaml.safe_load((tmp_path / "params.yaml").read_text(encoding="utf-8"))
    assert list(params) == SECTIONS
    assert (params["task"]["language"], params["fetch"]["files"]) == (odd, [odd])
    assert params["fetch"]["columns"]["text"] == odd
    assert params["report"]["texts"] == f"texts of {odd}"


def test_each_stage_takes_the_params_that_are_written(tmp_path: Path) -> None:
    write_files(study_of("multi_label", "vllm", ODD), tmp_path)
    taken = {stage: load_params(stage, model, tmp_path / "params.yaml") for stage, model in MODELS.items()}
    assert {*taken, "fetch"} == set(STAGES)
    assert all(isinstance(taken[stage], model) for stage, model in MODELS.items())


@pytest.mark.parametrize("kind", ["classification", "multi_label", "token_classification"])
def test_the_prompt_says_how_to_answer_and_the_answer_is_read(tmp_path: Path, kind: Kind) -> None:
    write_files(study_of(kind, "vllm", ["joy", "love", "grief"]), tmp_path)
    prompt = read_prompt(tmp_path / "prompts/2024.md")
    assert prompt.system is None and not prompt.examples
    asked = "we met".join(fill_labels(prompt.body, ["joy", "love", "grief"]))
    assert "joy, love, grief\n\n- joy\n- love\n- grief\n" in asked
    assert asked.endswith("Text: we met")
    assert "not sent" not in asked
    said = {
        "classification": "alone",
        "multi_label": '["joy", "love"]',
        "token_classification": "<joy>these words</joy>",
    }
    assert said[kind] in asked
    assert (tmp_path / "prompts/2024_examples.csv").read_text() == "text,label,reason\n"
    assert load_labelling(kind).form is not None


def test_many_labels_stand_on_lines_that_one_reads(tmp_path: Path) -> None:
    labels = [f"a_rather_long_name_of_a_label_number_{number}" for number in range(77)]
    write_files(study_of("classification", "openai", labels), tmp_path)
    text = (tmp_path / "params.yaml").read_text()
    assert yaml.safe_load(text)["task"]["labels"] == labels
    assert max(map(len, text.splitlines())) <= 150
    assert "77 labels: a_rather_long_name_of_a_label_number_0, " in (tmp_path / "README.md").read_text()
