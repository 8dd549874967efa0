"""Encoders and classifiers run by torch through transformers: the reference for every other way to run them.

Folders are laid out as the Hub's: config.json, model.safetensors, tokenizer files. Nothing is fetched from the network.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import processors
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
)
from transformers.utils import logging as transformers_logging

from distil.core.errors import InputError
from distil.core.params import Kind
from distil.encoders.batching import batch_by_tokens
from distil.encoders.foreign import check_depth, check_size, explain_loading, read_object
from distil.encoders.outputs import Outputs, check_kind, has_tags, read_outputs, read_thresholds
from distil.encoders.token_limit import find_token_limit

Floats = NDArray[np.float32]
Read = Callable[[Any, torch.Tensor], torch.Tensor]  # of a model's output and the attention mask, a row for each text
BATCH_TOKENS = 2048  # padding included


def choose_device(name: str) -> torch.device:
    """Return the torch device of `runtime.device`; auto is CUDA, else Apple's MPS, else the CPU.

    Raises `InputError` if there is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if torch.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"runtime.device = {name!r} cannot be used here ({reason}); write auto or cpu") from None
    return device


def use_threads(threads: int | None) -> None:
    """Let torch compute on so many CPU cores; null leaves its choice, which is all of them."""
    if threads is not None:
        torch.set_num_threads(threads)


def load_tokenizer(folder: Path) -> Any:
    """Load the fast tokenizer of a model folder, without the padding and truncation that may be stored in it.

    Whatever the folder says, it pads and cuts on the right, has a padding token and makes at least one token of a text.
    Raises `InputError` if there is none. Of a folder without vocabulary, transformers makes a tokenizer that knows
    special tokens only.
    """
    _silence_transformers()
    check_depth(folder)
    with explain_loading(folder, "the tokenizer"):
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        if not tokenizer.is_fast or len(tokenizer) <= len(tokenizer.all_special_ids):
            raise InputError(f"{folder} has no tokenizer; add the model's tokenizer.json, or name another base")
        tokenizer.backend_tokenizer.no_truncation()
        tokenizer.backend_tokenizer.no_padding()
        _pad_on_the_right(folder, tokenizer)
        _begin_every_text(tokenizer)
    return tokenizer


def make_only_what_is_taken(tokenizer: Any, model: Any) -> None:
    """Let the tokenizer make no inputs that the model has not: one of no certain class makes token types."""
    taken = inspect.signature(model.forward).parameters
    names = [name for name in tokenizer.model_input_names if name in taken]
    tokenizer.model_input_names = tokenizer.init_kwargs["model_input_names"] = names  # the latter is saved


def load_classifier(folder: Path) -> Any:
    """Load a classifier of texts, or of tokens where config.json says so, in float32.

    Raises `InputError` if transformers has no such class or cannot read the files.
    """
    per_token = has_tags(read_object(folder / "config.json"))
    return load_model(AutoModelForTokenClassification if per_token else AutoModelForSequenceClassification, folder)


def load_model(model_class: Any, folder: Path, **options: Any) -> Any:
    """Load a model in float32 as one of transformers' classes, with its options; runs no code that the folder brings.

    Raises `InputError` if transformers has no such class or cannot read the files.
    """
    _silence_transformers()
    check_depth(folder)
    with explain_loading(folder, "the model"):
        check_size(folder, _count_numbers(model_class, folder))
        return model_class.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, dtype=torch.float32, **options
        )


def _count_numbers(model_class: Any, folder: Path) -> int:
    """How many numbers the weights of a model have, by config.json; none is made for it."""
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    with torch.device("meta"):
        model = model_class.from_config(config, trust_remote_code=False)
    return sum(weights.numel() for weights in model.parameters())


def token_limit(model: Any, tokenizer: Any) -> int | None:
    """Tokens that the model takes at most, special ones included; null if it states no limit."""
    return find_token_limit(model.config.to_dict(), {"model_max_length": tokenizer.model_max_length})


def predict_logits(
    model: Any, tokenizer: Any, texts: Sequence[str], device: torch.device, width: int | None = None
) -> Floats:
    """Return the logits of a classifier in memory, of shape (texts, labels), without head (texts, `width`)."""
    width = model.config.num_labels if width is None else width
    return Runner(model, tokenizer, str(device), BATCH_TOKENS).run(texts, width, read_logits)


def open_student(folder: Path, kind: Kind, device: str, batch_tokens: int) -> tuple["Runner", Outputs]:
    """Return what runs a student of this kind, and what it answers with; raises `InputError` if it is of another."""
    model, path = load_classifier(folder), folder / "config.json"
    names = {str(number): name for number, name in model.config.id2label.items()}
    outputs = read_outputs(path, model.config.to_dict() | {"id2label": names})
    check_kind(path, outputs, kind, "Torch")
    return Runner(model, load_tokenizer(folder), device, batch_tokens), outputs


