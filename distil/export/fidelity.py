"""Judge a file of lower precision by the answers and logits that it gives beside fp32's.

Agreement is the share of the texts with fp32's label. Of sets and spans it is F1 of what the file names against what
fp32 names: on texts of which much is named few have the very same answer, and no score suffers from that.

An agreement that was counted on some texts is uncertain. A file falls short only where it is below the limit by more
than chance: where the upper end of its interval is.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from distil.core.params import Kind

CONFIDENCE = 0.95  # of the interval; that a good file falls short has half of what is left

Floats = NDArray[np.float32]
ANSWERS: dict[Kind, str] = {"classification": "label", "multi_label": "labels", "token_classification": "spans"}


class Reply(NamedTuple):
    """What a file answers to texts: what it says of each, in canonical form, and the logits that it says it by.

    The logits have a row for each text, of a tagger one for each word of all texts, in their order.
    """

    logits: Floats
    labels: Sequence[str]


@dataclass(frozen=True)
class Fidelity:
    """How much a file and fp32 both name on so many texts, and by how much a logit differs at most.

    `same` is what both name, labels or spans; of one label a text that is the number of texts with the same. The
    difference is infinite where an answer is no number; of labels nothing is known then, nor
    without texts. `kind` is what the texts get.
    """

    same: int
    texts: int
    max_logit_difference: float
    kind: Kind = "classification"
    of_several: float | None = None  # where a text gets sets or spans: what `named` is

    @property
    def named(self) -> float:
        """What the file and fp32 name, in the mean of the two."""
        return self.texts if self.of_several is None else self.of_several

    @property
    def agreement(self) -> float | None:
        """F1 of what the file names against what fp32 does; 1 where neither names anything."""
        if not self._is_known:
            return None
        return self.same / self.named if self.named else 1.0

    @cached_property
    def interval(self) -> tuple[float, float] | None:
        """Exact bounds of the agreement. Source: Clopper and Pearson 1934."""
        if not self._is_known or not self.named:
            return None
        bounds = binomtest(self.same, math.ceil(self.named)).proportion_ci(CONFIDENCE, method="exact")
        return float(bounds.low), float(bounds.high)

    def falls_short(self, least: float) -> bool:
        """Whether an answer is no number, or the agreement is below `least` by more than chance."""
        return not np.isfinite(self.max_logit_difference) or (self.interval is not None and self.interval[1] < least)

    def describe(self, least: float) -> str:
        """What was found, to follow the file's name; of a file that falls short with what it was to reach."""
        if not np.isfinite(self.max_logit_difference):
            return "answers what is no number, where fp32 does not"
        if self.agreement is None:
            return "was not compared: there are no texts"
        share = (
            f"on {self.agreement:.2%} of" if self.kind == "classification" else f"with an F1 of {self.agreement:.2%} on"
        )
        told = f"gives fp32's {ANSWERS[self.kind]} {share} {self.texts:,} texts"
        if not self.falls_short(least) or self.interval is None:
            return told
        return f"{told} (at most {self.interval[1]:.2%} but for chance; export.min_label_agreement = {least:g})"

    def record(self) -> dict[str, Any]:
        """What metrics/export.json says of it; NaN and infinity are null there."""
        low, high = self.interval or (None, None)
        return {
            "agreement_with_fp32": self.agreement,
            "agreement_low": low,
            "agreement_high": high,
            "max_logit_difference": self.max_logit_difference,
        }

    @property
    def _is_known(self) -> bool:
        return self.texts > 0 and bool(np.isfinite(self.max_logit_difference))


def compare(reply: Reply, fp32: Reply, probes: int, kind: Kind = "classification") -> Fidelity:
    """Compare a file's reply with fp32's; the first `probes` texts count for the difference of logits alone."""
    difference = np.abs(reply.logits - fp32.logits).max()
    pairs = [
        (_list_named(one, kind), _list_named(other, kind))
        for one, other in zip(reply.labels[probes:], fp32.labels[probes:], strict=True)
    ]
    same = sum(len(one & other) for one, other in pairs)
    several = None if kind == "classification" else sum(len(one) + len(other) for one, other in pairs) / 2
    difference = float(difference) if np.isfinite(difference) else np.inf
    return Fidelity(same, len(pairs), difference, kind, several)


def _list_named(label: str, kind: Kind) -> set[str]:
    """What a canonical label names: itself, or the parts of a list."""
    return {label} if kind == "classification" else set(map(json.dumps, json.loads(label)))
