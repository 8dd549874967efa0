"""Models of strangers: no code that comes with one runs, nothing is asked, and a broken one is refused in one line."""

import ast
import io
import json
import pickle
import random
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import ROOT
from hostile_cases import Trap
from mutations import mutate
from tiny_export import export_tiny_several, export_tiny_student, export_tiny_tagger
from tiny_model import make_tiny_model

from distil.assets.references import sha256_of
from distil.classifiers.opening import open_onnx
from distil.core.errors import InputError
from distil.encoders.bases import load_base
from distil.encoders.opening import open_torch
from distil.encoders.outputs import Outputs, read_outputs
from distil.encoders.torch_model import TorchEncoder, load_classifier, load_tokenizer
from distil.tagging.words import read_labels
from distil.teacher.chat_template import load_renderer
from distil.teacher.counting import load_counter

LABELS = ["negative", "positive"]
OUTPUTS = Outputs(tuple(LABELS))
LOADING = ("from_pretrained", "pipeline")  # of transformers and of what is built like it
ODD: list[Any] = [None, 0, -1, 1e308, "x", "", [], {}, [1], True, 2**63, "../../x", "\0", 3.5, "gpt2", "t5", "mine"]


@pytest.mark.parametrize("folder", ["distil", "stages", "tests", "benchmarks"])
def test_every_loading_call_refuses_code(folder: str) -> None:
    found = 0
    for path in (ROOT / folder).rglob("*.py"):
        for call in list_loading_calls(path.read_text(encoding="utf-8")):
            found += 1
            given = {word.arg: word.value for word in call.keywords}
            value = given.get("trust_remote_code")
            assert isinstance(value, ast.Constant), f"{path}:{call.lineno} does not say trust_remote_code=False"
            assert value.value is False, f"{path}:{call.lineno}"
    assert found or folder == "stages"


def list_loading_calls(code: str) -> Iterator[ast.Call]:
    """Those of a module, and of the code that stands in its strings."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in LOADING:
                yield node
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "import" in node.value:
            try:
                yield from list_loading_calls(node.value)
            except SyntaxError:
                continue


@pytest.fixture
def with_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model whose config and tokenizer need classes of its own, and a user who says yes to whatever is asked."""
    folder = make_tiny_model(tmp_path / "model")
    change(folder / "config.json", model_type="mine", auto_map={"AutoConfig": "mine.MyConfig"})
    change(folder / "tokenizer_config.json", tokenizer_class="Mine", auto_map={"AutoTokenizer": ["mine.Mine", None]})
    (folder / "mine.py").write_text(f"open({str(tmp_path / 'trace')!r}, 'w').write('run')\n")
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n" * 9))
    return folder


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_code_that_comes_with_a_model(with_code: Path, capfd: pytest.CaptureFixture[str]) -> None:
    loads: list[Callable[[], Any]] = [
        *(lambda: load_tokenizer(with_code), lambda: load_classifier(with_code)),
        *(lambda: load_base(with_code, OUTPUTS), lambda: load_renderer(str(with_code))),
    ]
    for load in loads:
        with pytest.raises(InputError, match=r"class M.* of code that comes with it, which is not run") as caught:
            load()
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="which is not run"):
        TorchEncoder(with_code, "cpu")
    assert not (with_code.parent / "trace").exists()
    assert "[y/N]" not in "".join(capfd.readouterr())


def test_model_of_very_many_layers(tmp_path: Path) -> None:
    """They would be made one by one before anything is compared with the weights."""
    folder = make_tiny_model(tmp_path / "model")
    change(folder / "config.json", num_hidden_layers=10**9)
    with pytest.raises(InputError, match="num_hidden_layers = 1000000000"):
        load_base(folder, OUTPUTS)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"num_labels": 10**8}, "config.json has num_labels = 100000000, more than any model"),
        ({"text_config": {"num_hidden_layers": 10**9}}, "config.json has num_hidden_layers = 1000000000"),
        ({"vocab_size": 10**9}, "numbers, and its weights have"),
        ({"intermediate_size": 10**8}, "numbers, and its weights have"),
        ({"max_position_embeddings": 10**9}, "numbers, and its weights have"),
        ({"hidden_size": 10**6}, "numbers, and its weights have"),
    ],
)
def test_model_that_asks_for_far_more_than_its_weights_hold(tmp_path: Path, asked: dict[str, Any], said: str) -> None:
    """What is not among the weights would be made: gigabytes, for a config of a few hundred bytes."""
    folder = make_tiny_model(tmp_path / "model")
    change(folder / "config.json", **asked)
    for load in (lambda: load_base(folder, OUTPUTS), lambda: load_classifier(folder), lambda: TorchEncoder(folder)):
        with pytest.raises(InputError, match=said):
            load()


