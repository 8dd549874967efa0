import re
from pathlib import Path

import pytest

from distil.core.errors import InputError
from distil.core.params import Number, Params, TaskParams, load_params
from distil.core.runtime import RuntimeParams
from distil.prompting.params import AnnotateParams


class Inner(Params):
    low: Number


class Toy(Params):
    rate: Number
    count: int
    name: str
    bounds: Inner | None = None


def load(tmp_path: Path, text: str, model: type[Params] = Toy, section: str = "toy") -> Params:
    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8")
    return load_params(section, model, path)


def test_a_number_may_be_written_in_any_way(tmp_path: Path) -> None:
    for written in ("1e-3", "1.0e-3", "0.001", "'0.001'"):
        loaded = load(tmp_path, f"toy: {{rate: {written}, count: 3, name: x}}")
        assert isinstance(loaded, Toy)
        assert loaded.rate == 0.001


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "toy: {rate: 1, count: 3, name: x, ratio: 2}",
            "unknown key toy.ratio; allowed here: rate, count, name, bounds",
        ),
        ("toy: {rate: fast, count: 3, name: x}", "toy.rate = 'fast'"),
        ("toy: {rate: 1, count: 3.5, name: x}", "toy.count = 3.5"),
        ("toy: {rate: 1, count: '3', name: x}", "toy.count = '3'"),
        ("toy: {rate: 1, count: 3, name: yes}", r"toy.name = True: .*\(write it in quotes\)"),
        ("toy: {rate: 1, name: x}", "toy.count is missing"),
        ("toy: {rate: 1, count: 3, name: x, bounds: {low: -}}", "toy.bounds.low"),
        ("other: {}", "has no section 'toy'; it has: other"),
        ("- a list", "must hold sections"),
        ("toy: {rate: 1", "line 1 is not YAML"),
    ],
)
def test_a_wrong_key_or_value_is_one_line_that_names_it(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load(tmp_path, text)
    assert "\n" not in str(caught.value)
    assert "params.yaml" in str(caught.value)


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="presets/"):
        load_params("toy", Toy, tmp_path / "params.yaml")


@pytest.mark.parametrize(
    ("labels", "message"),
    [("[a]", "at least two"), ("[a, a]", "twice"), ("[a, ' b']", "blank"), ("[no, yes]", "labels.0 = False")],
)
def test_labels_that_make_no_classifier_are_refused(tmp_path: Path, labels: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(tmp_path, f"task: {{name: t, description: d, language: en, labels: {labels}}}", TaskParams, "task")


GENERATE = "prompt: p.md, method: generate, protocol: chat, max_tokens: 9"
ONE = f"{GENERATE}, model: a"
FILE = "file: e.csv, nearest: 2, embeddings: e"
SAME = "the same answer comes each time: set temperature above 0, or votes to 1"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (f"{ONE}, votes: 3", f"annotate: votes is 3, but {SAME}"),
        (f"{GENERATE}, votes: 2, teachers: [{{model: a, temperature: 1}}, b]", f"annotate.teachers.1 (b): .*{SAME}"),
        (
            f"{GENERATE}, votes: 2, temperature: 1, teachers: [a, {{model: b, temperature: 0}}]",
            f"annotate.teachers.1 (b): .*{SAME}",
        ),
        (f"{ONE}, votes: many", "annotate.votes = 'many': write 3 or {min: 2, max: 5}"),
        (f"{ONE}, votes: true", "annotate.votes = True: write 3 or {min: 2, max: 5}"),
        (f"{ONE}, votes: {{min: 2, mx: 5}}", "unknown key annotate.votes.mx; allowed here: min, max"),
        (ONE.replace("generate", "score") + ", json_schema: true", "annotate: method score .*json_schema"),
        (
            f"{ONE}, extra: {{since: 2024-01-31}}",
            "annotate.extra.since = .*cannot be sent as JSON (a date .* in quotes)",
        ),
        (f"{ONE}, extra: {{top_k: .nan}}", "annotate.extra.top_k = nan: cannot be sent as JSON"),
        (f"{GENERATE}, teachers: [a, {{model: b, extra: {{on: 1}}}}]", "annotate.teachers.1.extra"),
        (
            f"{GENERATE}, teachers: [{{model: a, max_tokens: null}}]",
            "annotate.teachers.0.max_tokens = None: needs a value",
        ),
        (
            f"{GENERATE}, teachers: [{{model: a, protcol: tgi}}]",
            "annotate.teachers.0.protcol; allowed here: protocol",
        ),
        (f"{GENERATE}, teachers: [5]", "annotate.teachers.0 = 5: write a mapping of keys and values"),
        (f"{ONE}, examples: {{{FILE}, k: 3}}", "annotate.examples.k; allowed here: file, nearest"),
        (f"{ONE}, examples: {{file: e.csv, nearest: 2}}", "annotate.examples.embeddings is missing; name the encoder"),
        (f"{ONE}, examples: e.csv", "annotate.examples = 'e.csv': write a mapping of keys and values"),
        (f"{ONE}, json_schema: true, examples: {{{FILE}, show_reason: false}}", "annotate: .*show_reason is false"),
        (f"{ONE}, extra: [{'1, ' * 30}]", "annotate.extra: write a mapping of keys and values"),
    ],
)
def test_what_a_teacher_cannot_be_asked_is_refused_in_one_line(tmp_path: Path, keys: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        load(tmp_path, f"annotate: {{{keys}}}", AnnotateParams, "annotate")
    assert re.search(re.escape(message).replace(r"\.\*", ".*"), str(caught.value))
    assert "\n" not in str(caught.value)
    assert "p.md" not in str(caught.value)


def test_what_a_teacher_can_be_asked_is_taken(tmp_path: Path) -> None:
    recorded = ONE.replace("chat", "recorded") + ", votes: 2, recording: {files: [f], text: t, votes: [{l: a}, {l: b}]}"
    teachers = f"{GENERATE}, votes: 2, teachers: [{{model: a, temperature: 1, top_p: null, seed: null}}]"
    sent = f"{ONE}, extra: {{logit_bias: {{50256: -100}}, stop: [x], top_p: null}}"
    loaded = []
    for keys in (recorded, teachers, sent):
        section = load(tmp_path, f"annotate: {{{keys}}}", AnnotateParams, "annotate")
        assert isinstance(section, AnnotateParams)
        loaded.append(section)
    assert [section.votes.max for section in loaded] == [2, 2, 1]
    assert [(one.temperature, one.top_p, one.seed) for one in loaded[1].each_teacher()] == [(1, None, None)]
    assert loaded[2].extra == {"logit_bias": {50256: -100}, "stop": ["x"], "top_p": None}


def test_allowed_keys_are_listed_in_mappings(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"endpoints\.X\.base; allowed here: base_url, api_key_env"):
        load(tmp_path, "runtime: {endpoints: {X: {base: a}}}", RuntimeParams, "runtime")
    with pytest.raises(InputError, match=r"runtime\.endpoints\.X = 'a': write a mapping"):
        load(tmp_path, "runtime: {endpoints: {X: a}}", RuntimeParams, "runtime")
