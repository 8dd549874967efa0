"""The head of a sequence classifier: what it reads of a text, and a start for it that is better than chance.

The head of a base is new, and so is often the dense layer before it, so that training would begin with noise. Here that
dense layer is made to hand on what it gets, and the mean of a text's tokens, which sentence encoders were trained by,
can be had inside architectures whose head reads the first token alone. The result is a model that transformers knows,
of the same class and with the same files.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

SLOPE = 0.2  # of the open dense layer: its function (tanh, GELU) bends little there, and cuts the largest channels
SHIFT = 1.0  # of one whose function is ReLU, which would drop what is below zero
MEAN_SHARE = 30.0  # how much more the mean weighs than the first token, which the layer's residual path adds
LIKE_BERT = {"bert", "camembert", "electra", "roberta", "xlm-roberta"}  # in their layers; heads read the first token
BELOW_ALL = 200.0  # so that the probability is 0 in any precision, and the logit still rounded finely
POOLING_IN_CONFIG = {"modernbert"}  # `classifier_pooling` of their config says what the head reads


def can_pool_mean(model: Any) -> bool:
    """Whether `pool_mean` knows a way for this architecture."""
    return model.config.model_type in LIKE_BERT | POOLING_IN_CONFIG


def pool_mean(model: Any) -> None:
    """Let the head read the mean of all tokens.

    Where the config has no such setting, one more layer does it: all its tokens attend to all alike, its value and
    output matrices hand on what they get, and its feed-forward part adds nothing. It is a layer as the others are, with
    as many weights, and learns with them.
    """
    if model.config.model_type in POOLING_IN_CONFIG:
        model.config.classifier_pooling = "mean"
        return
    layers = model.base_model.encoder.layer
    mean = copy.deepcopy(layers[-1], {id(model.config): model.config})  # which says how every layer attends
    attention = mean.attention
    for projection in (attention.self.query, attention.self.key):
        _set_diagonal(projection, 0.0)
    _set_diagonal(attention.self.value, 1.0)
    _set_diagonal(attention.output.dense, MEAN_SHARE)
    torch.nn.init.zeros_(mean.output.dense.weight)
    torch.nn.init.zeros_(mean.output.dense.bias)
    for norm in (attention.output.LayerNorm, mean.output.LayerNorm):
        torch.nn.init.ones_(norm.weight)
        torch.nn.init.zeros_(norm.bias)
    layers.append(mean)
    model.config.num_hidden_layers += 1


def open_head(model: Any) -> None:
    """Let the square dense layers between encoder and head hand on what they get, nearly unchanged."""
    for name, layer in model.named_modules():
        if _is_dense_of_head(name, layer) and layer is not find_head(model):
            _set_diagonal(layer, SLOPE)
            if model.config.model_type == "distilbert":
                torch.nn.init.constant_(layer.bias, SHIFT)


def move_towards(model: Any, base: Any, share: float) -> None:
    """Move a model's weights towards those of `base`, of the same make, by this share of the way.

    The dense layers between encoder and head become the base's: no head is left that they were trained for.
    """
    dense = {name for name, layer in model.named_modules() if _is_dense_of_head(name, layer)}
    weights_of_base = dict(base.named_parameters())
    with torch.no_grad():
        for name, weights in model.named_parameters():
            way = 1.0 if name.rpartition(".")[0] in dense else share
            weights.lerp_(weights_of_base[name].to(weights.device), way)


def find_head(model: Any) -> torch.nn.Linear:
    """The linear layer that answers with the logits."""
    return next(
        layer
        for layer in reversed(list(model.modules()))
        if isinstance(layer, torch.nn.Linear) and layer.out_features == model.config.num_labels
    )


@contextmanager
def without_head(model: Any) -> Iterator[int]:
    """Let a classifier answer, in place of logits, with what its head reads; yields how many numbers that are."""
    head = find_head(model)
    parent, name = next(
        (module, name) for module in model.modules() for name, child in module.named_children() if child is head
    )
    setattr(parent, name, torch.nn.Identity())
    try:
        yield head.in_features
    finally:
        setattr(parent, name, head)


def set_head(model: Any, weights: NDArray[np.float64], bias: NDArray[np.float64]) -> None:
    """Give the head these weights, of shape (labels, numbers that it reads), and this bias (labels), if it has one.

    Minus infinity becomes a number that is low enough: not every tool computes with infinity.
    """
    head = find_head(model)
    bias = np.where(np.isfinite(bias), bias, bias[np.isfinite(bias)].min() - BELOW_ALL)
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(weights))
        if head.bias is not None:
            head.bias.copy_(torch.from_numpy(bias))


def _is_dense_of_head(name: str, layer: torch.nn.Module) -> bool:
    """Whether a layer stands between encoder and head: it is in no stack of layers and no part of the embeddings."""
    parts = name.split(".")
    inside = {"encoder", "embeddings", "transformer", "layers", "decoder"} & set(parts) or any(map(str.isdigit, parts))
    square = isinstance(layer, torch.nn.Linear) and layer.in_features == layer.out_features
    return square and not inside


def _set_diagonal(layer: torch.nn.Linear, value: float) -> None:
    with torch.no_grad():
        layer.weight.copy_(value * torch.eye(layer.out_features))
        if layer.bias is not None:
            layer.bias.zero_()