class TorchClassifier:
    """A fine-tuned classifier; `labels` are in the order of its outputs."""

    kind: Kind = "classification"

    def __init__(self, folder: Path, device: str = "auto", batch_tokens: int = BATCH_TOKENS) -> None:
        """Load a folder; raises `InputError` if it holds no classifier, or if there is no such device."""
        self._runner, outputs = open_student(folder, self.kind, device, batch_tokens)
        self.labels = list(outputs.names)

    def predict_logits(self, texts: Sequence[str]) -> Floats:
        """Return the logits, of shape (texts, labels)."""
        return self._runner.run(texts, len(self.labels), read_logits)

    def predict_proba(self, texts: Sequence[str]) -> Floats:
        """Return the probabilities, of shape (texts, labels)."""
        return torch.from_numpy(self.predict_logits(texts)).softmax(dim=-1).numpy()

    def predict(self, texts: Sequence[str]) -> list[str]:
        """Return the most probable label of each text."""
        return self.predict_with_logits(texts)[1]

    def predict_with_logits(self, texts: Sequence[str]) -> tuple[Floats, list[str]]:
        """Return the logits, as `predict_logits` does, and what they say, as `predict` does."""
        logits = self.predict_logits(texts)
        return logits, [self.labels[number] for number in logits.argmax(axis=1)]

    def make_inputs(self, texts: Sequence[str]) -> Any:
        """Return what the model takes of texts, by name, a list of numbers for each text."""
        return self._runner.encode(texts)

    def encode(self, texts: Sequence[str]) -> Any:
        """Return the texts as tokens, for `predict_encoded`: to time the model without its tokenizer."""
        return self._runner.encode(texts)

    def predict_encoded(self, encoded: Any) -> Floats:
        """Return the probabilities of what `encode` returned, of shape (texts, labels)."""
        logits = self._runner.run_encoded(encoded, len(self.labels), read_logits)
        return torch.from_numpy(logits).softmax(dim=-1).numpy()


class TorchMultiLabel:
    """A fine-tuned classifier of several labels a text; `labels` and `thresholds` are as `OnnxMultiLabel` has them."""

    kind: Kind = "multi_label"

    def __init__(self, folder: Path, device: str = "auto", batch_tokens: int = BATCH_TOKENS) -> None:
        """Load a folder; raises `InputError` if it holds no such classifier, or if there is no such device."""
        self._runner, outputs = open_student(folder, self.kind, device, batch_tokens)
        self.labels = list(outputs.names)
        self.thresholds = read_thresholds(folder / "config.json", self._runner.model.config.to_dict(), outputs)

    def predict_logits(self, texts: Sequence[str]) -> Floats:
        """Return the logits, of shape (texts, labels)."""
        return self._runner.run(texts, len(self.labels), read_logits)

    def predict_proba(self, texts: Sequence[str]) -> Floats:
        """Return the probability of each label, of shape (texts, labels)."""
        return torch.from_numpy(self.predict_logits(texts)).sigmoid().numpy()

    def predict(self, texts: Sequence[str]) -> list[list[str]]:
        """Return the labels that apply to each text."""
        return self.predict_with_logits(texts)[1]

    def predict_with_logits(self, texts: Sequence[str]) -> tuple[Floats, list[list[str]]]:
        """Return the logits, as `predict_logits` does, and what they say, as `predict` does."""
        logits = self.predict_logits(texts)
        decided = torch.from_numpy(logits).sigmoid().numpy() >= self.thresholds
        return logits, [[self.labels[number] for number in np.flatnonzero(row)] for row in decided]

    def make_inputs(self, texts: Sequence[str]) -> Any:
        """Return what the model takes of texts, by name, a list of numbers for each text."""
        return self._runner.encode(texts)

    def encode(self, texts: Sequence[str]) -> Any:
        """Return the texts as tokens, for `predict_encoded`: to time the model without its tokenizer."""
        return self._runner.encode(texts)

    def predict_encoded(self, encoded: Any) -> Floats:
        """Return the probabilities of what `encode` returned, of shape (texts, labels)."""
        return torch.from_numpy(self._runner.run_encoded(encoded, len(self.labels), read_logits)).sigmoid().numpy()