def make_pickle(kind: str, trace: Path) -> bytes:
    written = io.BytesIO()
    torch.save({"pooler.dense.weight": Trap(trace)} if kind == "zipped" else {}, written)
    sound = written.getvalue()
    return {
        "plain": pickle.dumps({"pooler.dense.weight": Trap(trace)}),
        "zipped": sound,
        "cut": sound[: len(sound) // 2],
        "empty": b"",
        "text": b"no pickle",
        "of nothing": sound,
        "a list": pickle.dumps([1, 2]),
        "deep": b"\x80\x02" + b"(" * 100_000 + b"." + b"l" * 100_000,
    }[kind]


@pytest.mark.parametrize("kind", ["plain", "zipped", "cut", "empty", "text", "of nothing", "a list", "deep"])
def test_weights_that_are_a_pickle(tmp_path: Path, kind: str) -> None:
    folder = make_tiny_model(tmp_path / "model")
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(make_pickle(kind, tmp_path / "trace"))
    with pytest.raises(InputError) as caught:
        load_base(folder, OUTPUTS)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("cases", [40, pytest.param(400, marks=[pytest.mark.slow, pytest.mark.long])])
@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "tokenizer.json", "model.safetensors"])
def test_any_damage(tmp_path: Path, name: str, cases: int) -> None:
    """The model is read, or refused in one line."""
    folder = make_tiny_model(tmp_path / "model")
    sound = (folder / name).read_bytes()
    rng = random.Random(0)
    damages = mutate(sound, cases) if name == "model.safetensors" else (mistake(sound, rng) for _ in range(cases))
    refused = 0
    for damaged in damages:
        (folder / name).write_bytes(damaged)
        try:
            load_base(folder, OUTPUTS)
        except InputError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused


@pytest.mark.parametrize(
    ("name", "make"),
    [
        *(("config.json", make) for make in (export_tiny_student, export_tiny_several, export_tiny_tagger)),
        *(("tokenizer_config.json", make) for make in (export_tiny_student, export_tiny_tagger)),
        *(("tokenizer.json", make) for make in (export_tiny_student, export_tiny_tagger)),
    ],
)
def test_exported_folder_with_any_damage(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, name: str, make: Any
) -> None:
    folder = Path(shutil.copytree(make(tmp_path_factory)[1], tmp_path / "onnx"))
    sound, rng = (folder / name).read_bytes(), random.Random(2)
    for damaged in [b"[" * 100_000, b"{", *(mistake(sound, rng) for _ in range(60))]:
        (folder / name).write_bytes(damaged)
        try:
            open_onnx(folder, device="cpu", threads=1).predict(["good"])
        except InputError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize(
    "thresholds",
    [
        *([0.5], "x", 0.5, {}, {"a": 0.5, "b": 0.5}, dict.fromkeys("abcd", 0.5)),
        *(dict.fromkeys("abc", value) for value in (*ODD[2:6], "0.5", True, -0.1, 1.5, float("nan"), [0.5])),
    ],
)
def test_thresholds_that_are_none(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, thresholds: Any) -> None:
    student, folder = export_tiny_several(tmp_path_factory)
    for place, load in ((student, open_torch), (folder, open_onnx)):
        copy = Path(shutil.copytree(place, tmp_path / load.__name__))
        change(copy / "config.json", thresholds=thresholds)
        with pytest.raises(
            InputError, match=r"config\.json has (thresholds for other labels|a threshold of )"
        ) as caught:
            load(copy, device="cpu")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "tags",
    [
        *(["O"], ["O", "B-a"], ["O", "B-a", "I-b"], ["B-a", "I-a", "O"], ["O", "a", "b"], ["LABEL_0", "LABEL_1"]),
        *(["O", "I-a", "B-a"], ["O", "B-a", "I-a", "E-a"], ["O", "B-", "I-a"], [""]),
    ],
)
def test_tags_that_are_no_iob2(tags: list[str]) -> None:
    with pytest.raises(InputError, match=r"^config\.json names outputs that are not the tags O, ") as caught:
        read_labels(Path("config.json"), tags)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "names", [None, {}, [], {"0": "O", "2": "B-a"}, {"1": "O"}, {"O": 0}, {"00": "O"}, "O", {"-1": "O"}]
)
def test_names_of_outputs_with_holes(names: Any) -> None:
    with pytest.raises(InputError, match=r"^config\.json has no id2label that names output 0 and up"):
        read_outputs(Path("config.json"), {"id2label": names, "architectures": ["BertForTokenClassification"]})


@pytest.mark.parametrize("cases", [100, pytest.param(5000, marks=[pytest.mark.slow, pytest.mark.long])])
def test_tokenizer_that_counts_with_any_damage(tmp_path: Path, cases: int) -> None:
    path = make_tiny_model(tmp_path / "model") / "tokenizer.json"
    sound, rng = path.read_bytes(), random.Random(1)
    refused = 0
    for damaged in [b"[" * 100_000, b"5", b'{"model": {}}', *(mistake(sound, rng) for _ in range(cases))]:
        path.write_bytes(damaged)
        try:
            load_counter(f"{path}#sha256={sha256_of(path)}", tmp_path / "assets.txt")
        except InputError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > cases / 10


def mistake(sound: bytes, rng: random.Random) -> bytes:
    """A JSON file with a value or two of another kind, or left out."""
    content = json.loads(sound)
    for _ in range(rng.randint(1, 2)):
        holder, key = rng.choice(list(list_places(content)))
        if isinstance(holder, dict) and rng.random() < 0.2:
            del holder[key]
        else:
            holder[key] = json.loads(json.dumps(rng.choice(ODD)))
    return json.dumps(content).encode()


def list_places(value: Any) -> Iterator[tuple[Any, Any]]:
    for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []:
        yield value, key
        yield from list_places(value[key])


@pytest.mark.parametrize(
    "template",
    ["{{ 1 // 0 }}", "{% for x in", "{{ ''.__class__.__mro__[1].__subclasses__() }}", "{{ [] + 1 }}", "{{ x.y.z }}"],
)
def test_chat_template_that_fails(tmp_path: Path, template: str) -> None:
    folder = make_tiny_model(tmp_path / "model")
    change(folder / "tokenizer_config.json", chat_template=template)
    with pytest.raises(InputError, match="chat template, which protocol tgi needs, cannot be loaded") as caught:
        load_renderer(str(folder))([("user", "?")])
    assert "\n" not in str(caught.value)
