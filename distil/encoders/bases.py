"""Open a base model as a classifier that is ready to be trained, or say in one line why it cannot be.

Model and tokenizer have the same padding token, so that a decoder, which answers at the last token that is not padding,
is trained, exported and run as an encoder is. Nothing of the base's own task stays but its weights.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification

from distil.core.errors import InputError
from distil.encoders.foreign import explain_loading
from distil.encoders.outputs import SEVERAL, Outputs
from distil.encoders.token_limit import COUNTS_FROM_PADDING
from distil.encoders.torch_model import load_model, load_tokenizer, make_only_what_is_taken

OF_ITS_OWN_TASK = (
    "auto_map",
    "custom_pipelines",
    "finetuning_task",
    "function_to_apply",
    "task_specific_params",
    "recall_shift",
    "thresholds",  # of a student of ours that is a base again
)


def load_base(folder: Path, outputs: Outputs) -> tuple[Any, Any]:
    """Return a classifier with these outputs, in float32, and its tokenizer.

    The head is new but where the base has one with as many outputs. Raises `InputError` if the folder has no tokenizer,
    if transformers has no classifier for it, if its weights or its tokenizer are those of another model, or if it is an
    encoder with a decoder.
    """
    tokenizer = load_tokenizer(folder)
    id2label = dict(enumerate(outputs.names))
    model, told = load_model(
        AutoModelForTokenClassification if outputs.per_token else AutoModelForSequenceClassification,
        folder,
        id2label=id2label,
        label2id={label: number for number, label in id2label.items()},
        ignore_mismatched_sizes=True,  # a head with other outputs is replaced
        output_loading_info=True,
    )
    with explain_loading(folder, "the model"):
        _check_kind(folder, model)
        _check_weights(folder, model, told)
        _check_vocabulary(folder, model, tokenizer)
        _forget_its_task(model.config, tokenizer)
        model.config.problem_type = SEVERAL if outputs.several else None
        make_only_what_is_taken(tokenizer, model)
    if model.config.model_type not in COUNTS_FROM_PADDING:  # where it is part of what was trained
        model.config.pad_token_id = tokenizer.pad_token_id  # by which a decoder finds the end of a text
    return model, tokenizer


def _check_kind(folder: Path, model: Any) -> None:
    """An encoder with a decoder reads a text twice, and finds its answer in a way that no ONNX graph can follow."""
    if {"encoder", "decoder"} <= {name for name, _ in model.base_model.named_children()}:
        raise InputError(
            f"{folder} is a {model.config.model_type}, an encoder with a decoder, which cannot be exported as a "
            "classifier; name a base that is one of the two, like BERT or GPT-2"
        )


def _check_weights(folder: Path, model: Any, told: Mapping[str, Any]) -> None:
    """Every matrix below the head has to come from the file, but for the pooler, which many bases leave out."""
    absent = set(told["missing_keys"]) | {name for name, *_ in told["mismatched_keys"]}
    inside = f"{model.base_model_prefix}."
    matrices = [
        name
        for name, weights in model.named_parameters()
        if name.startswith(inside) and weights.ndim > 1 and "pooler" not in name.split(".")
    ]
    lost = [name for name in matrices if name in absent]
    if lost:
        raise InputError(
            f"{folder}: {len(lost)} of the {len(matrices)} matrices that config.json asks for are not among its "
            f"weights or are of another size ({lost[0]}); take all files from one model"
        )


def _check_vocabulary(folder: Path, model: Any, tokenizer: Any) -> None:
    largest, known = max(tokenizer.get_vocab().values()), len(model.get_input_embeddings().weight)
    if largest >= known:
        raise InputError(
            f"{folder}: the tokenizer numbers its tokens up to {largest}, and the model knows {known}; take all files "
            "from one model"
        )


def _forget_its_task(config: Any, tokenizer: Any) -> None:
    """Code that the folder does not hold, and what tools would take for a setting of our labels."""
    for name in OF_ITS_OWN_TASK:
        vars(config).pop(name, None)
        tokenizer.init_kwargs.pop(name, None)
