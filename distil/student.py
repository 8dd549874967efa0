"""Fine-tune a small encoder on the teacher's labels.

The base is any that transformers opens as `AutoModelForSequenceClassification`, with the head that this class has. Soft
targets are the teacher's shares. The number of epochs is fixed: a few hundred noisy validation rows choose it badly.
The same rows, parameters and machine give the same weights, bit for bit.
"""

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pydantic import Field
from tqdm import tqdm
from transformers import (
    DataCollatorWithPadding,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
    set_seed,
)

from distil.errors import InputError
from distil.params import Number, Params
from distil.torch_model import load_classifier, load_tokenizer, token_limit

LOGGED_POINTS = 50  # of the loss curve, at least, where there are as many steps
LEFTOVERS = {  # how the base was called or loaded, which later tools would take for a setting of ours
    "is_local",
    "local_files_only",
    "max_length",
    "name_or_path",
    "pad_to_multiple_of",
    "pad_token_type_id",
    "stride",
    "truncation_strategy",
}


class TrainParams(Params):
    """The section `train`."""

    base: str = Field(min_length=1)
    targets: Literal["soft", "hard"]
    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    learning_rate: Number = Field(gt=0)
    warmup_share: Number = Field(ge=0, lt=1)
    weight_decay: Number = Field(ge=0)
    max_length: int = Field(ge=3)  # tokens, special ones included
    freeze_word_embeddings: bool
    precision: Literal["auto", "bf16", "fp32"]
    seed: int = Field(ge=0)


@dataclass(frozen=True)
class Training:
    """A trained model and how it went; `curve` has the columns step, epoch, loss and learning_rate."""

    model: Any
    tokenizer: Any
    curve: pd.DataFrame
    steps: int
    seconds: float
    precision: str


def fine_tune(
    base: Path, rows: pd.DataFrame, labels: Sequence[str], params: TrainParams, device: torch.device
) -> Training:
    """Train a classifier over `labels` on rows with text, label and soft, starting from the folder `base`.

    Raises `InputError` if the rows do not show two labels, the base is of no use, or the loss is not a number.
    """
    _check_rows(rows, labels)
    set_seed(params.seed)  # before the model is loaded: its head is drawn at random
    tokenizer = load_tokenizer(base)
    model = load_classifier(base, labels)
    tokenizer.model_max_length = _check_max_length(params.max_length, token_limit(model, tokenizer))
    if params.freeze_word_embeddings:
        model.get_input_embeddings().weight.requires_grad_(False)
    precision = choose_precision(params.precision, device)
    progress = _Progress()
    with TemporaryDirectory() as folder:
        trainer = _SoftTargetTrainer(
            model=model,
            args=_arguments(params, Path(folder), len(rows), device, precision),
            train_dataset=_examples(rows, tokenizer, make_targets(rows, labels, params.targets)),
            data_collator=DataCollatorWithPadding(tokenizer),
            callbacks=[progress],
        )
        trainer.remove_callback(PrinterCallback)
        start = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - start
    _check_weights(model, trainer.state.global_step)
    curve = pd.DataFrame(progress.points, columns=["step", "epoch", "loss", "learning_rate"])
    return Training(model, tokenizer, curve, trainer.state.global_step, seconds, precision)


def save_student(training: Training, folder: Path) -> None:
    """Write config.json, model.safetensors, tokenizer.json and tokenizer_config.json."""
    training.model.save_pretrained(folder)
    training.tokenizer.backend_tokenizer.no_truncation()
    training.tokenizer.backend_tokenizer.no_padding()
    training.tokenizer.save_pretrained(folder)
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    kept = {name: value for name, value in settings.items() if name not in LEFTOVERS}
    path.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def make_targets(rows: pd.DataFrame, labels: Sequence[str], kind: Literal["soft", "hard"]) -> NDArray[np.float32]:
    """Return the answers to learn, of shape (rows, labels): soft, the shares; hard, 1 for the label and 0 elsewhere."""
    if kind == "soft":
        return np.array(rows["soft"].to_list(), dtype=np.float32)
    return np.array([[name == label for name in labels] for label in rows["label"]], dtype=np.float32)


