"""Fine-tune a small encoder to answer as its targets say.

The base is any that transformers opens as a classifier of texts or of tokens, with the head that this class has. The
same texts, targets, parameters and machine give the same weights, bit for bit. Under `accelerate launch` the processes
share each batch, and every one of them returns the same student.
"""

import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from transformers import DataCollatorWithPadding, PrinterCallback, Trainer, TrainingArguments, set_seed

from distil.core.errors import InputError
from distil.encoders.bases import load_base
from distil.encoders.foreign import explain_saving
from distil.encoders.heads import can_pool_mean, find_head, open_head, pool_mean, set_head, without_head
from distil.encoders.outputs import Outputs
from distil.encoders.torch_model import predict_logits, token_limit
from distil.student.losses import compute_binary_cross_entropy, compute_cross_entropy
from distil.student.out_of_memory import explain_out_of_memory
from distil.student.params import TrainParams
from distil.student.progress import Progress, make_loggers

Pooling = Literal["base", "mean"]
Floats = NDArray[np.float64]
LOGGED_POINTS = 50  # of the loss curve, at least, where there are as many steps
LENGTH_STEP = 8  # tokens; a length from the data is a multiple of it, which suits the kernels
UNSTATED_LIMIT = 512  # tokens, of a base that states no limit: what most encoders were trained on
SCHEDULES = {"linear": "linear", "cosine": "cosine", "constant": "constant_with_warmup"}  # as transformers names them
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


@dataclass(frozen=True)
class Training:
    """A trained model and how it went; `curve` has the columns step, epoch, loss and learning_rate."""

    model: Any
    curve: pd.DataFrame
    steps: int


