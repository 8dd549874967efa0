import itertools
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.compose
import pytest
from conftest import ROOT
from tiny_export import LABELS, export_tiny_student
from tiny_model import MAX_TOKENS, Kind

from distil.classifiers.onnx_classifier import OnnxClassifier
from distil.classifiers.onnx_runner import CHUNK_TEXTS
from distil.core.errors import InputError
from distil.encoders.batching import batch_by_tokens, chunk_texts
from distil.encoders.token_limit import find_token_limit
from distil.encoders.torch_model import TorchClassifier
from distil.export.onnx_files import FP32, INT8

TEXTS = ["a good product", "", "!", "it works " * 500, "Ünï 漢字 🙂", "the loss is larger than before", "a"]


@pytest.fixture(params=["bert", "roberta"])
def kind(request: pytest.FixtureRequest) -> Kind:
    name: Kind = request.param
    return name


def test_gives_the_logits_of_torch(tmp_path_factory: pytest.TempPathFactory, kind: Kind) -> None:
    student, folder = export_tiny_student(tmp_path_factory, kind)
    expected = TorchClassifier(student, "cpu", batch_tokens=100).predict_logits(TEXTS)
    for batch_tokens in (1, 20, 10_000):
        logits = OnnxClassifier(folder, FP32, device="cpu", batch_tokens=batch_tokens).predict_logits(TEXTS)
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
        "import sys; from pathlib import Path; from distil.classifiers.onnx_classifier import OnnxClassifier; "
        f"OnnxClassifier(Path({str(folder)!r}), device='auto').predict(['good']); "
        "print(sorted({'torch', 'transformers', 'sklearn', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert done.stderr == ""


@pytest.mark.parametrize(("threads", "threads_per_batch"), [(1, 1), (2, 1), (2, 2), (1, 2)])
def test_threads_change_no_answer(
    tmp_path_factory: pytest.TempPathFactory, threads: int, threads_per_batch: int
) -> None:
    _, folder = export_tiny_student(tmp_path_factory)
    expected = OnnxClassifier(folder, INT8, 1, "cpu", batch_tokens=20).predict_proba(TEXTS * 5)
    for spinning in (False, True):
        classifier = OnnxClassifier(folder, INT8, threads, "cpu", 20, threads_per_batch, spinning)
        assert np.array_equal(classifier.predict_proba(TEXTS * 5), expected)


def test_stream_of_any_length_is_answered_in_order_and_in_pieces(tmp_path_factory: pytest.TempPathFactory) -> None:
    classifier = OnnxClassifier(export_tiny_student(tmp_path_factory)[1], device="cpu")
    short = [text for text in TEXTS if len(text) < 100]
    expected = classifier.predict_proba(short)
    taken = 0

    def pour() -> Iterator[str]:
        nonlocal taken
        for text in itertools.cycle(short):
            taken += 1
            yield text

    stream = classifier.predict_stream(pour())
    for number in range(2 * CHUNK_TEXTS):
        shares = next(stream)
        assert shares.dtype == np.float32
        np.testing.assert_allclose(shares, expected[number % len(short)], atol=1e-5)
        assert taken == (number // CHUNK_TEXTS + 1) * CHUNK_TEXTS


def test_chunks_are_bounded_in_texts_and_characters() -> None:
    assert list(chunk_texts(iter("abcde"), 2, 100)) == [["a", "b"], ["c", "d"], ["e"]]
    assert list(chunk_texts(["aa", "", "bbbb", "c"], 10, 4)) == [["aa", "", "bbbb"], ["c"]]
    assert list(chunk_texts([], 2, 100)) == []


def test_batches_are_bounded_in_padded_tokens_and_hold_each_text_once() -> None:
    lengths = [3, 300, 7, 7, 1, 0, 6, 3]
    batches = [batch.tolist() for batch in batch_by_tokens(lengths, 14)]
    assert batches == [[1], [2, 3], [6, 0], [7, 4, 5]]
    assert all(len(batch) == 1 or len(batch) * lengths[batch[0]] <= 14 for batch in batches)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["good", None], "text 1 is None, not a string"),
        (["good", float("nan")], "text 1 is nan, not a string"),
        (["good", b"bad"], "text 1 is b'bad', not a string"),
        (["half \ud800"], r"text 0 has half a character \(a lone surrogate\) at 5"),
        ("good", "one text .'good'. where a list of texts is wanted"),
    ],
)
def test_text_that_is_none(tmp_path_factory: pytest.TempPathFactory, texts: Any, message: str) -> None:
    classifier = OnnxClassifier(export_tiny_student(tmp_path_factory)[1], device="cpu")
    with pytest.raises(InputError, match=message):
        classifier.predict(texts)
    with pytest.raises(InputError, match=message):
        next(classifier.predict_stream(texts))