def choose_precision(wanted: Literal["auto", "bf16", "fp32"], device: torch.device) -> Literal["bf16", "fp16", "fp32"]:
    """Return the precision of the matrix products; auto takes bf16 only where the hardware computes it."""
    if wanted != "auto":
        return wanted
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    abilities = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    return "bf16" if abilities.get("avx512_bf16") or abilities.get("amx_bf16") else "fp32"


def _check_rows(rows: pd.DataFrame, labels: Sequence[str]) -> None:
    counts = rows["label"].value_counts().to_dict()
    if len(counts) < 2:
        raise InputError(
            f"train: {len(rows)} rows with the labels {counts or 'none'}, but a classifier needs two labels; lower "
            "aggregate.min_agreement, or see in metrics/annotate.json why the teacher's answers were of no use"
        )
    if not set(counts) <= set(labels) or any(len(shares) != len(labels) for shares in rows["soft"]):
        raise InputError(f"train: the rows were labelled with other labels than {', '.join(labels)}; run 'dvc repro'")


def _check_max_length(max_length: int, limit: int | None) -> int:
    if limit is not None and max_length > limit:
        raise InputError(f"train.max_length = {max_length}: the base takes {limit} tokens at most; write no more")
    return max_length


def _check_weights(model: Any, step: int) -> None:
    if not all(bool(weights.isfinite().all()) for weights in model.parameters()):
        raise _diverged(step)


def _diverged(step: int) -> InputError:
    return InputError(
        f"train: the loss is not a number at step {step}; lower train.learning_rate or use precision: fp32"
    )


def _examples(rows: pd.DataFrame, tokenizer: Any, targets: NDArray[np.float32]) -> list[dict[str, Any]]:
    encoded = tokenizer(rows["text"].to_list(), truncation=True)
    return [
        {**{name: values[number] for name, values in encoded.items()}, "labels": target.tolist()}
        for number, target in enumerate(targets)
    ]


def _arguments(params: TrainParams, folder: Path, rows: int, device: torch.device, precision: str) -> TrainingArguments:
    if device.index:
        raise InputError(
            f"runtime.device = {str(device)!r}: training takes the first GPU; set CUDA_VISIBLE_DEVICES instead"
        )
    steps = math.ceil(rows / params.batch_size) * params.epochs
    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=params.epochs,
        per_device_train_batch_size=params.batch_size,
        learning_rate=params.learning_rate,
        warmup_steps=round(params.warmup_share * steps),
        weight_decay=params.weight_decay,
        bf16=precision == "bf16",
        fp16=precision == "fp16",
        use_cpu=device.type == "cpu",
        seed=params.seed,
        full_determinism=True,
        logging_steps=max(1, steps // LOGGED_POINTS),
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,  # its bar shows no loss; ours does
        remove_unused_columns=False,
        dataloader_pin_memory=device.type == "cuda",
    )


class _SoftTargetTrainer(Trainer):
    """Cross-entropy against a distribution over the labels; stops at a loss that is not a number."""

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        targets = inputs.pop("labels")
        outputs = model(**inputs)
        loss = torch.nn.functional.cross_entropy(outputs.logits.float(), targets)
        if not torch.isfinite(loss):
            raise _diverged(self.state.global_step + 1)
        return (loss, outputs) if return_outputs else loss


class _Progress(TrainerCallback):
    """A bar with the loss, and the points of the loss curve."""

    def __init__(self) -> None:
        self.points: list[tuple[int, float, float, float]] = []

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.bar = tqdm(total=state.max_steps, desc="train", unit="step", disable=None)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self.bar.update(state.global_step - self.bar.n)

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        logs = kwargs["logs"]
        if "loss" in logs:
            self.points.append((state.global_step, state.epoch or 0.0, logs["loss"], logs["learning_rate"]))
            self.bar.set_postfix(loss=f"{logs['loss']:.3f}")

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.bar.close()