class FineTuner:
    """Trains students on some of the same texts; targets, epochs and seed vary from one training to the next."""

    def __init__(
        self,
        base: Path,
        texts: Sequence[str],
        outputs: Outputs,
        params: TrainParams,
        device: torch.device,
        report_to: Sequence[str] = (),
    ) -> None:
        """Tokenize the texts for the folder `base`; `report_to` names loggers that transformers knows.

        Raises `InputError` if the base is of no use, or a parameter asks for what base or machine do not have.
        """
        if device.index:
            raise InputError(
                f"runtime.device = {str(device)!r}: training takes the first GPU; set CUDA_VISIBLE_DEVICES instead"
            )
        if params.recall_target is not None and not outputs.per_token:
            raise InputError(
                f"train.recall_target = {params.recall_target:g} is for spans alone (task.kind: token_classification); "
                "take it out"
            )
        make_loggers(report_to)
        self.base, self.texts, self.outputs = base, list(texts), outputs
        self.params, self.device, self.report_to = params, device, list(report_to)
        self.precision = choose_precision(params.precision, device)
        model, self.tokenizer = load_base(base, outputs)
        self.width, self.can_pool_mean = find_head(model).in_features, can_pool_mean(model)
        self.has_bias = find_head(model).bias is not None
        lengths = [len(ids) for ids in self.tokenizer(self.texts, verbose=False)["input_ids"]]
        self.limit = token_limit(model, self.tokenizer)
        self.max_length = choose_max_length(params.max_length, lengths, self.limit)
        self.tokenizer.model_max_length = self.max_length
        self._encoded = self.tokenizer(self.texts, truncation=True)

    @property
    def labels(self) -> list[str]:
        """The names of the outputs."""
        return list(self.outputs.names)

    def read(self, texts: Sequence[str], pooling: Pooling) -> NDArray[np.float32]:
        """Return what the head of the frozen base reads of each text; see `read_by`."""
        return self.read_by(self.load(pooling, opened=True), texts)

    def read_by(self, model: Any, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return what the head of a model reads of each text, of shape (texts, numbers).

        Raises `InputError` if memory runs out, or the model answers what is no number.
        """
        with without_head(model) as width, explain_out_of_memory(self.device, self.save_memory_of_answers):
            features = predict_logits(model, self.tokenizer, texts, self.device, width)
        if broken := int((~np.isfinite(features)).any(axis=1).sum()):
            raise InputError(f"train.base answers NaN to {broken:,} of {len(texts):,} texts; name another base")
        return features

    def freeze(self, weights: Floats, bias: Floats, loss: float, pooling: Pooling) -> Training:
        """Return the base as it is under a linear head of this shape (outputs, numbers) and bias (outputs).

        Its curve is one point, the `loss` on the tuner's texts.
        """
        model = self.load(pooling, opened=True)
        set_head(model, weights, bias)
        curve = pd.DataFrame({"step": [0], "epoch": [0.0], "loss": [loss], "learning_rate": [0.0]})
        return Training(model.eval(), curve, 0)

    def train(
        self,
        targets: Any,
        epochs: int,
        seed: int,
        places: NDArray[np.intp] | None = None,
        name: str = "train",
    ) -> Training:
        """Train on the texts at `places` (all) to answer with their rows of `targets`, of shape (texts, outputs).

        Raises `InputError` if the loss is not a number, or memory runs out.
        """
        places = np.arange(len(self.texts)) if places is None else places
        set_seed(seed)  # before the model is loaded: its head is drawn at random
        model = self.load(self.params.pooling, opened=False)
        progress = Progress(name)
        examples = self.make_examples(places, targets)
        with (
            TemporaryDirectory() as folder,
            explain_out_of_memory(self.device, lambda: self.save_memory_of_training(f"at step {progress.step + 1}")),
        ):
            trainer = _Trainer(
                model=model,
                args=self._arguments(Path(folder), epochs, seed, len(examples)),
                train_dataset=examples,
                data_collator=self.make_collator(),
                compute_loss_func=self.compute_loss,
                callbacks=[progress, *make_loggers(self.report_to)],
            )
            trainer.head_learning_rate = self.params.head_learning_rate
            trainer.remove_callback(PrinterCallback)
            deterministic: Any = torch.utils.deterministic
            deterministic.fill_uninitialized_memory = False  # takes time, and no result depends on it
            trainer.train()
        _check_weights(model, trainer.state.global_step)
        curve = pd.DataFrame(progress.points, columns=["step", "epoch", "loss", "learning_rate"])
        return Training(model, curve, trainer.state.global_step)

    def predict_proba(self, training: Training, texts: Sequence[str]) -> Floats:
        """Return a trained model's probabilities, of shape (texts, outputs); raises `InputError` if memory runs out."""
        with explain_out_of_memory(self.device, self.save_memory_of_answers):
            logits = predict_logits(training.model, self.tokenizer, texts, self.device)
        return self.share(logits)

    def share(self, logits: NDArray[Any]) -> Floats:
        """Return the probabilities that logits stand for, of the same shape."""
        numbers = torch.from_numpy(logits).double()
        return (numbers.sigmoid() if self.outputs.several else numbers.softmax(dim=-1)).numpy()

    def average(self, answers: Sequence[Any]) -> Any:
        """Return the mean of what several models answered, as targets to learn."""
        return np.mean(answers, axis=0).astype(np.float32)

    def save(self, training: Training, folder: Path) -> None:
        """Write config.json, model.safetensors, tokenizer.json and tokenizer_config.json.

        Raises `InputError` where the disk has no room for them.
        """
        self.tokenizer.backend_tokenizer.no_truncation()
        self.tokenizer.backend_tokenizer.no_padding()
        with explain_saving(folder):
            training.model.save_pretrained(folder)
            self.tokenizer.save_pretrained(folder)
        path = folder / "tokenizer_config.json"
        settings = json.loads(path.read_text(encoding="utf-8"))
        kept = {name: value for name, value in settings.items() if name not in LEFTOVERS}
        path.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    def save_memory_of_answers(self) -> str:
        """What to do if there is not enough memory to label texts."""
        return f"while it labels texts; free some, or lower train.max_length = {self.max_length}"

    def save_memory_of_training(self, where: str) -> str:
        """What to do if there is not enough memory for a step of training; `where` names the step."""
        return (
            f"{where}; raise train.gradient_accumulation = {self.params.gradient_accumulation} to "
            f"compute a batch in more parts, or lower train.max_length = {self.max_length}"
        )

    def load(self, pooling: Pooling, opened: bool) -> Any:
        """Return the base as a classifier with an untrained head, ready to train; `opened` opens what is before it."""
        model, _ = load_base(self.base, self.outputs)
        if pooling == "mean":
            pool_mean(model)
        if opened:
            open_head(model)
        if self.device.type == "cpu":
            model.set_attn_implementation("eager")  # the fused kernels do not pay on short texts
        if self.params.freeze_word_embeddings:
            model.get_input_embeddings().weight.requires_grad_(False)
        if self.params.dropout is not None:
            for module in model.modules():
                if isinstance(module, torch.nn.Dropout):
                    module.p = self.params.dropout
        return model

    def make_examples(self, places: NDArray[np.intp], targets: Any) -> list[dict[str, Any]]:
        """The texts at these places as what the model takes, each with its row of the targets as `labels`."""
        return [
            {**{name: values[place] for name, values in self._encoded.items()}, "labels": targets[place].tolist()}
            for place in places
        ]

    def make_collator(self) -> Any:
        """What makes a batch of examples."""
        return DataCollatorWithPadding(self.tokenizer)

    def compute_loss(
        self, outputs: Any, targets: torch.Tensor, num_items_in_batch: torch.Tensor | None = None
    ) -> torch.Tensor:
        """The loss of a batch, as `distil.student.losses` has it."""
        compute = compute_binary_cross_entropy if self.outputs.several else compute_cross_entropy
        return compute(outputs, targets, num_items_in_batch)

    def _arguments(self, folder: Path, epochs: int, seed: int, rows: int) -> TrainingArguments:
        params, cpu = self.params, self.device.type == "cpu"
        steps = math.ceil(rows / params.batch_size) * epochs
        arguments = TrainingArguments(
            output_dir=str(folder),
            num_train_epochs=epochs,
            per_device_train_batch_size=_divide_batch(params),
            gradient_accumulation_steps=params.gradient_accumulation,
            train_sampling_strategy="batch_rebalance",  # random batches, each cut into parts of like length
            learning_rate=params.learning_rate,
            lr_scheduler_type=SCHEDULES[params.schedule],
            warmup_steps=round(params.warmup_share * steps),
            weight_decay=params.weight_decay,
            max_grad_norm=params.max_grad_norm,
            bf16=self.precision == "bf16",
            fp16=self.precision == "fp16",
            torch_compile=params.compile,
            use_cpu=cpu,
            seed=seed,
            full_determinism=True,
            logging_steps=max(1, steps // LOGGED_POINTS),
            save_strategy="no",
            report_to="none",  # the loggers come as callbacks
            disable_tqdm=True,  # its bar shows no loss; ours does
            remove_unused_columns=False,
            dataloader_pin_memory=self.device.type == "cuda",
        )
        arguments._n_gpu = min(1, arguments.n_gpu)  # more of them share a batch under `accelerate launch` alone
        return arguments


def choose_precision(
    wanted: Literal["auto", "bf16", "fp16", "fp32"], device: torch.device
) -> Literal["bf16", "fp16", "fp32"]:
    """Return the precision of the matrix products; auto takes bf16 only where the hardware computes it.

    Raises `InputError` for fp16 without CUDA.
    """
    if wanted == "fp16" and device.type != "cuda":
        raise InputError(f"train.precision = 'fp16' needs a CUDA GPU, and this runs on {device}; write auto")
    if wanted != "auto":
        return wanted
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    abilities = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    return "bf16" if abilities.get("avx512_bf16") or abilities.get("amx_bf16") else "fp32"


def choose_max_length(wanted: int | Literal["auto"], lengths: Sequence[int], limit: int | None) -> int:
    """Return how many tokens of a text the student reads.

    auto is enough for the longest training text, as far as the base's `limit` goes, and to `UNSTATED_LIMIT` where it
    states none. Raises `InputError` if `wanted` is more than the limit.
    """
    if wanted == "auto":
        return min(math.ceil(max(lengths) / LENGTH_STEP) * LENGTH_STEP, limit or UNSTATED_LIMIT)
    if limit is not None and wanted > limit:
        raise InputError(f"train.max_length = {wanted}: the base takes {limit} tokens at most; write no more, or auto")
    return wanted


def _divide_batch(params: TrainParams) -> int:
    """Rows of a batch that a process computes at a time."""
    processes = int(os.environ.get("WORLD_SIZE", "1"))  # as torch's and accelerate's launchers set it
    rows, left = divmod(params.batch_size, params.gradient_accumulation * processes)
    if left or not rows:
        raise InputError(
            f"train.batch_size = {params.batch_size} cannot be shared by {processes} processes, each computing its "
            f"share in {params.gradient_accumulation} parts (train.gradient_accumulation); make it a multiple of both"
        )
    return rows


def _move_head(optimizer: Any, head: torch.nn.Linear, learning_rate: float) -> None:
    """Let the optimizer, which has not taken a step, move these weights at a rate of their own."""
    own = {id(weights) for weights in head.parameters()}
    for group in list(optimizer.param_groups):
        moved = [weights for weights in group["params"] if id(weights) in own]
        group["params"] = [weights for weights in group["params"] if id(weights) not in own]
        if moved:
            optimizer.add_param_group({**group, "params": moved, "lr": learning_rate})


def _check_weights(model: Any, step: int) -> None:
    if not all(bool(weights.isfinite().all()) for weights in model.parameters()):
        raise _diverged(step)


def _diverged(step: int) -> InputError:
    return InputError(
        f"train: the loss is not a number at step {step}; lower train.learning_rate or use precision: fp32"
    )


class _Trainer(Trainer):
    """Stops at a loss that is not a number; the head has its own learning rate where there is one."""

    head_learning_rate: float | None = None

    def create_optimizer(self, *args: Any, **kwargs: Any) -> Any:
        optimizer = super().create_optimizer(*args, **kwargs)
        if self.head_learning_rate is not None:
            _move_head(optimizer, find_head(self.model), self.head_learning_rate)
        return optimizer

    def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
        loss: Any = super().compute_loss(*args, **kwargs)
        if not torch.isfinite(loss):
            raise _diverged(self.state.global_step + 1)
        return loss
