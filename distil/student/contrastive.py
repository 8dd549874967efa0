"""The student whose base first learns which texts share a label, and then gets a linear head.

In each step texts of one label are drawn towards each other and away from those of other labels: the supervised
contrastive loss (Khosla et al. 2020). It does for few rows a label what SetFit does with pairs (Tunstall et al. 2022),
in batches with the same number of texts of each label; what it takes does not grow with the rows. The head is of the
kind and as tight as for the frozen base, because the rows that trained these features cannot judge them.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.utils.checkpoint import checkpoint
from tqdm import tqdm
from transformers import get_scheduler, set_seed

from distil.core.errors import InputError
from distil.encoders.heads import set_head, without_head
from distil.linear.folds import Numbers
from distil.linear.probe import Probe
from distil.student.fine_tuner import SCHEDULES, FineTuner, Training
from distil.student.frozen import Frozen
from distil.student.out_of_memory import explain_out_of_memory

STEPS, BATCH = 32, 64  # texts a step, which are compared with each other
RATE = 0.5  # of train.learning_rate: the base has to keep what it knows
SHARPNESS = 0.1  # what cosines are divided by, the paper's temperature


def train_contrastive(tuner: FineTuner, frozen: Frozen, places: Numbers, name: str) -> tuple[Training, Probe]:
    """Train on the tuner's texts at `places`; returns the model, whose head is untrained, and the head for it.

    Raises `InputError` if the loss is not a number, or memory runs out.
    """
    training = _draw_together(tuner, frozen, places, name)
    features = tuner.read_by(training.model, [tuner.texts[place] for place in places])
    return training, frozen.fit_over(features, frozen.numbers[places])


def finish(training: Training, probe: Probe) -> Training:
    """Give the model its head."""
    set_head(training.model, probe.weights, probe.bias)
    return training


def draw_batches(numbers: Numbers, seed: int) -> Iterator[Numbers]:
    """Yield the places of each step's texts: as many of one label as of any other, where it has as many."""
    generator = np.random.default_rng(seed)
    rows_of = [np.flatnonzero(numbers == label) for label in np.unique(numbers)]
    of_each = BATCH // min(len(rows_of), BATCH // 2)
    for _ in range(STEPS):
        drawn = generator.permutation(len(rows_of))[: BATCH // of_each]
        yield np.concatenate(
            [generator.choice(rows_of[label], min(of_each, len(rows_of[label])), replace=False) for label in drawn]
        )


def contrast(vectors: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
    """Return the loss of vectors (texts, size) with these labels (texts): 0 where no two texts share one.

    It is the mean over texts of -log(share of a text with its label among all others), the paper's L_out.
    """
    directions = torch.nn.functional.normalize(vectors.float(), dim=-1)
    itself = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    logs = torch.log_softmax((directions @ directions.T / SHARPNESS).masked_fill(itself, -torch.inf), dim=1)
    alike = (numbers[:, None] == numbers[None]) & ~itself
    has_alike = alike.any(dim=1)
    if not has_alike.any():
        return vectors.sum() * 0
    means = logs.masked_fill(~alike, 0).sum(dim=1)[has_alike] / alike.sum(dim=1)[has_alike]
    return -means.mean()


def _draw_together(tuner: FineTuner, frozen: Frozen, places: Numbers, name: str) -> Training:
    params, device = tuner.params, tuner.device
    set_seed(params.seed)  # of dropout
    model = tuner.load(frozen.pooling, opened=True).to(device).train()
    learnt = [weights for weights in model.parameters() if weights.requires_grad]
    optimizer = torch.optim.AdamW(learnt, RATE * params.learning_rate, weight_decay=params.weight_decay)
    schedule = get_scheduler(SCHEDULES[params.schedule], optimizer, round(params.warmup_share * STEPS), STEPS)
    scaler = torch.amp.GradScaler(device.type, enabled=tuner.precision == "fp16")
    points: list[tuple[int, float, float, float]] = []
    bar = tqdm(draw_batches(frozen.numbers[places], params.seed), name, STEPS, unit="step", disable=None)
    advise = partial(tuner.save_memory_of_training, "in a contrastive step")
    with without_head(model), explain_out_of_memory(device, advise):
        for step, drawn in enumerate(bar, start=1):
            loss = _compare(tuner, model, frozen, places[drawn])
            if not loss.isfinite():
                raise InputError(f"train: the contrastive loss is not a number at step {step}; use precision: fp32")
            torch.autograd.backward(scaler.scale(loss))
            scaler.unscale_(optimizer)
            torch.nn.utils.clip_grad_norm_(learnt, params.max_grad_norm)
            points.append((step, step * len(drawn) / len(places), loss.item(), schedule.get_last_lr()[0]))
            scaler.step(optimizer)
            scaler.update()
            schedule.step()
            optimizer.zero_grad()
            bar.set_postfix(loss=f"{loss.item():.3f}")
    return Training(model.eval(), pd.DataFrame(points, columns=["step", "epoch", "loss", "learning_rate"]), STEPS)


def _compare(tuner: FineTuner, model: Any, frozen: Frozen, places: Numbers) -> torch.Tensor:
    """The loss of one batch; what a part of it takes in memory is freed, and computed again on the way back."""
    parts = tuner.cut(places)
    vectors = torch.cat([checkpoint(_embed, tuner, model, inputs, use_reentrant=False) for _, inputs in parts])
    numbers = frozen.numbers[np.concatenate([part for part, _ in parts])]
    return contrast(vectors, torch.from_numpy(numbers).to(vectors.device))


def _embed(tuner: FineTuner, model: Any, inputs: Any) -> torch.Tensor:
    low = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(tuner.precision)
    with torch.autocast(tuner.device.type, low, enabled=low is not None):
        vectors: torch.Tensor = model(**inputs).logits
    return vectors
