from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_bases import make_base

from distil.encoders.bases import load_base
from distil.encoders.heads import can_pool_mean, find_head, open_head, pool_mean, set_head, without_head
from distil.encoders.outputs import Outputs

LABELS = ("a", "b", "c")
TEXTS = ["it works", "it broke after a day and was sent back"]
DENSE = {"bert": "bert.pooler.dense", "roberta": "classifier.dense", "distilbert": "pre_classifier"}
KINDS = ["bert", "roberta", "electra", "distilbert", "modernbert", "gpt2"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bases")


def load(folder: Path, kind: str) -> tuple[Any, Any]:
    path = folder / kind
    model, tokenizer = load_base(path if path.exists() else make_base(path, kind), Outputs(LABELS))
    return model.eval(), tokenizer(TEXTS, padding=True, return_tensors="pt")


@pytest.mark.parametrize("kind", KINDS)
def test_the_head_answers_to_what_it_reads(folder: Path, kind: str) -> None:
    model, encoded = load(folder, kind)
    with torch.no_grad():
        with without_head(model) as width:
            features = model(**encoded).logits
        logits = model(**encoded).logits
    assert features.shape == (2, width)
    torch.testing.assert_close(find_head(model)(features), logits)


@pytest.mark.parametrize("kind", ["bert", "roberta", "electra"])
def test_the_open_head_reads_the_mean_of_the_tokens(folder: Path, kind: str) -> None:
    model, encoded = load(folder, kind)
    with torch.no_grad():
        hidden = model.base_model(**encoded).last_hidden_state
    mask = encoded["attention_mask"].unsqueeze(-1)
    mean = (hidden * mask).sum(dim=1) / mask.sum(dim=1)
    layers = model.config.num_hidden_layers
    pool_mean(model)
    open_head(model)
    with torch.no_grad(), without_head(model):
        read = model(**encoded).logits
    assert model.config.num_hidden_layers == layers + 1 == len(model.base_model.encoder.layer)
    for one, other in zip(read, torch.nn.functional.layer_norm(mean, mean.shape[-1:]), strict=True):
        assert torch.corrcoef(torch.stack([one, other]))[0, 1] > 0.95  # bent a little, and with some of the first token


def test_the_layer_that_takes_the_mean_attends_as_the_others_do(folder: Path) -> None:
    model, _ = load(folder, "bert")
    pool_mean(model)
    model.set_attn_implementation("eager")
    ways = [layer.attention.self.config._attn_implementation for layer in model.base_model.encoder.layer]
    assert set(ways) == {"eager"}


def test_a_config_that_knows_the_mean_is_told(folder: Path) -> None:
    model, _ = load(folder, "modernbert")
    pool_mean(model)
    assert model.config.classifier_pooling == "mean"


@pytest.mark.parametrize("kind", ["distilbert", "gpt2"])
def test_other_kinds_keep_what_their_head_reads(folder: Path, kind: str) -> None:
    assert not can_pool_mean(load(folder, kind)[0])


@pytest.mark.parametrize("kind", DENSE)
def test_the_dense_layer_before_the_head_hands_on_what_it_gets(folder: Path, kind: str) -> None:
    model, _ = load(folder, kind)
    before = {name: weights.clone() for name, weights in model.named_parameters()}
    open_head(model)
    changed = {name for name, weights in model.named_parameters() if not torch.equal(weights, before[name])}
    assert changed <= {f"{DENSE[kind]}.weight", f"{DENSE[kind]}.bias"}
    weight = model.get_submodule(DENSE[kind]).weight
    assert torch.equal(weight, weight[0, 0] * torch.eye(len(weight)))


@pytest.mark.parametrize("kind", ["bert", "gpt2"])  # gpt2's head has no bias
def test_a_head_takes_weights(folder: Path, kind: str) -> None:
    model, encoded = load(folder, kind)
    width = find_head(model).in_features
    set_head(model, torch.zeros(3, width).double().numpy(), torch.tensor([1.0, 2.0, 3.0]).double().numpy())
    with torch.no_grad():
        logits = model(**encoded).logits
    assert logits.tolist() == [[1, 2, 3] if kind == "bert" else [0, 0, 0]] * 2
