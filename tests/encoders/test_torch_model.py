from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_model import HIDDEN, Kind, make_tiny_model, make_tiny_student
from transformers import AutoModel, AutoTokenizer, pipeline

from distil.core.errors import InputError
from distil.encoders.torch_model import TorchClassifier, TorchEncoder, choose_device

TEXTS = ["a good product", "", "bad", "it works " * 200, "the loss is larger than before, it fell"]


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_agrees_with_the_transformers_pipeline(tmp_path: Path, kind: Kind) -> None:
    make_tiny_student(tmp_path, ["a", "b", "c"], kind=kind)
    classifier = TorchClassifier(tmp_path, "cpu", batch_tokens=20)
    shares = classifier.predict_proba(TEXTS)
    options: dict[str, Any] = {"device": "cpu", "top_k": None}
    classify: Any = pipeline("text-classification", str(tmp_path), trust_remote_code=False, **options)
    usual = [{row["label"]: row["score"] for row in rows} for rows in classify(TEXTS, truncation=True)]
    expected = np.array([[scores[label] for label in classifier.labels] for scores in usual], dtype=np.float32)
    np.testing.assert_allclose(shares, expected, atol=1e-5)


def test_no_texts(tmp_path: Path) -> None:
    assert TorchClassifier(make_tiny_student(tmp_path, ["a", "b"]), "cpu").predict_proba([]).shape == (0, 2)


def test_sentence_vectors_are_means_over_tokens(tmp_path: Path) -> None:
    make_tiny_model(tmp_path)
    vectors = TorchEncoder(tmp_path, "cpu", batch_tokens=20).encode(TEXTS)
    assert vectors.shape == (len(TEXTS), HIDDEN)
    tokens = AutoTokenizer.from_pretrained(tmp_path, trust_remote_code=False)(TEXTS[0], return_tensors="pt")
    with torch.inference_mode():
        mean = AutoModel.from_pretrained(tmp_path, trust_remote_code=False)(**tokens).last_hidden_state[0].mean(dim=0)
    np.testing.assert_allclose(vectors[0], torch.nn.functional.normalize(mean, dim=0), atol=1e-5)


@pytest.mark.parametrize("device", ["cuda:99", "gpu"])
def test_device_that_is_not_there(device: str) -> None:
    with pytest.raises(InputError, match=r"runtime\.device = .* write auto or cpu") as error:
        choose_device(device)
    assert "\n" not in str(error.value)


def test_cpu_is_always_there() -> None:
    assert choose_device("cpu") == torch.device("cpu")
