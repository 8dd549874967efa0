"""Each preset of a teacher, asked of a server on loopback that speaks its dialect; presets that are wrong."""

import asyncio
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from teacher_dialects import DIALECTS, KEY, PATH, serve_dialect

from distil.core.errors import EndpointError, InputError
from distil.core.runtime import RuntimeParams
from distil.forms.answers import Answer
from distil.forms.labelling import load_labelling
from distil.new_study.teachers import list_presets, load_preset
from distil.prompting.params import AnnotateParams
from distil.prompting.prompt_files import Prompt
from distil.prompting.requests import Plan
from distil.teacher.client import Teacher
from distil.teacher.connect import make_protocol
from distil.teacher.endpoint import Endpoint, find_endpoint
from distil.teacher.tokens import TokenEstimate

LOCAL = {"local", "local-larger"}


async def _ask(params: AnnotateParams, endpoint: Endpoint) -> Answer:
    form = load_labelling("classification").answers
    plan = Plan(params, ["no", "yes"], form, Prompt("Is it {labels}? {text}"), "m")
    runtime = RuntimeParams(retry_wait_s=0.001, timeout_s=5)
    async with Teacher(endpoint, make_protocol(plan), runtime, TokenEstimate(9)) as teacher:
        return (await teacher.ask(plan.request("a text", 1))).answer


def ask(params: AnnotateParams, endpoint: Endpoint) -> Answer:
    return asyncio.run(_ask(params, endpoint))


def test_each_preset_of_an_endpoint_has_its_dialect() -> None:
    assert set(list_presets(ROOT)) == set(DIALECTS) | LOCAL


@pytest.mark.parametrize("name", DIALECTS)
def test_a_preset_is_answered_in_its_dialect(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    dialect, preset = DIALECTS[name], load_preset(name, ROOT)
    annotate, runtime = preset.params.annotate, preset.params.runtime
    if dialect.variable:
        monkeypatch.setenv(dialect.variable, KEY)
    if runtime.hf_endpoint:
        runtime = runtime.at("https://abc.us-east-1.aws.endpoints.huggingface.cloud/v1")
    found = find_endpoint(runtime, annotate.name)
    assert runtime.hf_endpoint or found.base_url == dialect.base_url
    assert found.key == (KEY if dialect.variable else None)
    with serve_dialect(dialect, annotate.name) as server:
        answer = ask(annotate, Endpoint(server.url, found.key))
        assert (answer.reply, answer.finish_reason, answer.input_tokens, answer.output_tokens) == ("yes", "stop", 21, 3)
        assert server.paths == [PATH]
        with pytest.raises(EndpointError, match=r"annotate\.model") as caught:
            ask(annotate.model_copy(update={"model": "x"}), Endpoint(server.url, found.key))
        assert "\n" not in str(caught.value)
        if dialect.variable:
            with pytest.raises(EndpointError, match="no key was sent: export it"):
                ask(annotate, Endpoint(server.url, None))


def test_a_field_that_no_request_may_have_stops_the_run_at_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    annotate = load_preset("openai", ROOT).params.annotate.model_copy(update={"extra": {}})
    with serve_dialect(DIALECTS["openai"], annotate.name) as server:
        with pytest.raises(EndpointError, match=r"'max_tokens' is not supported .* annotate\.extra takes one out"):
            ask(annotate, Endpoint(server.url, KEY))
        assert len(server.bodies) == 1


def test_the_local_preset_is_the_default_study_s_teacher() -> None:
    default = yaml.safe_load((ROOT / "presets/reviews.yaml").read_text())["annotate"]
    preset = yaml.safe_load((ROOT / "presets/teachers/local.yaml").read_text())["annotate"]
    assert preset == {key: default[key] for key in preset}


def test_a_larger_local_teacher_is_pinned() -> None:
    annotate = load_preset("local-larger", ROOT).params.annotate
    assert annotate.server == "local"
    assert "@f86cb2c1fa58255f8052cc32aeede1b7482d4361/" in annotate.name


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("annotate: { metod: score }", "unknown key annotate.metod; allowed here: prompt, method"),
        (
            "annotate:\n  method: generate\n  protocol: chat\n  model: m\nrun: {}",
            "unknown key run; allowed here: annotate",
        ),
        ("annotate:\n  method: generate\n  protocol: chat", "name either one model or a list of teachers"),
        ("runtime:\n  base_url: x", "annotate is missing"),
        (
            "annotate: { method: generate, protocol: chat, model: m }",
            "write the keys of annotate on lines of their own",
        ),
        ("annotate:\n    method: generate\n    protocol: chat\n    model: m", "indented by two blanks"),
        (
            "annotate:\n  method: generate\n  protocol: chat\n  model: m\n  prompt: p.md",
            "annotate.prompt is the study's",
        ),
        ("- 1", "must hold sections"),
    ],
)
def test_a_preset_that_is_wrong_is_one_line_with_its_place(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(content)
    with pytest.raises(InputError) as caught:
        load_preset(str(path), ROOT)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_preset_of_several_teachers_takes_no_other_model(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("annotate:\n  method: generate\n  protocol: chat\n  teachers: [a, b]\n")
    assert load_preset(str(path), ROOT).params.annotate.name == "a + b"
    with pytest.raises(InputError, match=r"no line of its own for annotate\.model"):
        load_preset(str(path), ROOT, "c")


def test_a_preset_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"openia.yaml is missing; --teacher takes .* anthropic, hf-endpoint"):
        load_preset("openia", ROOT)


@pytest.mark.parametrize("model", [f"/models/{'a long name ' * 20}.gguf", "no", "2024", 'it\'s "#1"', "Größe: x"])
@pytest.mark.parametrize("there", ["m", '"a # b"', "'it''s'", "two words"])
def test_another_model_is_written_whole_whatever_its_name(tmp_path: Path, model: str, there: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"annotate:\n  method: generate\n  protocol: chat\n  model: {there} # of it\n")
    preset = load_preset(str(path), ROOT, model)
    assert preset.params.annotate.model == yaml.safe_load(preset.annotate)["model"] == model
    assert preset.annotate.endswith(" # of it")
    assert len(preset.annotate.splitlines()) == 3


@pytest.mark.parametrize("model", ["", "  ", "a\nb: c", "a\x00", "\x1b[2J", "a\u202eb", "\udcff"])
def test_what_names_no_model_is_one_line(model: str) -> None:
    with pytest.raises(InputError, match=r"--model .* names no model") as caught:
        load_preset("ollama", ROOT, model)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("there", ['"a\n    b"', "a\n    b", ">\n    a", "b\nruntime:\n  model: c"])
def test_a_model_that_stands_on_no_line_of_its_own_is_not_replaced_by_half(tmp_path: Path, there: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"annotate:\n  method: generate\n  protocol: chat\n  model: {there}\n")
    with pytest.raises(InputError) as caught:
        load_preset(str(path), ROOT, "new")
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_another_model_takes_the_place_of_the_preset_s_and_comments_stay() -> None:
    preset = load_preset("ollama", ROOT, "qwen3: 8b # really")
    assert preset.params.annotate.model == "qwen3: 8b # really"
    lines = yaml.safe_load(preset.annotate)
    assert lines["model"] == "qwen3: 8b # really"
    assert "# json_schema: true" in preset.annotate
