"""How far a student is from its targets, which are shares and no single labels.

A loss is the sum over the rows of a part of a batch, over the number of rows of the whole batch: transformers counts
the numbers in the targets.
"""

from typing import Any

import torch


def compute_cross_entropy(
    outputs: Any, targets: torch.Tensor, num_items_in_batch: torch.Tensor | None = None
) -> torch.Tensor:
    """Of distributions over outputs of which one applies; targets of shape (rows, outputs)."""
    total = torch.nn.functional.cross_entropy(outputs.logits.float(), targets, reduction="sum")
    loss: torch.Tensor = total / _count_rows(targets, num_items_in_batch)
    return loss


def compute_binary_cross_entropy(
    outputs: Any, targets: torch.Tensor, num_items_in_batch: torch.Tensor | None = None
) -> torch.Tensor:
    """Of the share of each output by itself, its mean over the outputs; targets of shape (rows, outputs)."""
    total = torch.nn.functional.binary_cross_entropy_with_logits(outputs.logits.float(), targets, reduction="sum")
    loss: torch.Tensor = total / targets.shape[1] / _count_rows(targets, num_items_in_batch)
    return loss


def _count_rows(targets: torch.Tensor, numbers: torch.Tensor | None) -> Any:
    return len(targets) if numbers is None else numbers / targets.shape[1]
