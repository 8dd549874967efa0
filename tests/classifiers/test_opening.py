"""Exported students of all kinds: opened by what their folder says, they answer as torch does."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT
from tiny_export import SPAN_LABELS, export_tiny_several, export_tiny_student, export_tiny_tagger
from tiny_model import TEXTS

from distil.classifiers.onnx_classifier import OnnxClassifier, OnnxMultiLabel
from distil.classifiers.onnx_tagger import OnnxTagger
from distil.classifiers.opening import open_onnx
from distil.core.errors import InputError
from distil.encoders.opening import open_torch
from distil.encoders.torch_tagger import TorchTagger
from distil.export.onnx_files import INT8
from distil.tagging.words import Entity

MANY = ["a good product", "", "!", "it works " * 100, "Ünï 漢字 \N{PARTY POPPER} broke", *TEXTS]
SHORT = [text for text in MANY if len(text) < 100]
Factory = pytest.TempPathFactory
MAKERS: dict[type, Callable[[Factory], tuple[Path, Path]]] = {
    OnnxClassifier: export_tiny_student,
    OnnxMultiLabel: export_tiny_several,
    OnnxTagger: export_tiny_tagger,
}


def places(found: list[list[Entity]]) -> list[list[tuple[Any, ...]]]:
    return [[entity[:4] for entity in entities] for entities in found]


def test_several_labels_are_those_of_torch(tmp_path_factory: Factory) -> None:
    student, folder = export_tiny_several(tmp_path_factory)
    ours, torch = open_onnx(folder, device="cpu"), open_torch(student, "cpu")
    assert isinstance(ours, OnnxMultiLabel)
    assert (ours.labels, ours.thresholds.tolist()) == (["a", "b", "c"], [0.4, 0.5, 0.6])
    np.testing.assert_allclose(ours.predict_logits(MANY), torch.predict_logits(MANY), atol=1e-5)
    shares = ours.predict_proba(MANY)
    np.testing.assert_allclose(shares, 1 / (1 + np.exp(-ours.predict_logits(MANY))), atol=1e-6)
    said = ours.predict(MANY)
    assert said == torch.predict(MANY)
    assert said == [
        [name for name, share, least in zip("abc", row, (0.4, 0.5, 0.6), strict=True) if share >= least]
        for row in shares
    ]
    assert len({tuple(names) for names in said}) > 1
    assert np.array_equal(np.array(list(ours.predict_stream(MANY))), shares)
    assert np.array_equal(ours.predict_encoded(ours.encode(MANY)), shares)


@pytest.mark.parametrize("batch_tokens", [1, 20, 10_000])
def test_spans_are_those_of_torch(tmp_path_factory: Factory, batch_tokens: int) -> None:
    student, folder = export_tiny_tagger(tmp_path_factory)
    ours, torch = open_onnx(folder, device="cpu", batch_tokens=batch_tokens), open_torch(student, "cpu")
    assert isinstance(ours, OnnxTagger)
    assert isinstance(torch, TorchTagger)
    assert ours.labels == list(SPAN_LABELS)
    np.testing.assert_allclose(ours.predict_logits(MANY), torch.predict_logits(MANY), atol=1e-5)
    found = ours.predict(MANY)
    assert places(found) == places(torch.predict(MANY)) == places(ours.predict_encoded(ours.encode(MANY)))
    assert places(list(ours.predict_stream(iter(MANY)))) == places(found)
    assert [[entity[:3] for entity in entities] for entities in found] == ours.predict_with_logits(MANY)[1]
    assert found[1] == []
    assert found[3][-1].end > 800, "what does not fit into one window is read too"
    assert all(
        text[one.start : one.end] == one.text for text, entities in zip(MANY, found, strict=True) for one in entities
    )


def test_spans_in_utf16(tmp_path_factory: Factory) -> None:
    tagger = OnnxTagger(export_tiny_tagger(tmp_path_factory)[1], INT8, device="cpu")
    units = [text.encode("utf-16-le") for text in MANY]
    found, counted = tagger.predict(MANY), tagger.predict(MANY, utf16=True)
    assert places(found)[4] != places(counted)[4]
    for text, entities in zip(units, counted, strict=True):
        assert all(text[2 * one.start : 2 * one.end].decode("utf-16-le") == one.text for one in entities)


def test_no_texts(tmp_path_factory: Factory) -> None:
    tagger = open_onnx(export_tiny_tagger(tmp_path_factory)[1], device="cpu")
    assert (tagger.predict([]), tagger.predict_logits([]).shape) == ([], (0, 5))
    assert open_onnx(export_tiny_several(tmp_path_factory)[1], device="cpu").predict([]) == []


@pytest.mark.parametrize("right", MAKERS)
def test_a_folder_of_another_kind_names_the_class_that_opens_it(tmp_path_factory: Factory, right: Any) -> None:
    folder = MAKERS[right](tmp_path_factory)[1]
    assert type(open_onnx(folder, device="cpu")) is right
    for wrong in MAKERS.keys() - {right}:
        with pytest.raises(
            InputError, match=rf"config\.json is of .* with {right.__name__}, or with open_onnx$"
        ) as caught:
            wrong(folder, device="cpu")
        assert "\n" not in str(caught.value)


def test_a_graph_of_another_kind_than_config_says(tmp_path_factory: Factory, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(export_tiny_tagger(tmp_path_factory)[1], tmp_path / "onnx"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"architectures": ["BertForSequenceClassification"]}))
    with pytest.raises(InputError, match=r"model\.onnx is no text classifier: it takes"):
        open_onnx(folder, device="cpu")


def test_taggers_load_quietly_and_without_torch(tmp_path_factory: Factory) -> None:
    folder = export_tiny_tagger(tmp_path_factory)[1]
    code = (
        "import sys; from pathlib import Path; from distil.classifiers.opening import open_onnx; "
        f"open_onnx(Path({str(folder)!r}), device='auto').predict(['good']); "
        "print(sorted({'torch', 'transformers', 'sklearn', 'pandas', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")