@pytest.mark.parametrize(
    ("file", "damage", "message"),
    [
        (FP32, "truncate", "is missing or damaged"),
        (FP32, "remove", "is missing or damaged"),
        ("config.json", "remove", "cannot be read"),
        ("config.json", "truncate", "is not JSON"),
        ("tokenizer.json", "truncate", "is not JSON"),
        ("tokenizer.json", "no tokenizer", "is no tokenizer"),
        ("tokenizer.json", "list", "not a JSON object"),
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
    if damage != "remove":
        damaged = {"truncate": content[: len(content) // 2], "no tokenizer": b'{"model": {}}', "list": b"[1, 2]"}
        (folder / file).write_bytes(damaged[damage])
    with pytest.raises(InputError, match=message) as error:
        OnnxClassifier(folder, device="cpu")
    assert str(folder / file) in str(error.value)
    assert "\n" not in str(error.value)


def test_weights_in_a_file_that_is_not_there(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(export_tiny_student(tmp_path_factory)[1], folder)
    model = onnx.load(folder / FP32)
    onnx.save(model, folder / FP32, save_as_external_data=True, location="model.onnx.data", size_threshold=256)
    assert len(OnnxClassifier(folder, device="cpu").predict(TEXTS)) == len(TEXTS)
    (folder / "onnx/model.onnx.data").unlink()
    with pytest.raises(InputError, match=r"model\.onnx is missing or damaged .*model\.onnx\.data") as error:
        OnnxClassifier(folder, device="cpu")
    assert "\n" not in str(error.value)


def test_graph_that_is_no_text_classifier(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(export_tiny_student(tmp_path_factory)[1], folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"id2label": {"0": "a", "1": "b", "2": "c"}}))
    with pytest.raises(InputError, match=r"model\.onnx has 2 outputs, but config\.json names 3 labels"):
        OnnxClassifier(folder, device="cpu")
    model = onnx.load(folder / FP32)
    onnx.save(onnx.compose.add_prefix(model, "other_", rename_nodes=False), folder / FP32)
    with pytest.raises(InputError, match=r"model\.onnx is no text classifier: it takes \['other_input_ids'"):
        OnnxClassifier(folder, device="cpu")


def test_folder_of_a_base_model(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(export_tiny_student(tmp_path_factory)[1], folder)
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(InputError, match="has no id2label"):
        OnnxClassifier(folder, device="cpu")


@pytest.mark.parametrize("device", ["cuda:99", "tpu", "cuda:first", "cpu:1", ""])
def test_device_that_is_not_there(tmp_path_factory: pytest.TempPathFactory, device: str) -> None:
    with pytest.raises(InputError, match=f"runtime.device = '{device}'.*; write auto"):
        OnnxClassifier(export_tiny_student(tmp_path_factory)[1], device=device)


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
        ({"model_type": "longformer", "max_position_embeddings": 4098, "pad_token_id": 1}, {}, 4096),
        ({"model_type": "gpt2", "n_positions": 1024, "pad_token_id": 50256}, {}, 1024),
        ({"model_type": "xlnet"}, {}, None),
        ({"model_type": "deberta-v2", "max_position_embeddings": -1}, {"model_max_length": 100}, 100),
    ],
)
def test_token_limit(config: dict[str, object], tokenizer_config: dict[str, object], limit: int | None) -> None:
    assert find_token_limit(config, tokenizer_config) == limit