class TorchEncoder:
    """A base model whose sentence vector is the mean over its tokens' last hidden states, scaled to length 1."""

    def __init__(self, folder: Path, device: str = "auto", batch_tokens: int = BATCH_TOKENS) -> None:
        """Load a folder; raises `InputError` if it holds no encoder, or if there is no such device."""
        model = load_model(AutoModel, folder)
        if model.config.is_encoder_decoder:
            model = model.get_encoder()
        self._runner = Runner(model, load_tokenizer(folder), device, batch_tokens)

    def encode(self, texts: Sequence[str]) -> Floats:
        """Return sentence vectors, of shape (texts, hidden size).

        Source: mean pooling as in Sentence-BERT (Reimers & Gurevych, 2019).
        """
        return self._runner.run(texts, self._runner.model.config.hidden_size, _mean_of_tokens)


def read_logits(output: Any, _: torch.Tensor) -> torch.Tensor:
    """What a classifier answers with."""
    logits: torch.Tensor = output.logits
    return logits


def _mean_of_tokens(output: Any, attention_mask: torch.Tensor) -> torch.Tensor:
    weights = attention_mask.unsqueeze(-1).float()
    mean = (output.last_hidden_state * weights).sum(dim=1) / weights.sum(dim=1)
    return torch.nn.functional.normalize(mean, dim=-1)


class Runner:
    """Tokenize, batch by length, run, and put the rows back in order."""

    def __init__(self, model: Any, tokenizer: Any, device: str, batch_tokens: int = BATCH_TOKENS) -> None:
        """Move a model to a device; raises `InputError` if there is no such device."""
        self.device = choose_device(device)
        self.model = model.eval().to(self.device)
        self.tokenizer = tokenizer
        make_only_what_is_taken(tokenizer, model)
        self.batch_tokens = batch_tokens
        self.max_length = token_limit(model, tokenizer)

    def run(self, texts: Sequence[str], width: int, read: Read) -> Floats:
        """Return what is read of each text, of shape (texts, `width`)."""
        return self.run_encoded(self.encode(texts), width, read) if texts else np.zeros((0, width), dtype=np.float32)

    def encode(self, texts: Sequence[str]) -> Any:
        """Return the texts as tokens, cut at the model's limit."""
        return self.tokenizer(list(texts), truncation=self.max_length is not None, max_length=self.max_length)

    def run_encoded(self, encoded: Any, width: int, read: Read) -> Floats:
        """Return what is read of each row that `encode` returned, of shape (rows, `width`)."""
        rows = np.zeros((len(encoded["input_ids"]), width), dtype=np.float32)
        for positions, values in self.run_batches(encoded, read):
            rows[positions] = values
        return rows

    def run_batches(self, encoded: Any, read: Read) -> Iterator[tuple[NDArray[np.intp], Floats]]:
        """Yield batches: the numbers of their rows, and what is read of their outputs."""
        for positions, batch in self._batches(encoded):
            with torch.inference_mode():
                values = read(self.model(**batch), batch["attention_mask"]).float().cpu().numpy()
            yield positions, values

    def _batches(self, encoded: Any) -> Iterator[tuple[NDArray[np.intp], Any]]:
        for positions in batch_by_tokens([len(ids) for ids in encoded["input_ids"]], self.batch_tokens):
            batch = {name: [values[position] for position in positions] for name, values in encoded.items()}
            yield positions, self.tokenizer.pad(batch, return_tensors="pt").to(self.device)


def _pad_on_the_right(folder: Path, tokenizer: Any) -> None:
    """A decoder's tokenizer may have no padding token; one of its own does, since padding is not attended to."""
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token or tokenizer.bos_token
    if tokenizer.pad_token is None:
        raise InputError(
            f"{folder}: the tokenizer has no token for padding and none for the end of a text; name one of its tokens "
            "as pad_token in tokenizer_config.json"
        )
    for side in ("padding_side", "truncation_side"):
        setattr(tokenizer, side, "right")
        tokenizer.init_kwargs[side] = "right"  # which is saved


def _begin_every_text(tokenizer: Any) -> None:
    """A tokenizer that adds no special token makes nothing of an empty text, and no model answers to nothing."""
    if tokenizer.num_special_tokens_to_add():
        return
    first = tokenizer.bos_token or tokenizer.eos_token or tokenizer.pad_token
    template = processors.TemplateProcessing(
        single=[first, "$A"],
        pair=[first, "$A", first, "$B:1"],
        special_tokens=[(first, tokenizer.convert_tokens_to_ids(first))],
    )
    before = tokenizer.backend_tokenizer.post_processor
    tokenizer.backend_tokenizer.post_processor = template if before is None else processors.Sequence([before, template])


def _silence_transformers() -> None:
    """No progress bars, no load report (that a head is new is why we train it)."""
    logging: Any = transformers_logging  # its functions carry no types
    logging.set_verbosity_error()
    logging.disable_progress_bar()
