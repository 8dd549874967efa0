import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from tiny_export import LABELS, export_tiny_student
from tiny_model import MAX_TOKENS, Kind

from distil.classifier import OnnxClassifier
from distil.errors import InputError
from distil.onnx_export import FP32, INT8
from distil.token_limit import find_token_limit
from distil.torch_model import TorchClassifier

TEXTS = ["a good product", "", "!", "it works " * 500, "Ünï 漢字 🙂", "the loss is larger than before", "a"]


@pytest.fixture(params=["bert", "roberta"])
def kind(request: pytest.FixtureRequest) -> Kind:
    name: Kind = request.param
    return name


def test_gives_the_logits_of_torch(tmp_path_factory: pytest.TempPathFactory, kind: Kind) -> None:
    student, folder = export_tiny_student(tmp_path_factory, kind)
    expected = TorchClassifier(student, "cpu", batch_size=4).predict_logits(TEXTS)
    for batch_size in (1, 3, 100):
        logits = OnnxClassifier(folder, FP32, device="cpu", batch_size=batch_size).predict_logits(TEXTS)
        np.testing.assert_allclose(logits, expected, atol=1e-5)
    assert len(np.unique(expected.round(4), axis=0)) == len(TEXTS)  # so that a wrong order would show


def test_int8_is_near(tmp_path_factory: pytest.TempPathFactory, kind: Kind) -> None:
    _, folder = export_tiny_student(tmp_path_factory, kind)
    fp32, int8 = (OnnxClassifier(folder, file, device="cpu").predict_proba(TEXTS) for file in (FP32, INT8))
    assert np.allclose(int8, fp32, rtol=0, atol=0.1)


def test_probabilities_and_labels(tmp_path_factory: pytest.TempPathFactory) -> None:
    _, folder = export_tiny_student(tmp_path_factory)
    classifier = OnnxClassifier(folder, threads=1, device="cpu")
    shares = classifier.predict_proba(TEXTS)
    assert classifier.labels == list(LABELS)
    assert classifier.provider == "CPUExecutionProvider"
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    assert classifier.predict(TEXTS) == [LABELS[number] for number in shares.argmax(axis=1)]


def test_no_texts(tmp_path_factory: pytest.TempPathFactory) -> None:
    classifier = OnnxClassifier(export_tiny_student(tmp_path_factory)[1], device="cpu")
    assert classifier.predict_proba([]).shape == (0, len(LABELS))
    assert classifier.predict([]) == []


def test_texts_beyond_the_limit_are_cut(tmp_path_factory: pytest.TempPathFactory, kind: Kind) -> None:
    classifier = OnnxClassifier(export_tiny_student(tmp_path_factory, kind)[1], device="cpu")
    long, longer = classifier.predict_logits(["good " * MAX_TOKENS, "good " * 10_000])
    assert np.allclose(long, longer, rtol=0, atol=1e-6)


def test_loads_quietly_and_without_torch(tmp_path_factory: pytest.TempPathFactory) -> None:
    _, folder = export_tiny_student(tmp_path_factory)
    code = (
        "import sys; from pathlib import Path; from distil.classifier import OnnxClassifier; "
        f"OnnxClassifier(Path({str(folder)!r}), device='auto').predict(['good']); "
        "print(sorted({'torch', 'transformers', 'sklearn', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("file", "damage", "message"),
    [
        (FP32, "truncate", "is missing or damaged"),
        (FP32, "remove", "is missing or damaged"),
        ("config.json", "remove", "cannot be read"),
        ("config.json", "truncate", "is not JSON"),
        ("tokenizer.json", "truncate", "is not JSON"),
        ("tokenizer_config.json", "remove", "cannot be read"),
    ],
)
def test_damaged_folder(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, file: str, damage: str, message: str
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(export_tiny_student(tmp_path_factory)[1], folder)
    content = (folder / file).read_bytes()
    (folder / file).unlink()
    if damage == "truncate":
        (folder / file).write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=message) as error:
        OnnxClassifier(folder, device="cpu")
    assert str(folder / file) in str(error.value)
    assert "\n" not in str(error.value)


def test_folder_of_a_base_model(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(export_tiny_student(tmp_path_factory)[1], folder)
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(InputError, match="has no id2label"):
        OnnxClassifier(folder, device="cpu")


def test_device_that_is_not_there(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(InputError, match=r"runtime\.device = 'cuda:99'"):
        OnnxClassifier(export_tiny_student(tmp_path_factory)[1], device="cuda:99")


@pytest.mark.parametrize(
    ("config", "tokenizer_config", "limit"),
    [
        ({"model_type": "bert", "max_position_embeddings": 512, "pad_token_id": 0}, {}, 512),
        ({"model_type": "bert", "max_position_embeddings": 512}, {"model_max_length": 128}, 128),
        ({"model_type": "bert", "max_position_embeddings": 512}, {"model_max_length": 10**30}, 512),
        (
            {"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 1},
            {"model_max_length": 10**30},
            512,
        ),
        ({"model_type": "xlnet"}, {}, None),
        ({"model_type": "deberta-v2", "max_position_embeddings": -1}, {"model_max_length": 100}, 100),
    ],
)
def test_token_limit(config: dict[str, object], tokenizer_config: dict[str, object], limit: int | None) -> None:
    assert find_token_limit(config, tokenizer_config) == limit
