"""Judge a file of lower precision by the answers and logits that it gives beside fp32's.

An agreement that was counted on some texts is uncertain. A file falls short only where it is below the limit by more
than chance: where the upper end of its interval is.
"""

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
    """On how many of the texts a file gives just fp32's answer, and by how much a logit differs at most.

    The difference is infinite where an answer is no number; of labels nothing is known then, nor without texts. `kind`
    is what the texts get.
    """

    same: int
    texts: int
    max_logit_difference: float
    kind: Kind = "classification"

    @property
    def agreement(self) -> float | None:
        """Share of the texts with fp32's answer."""
        return self.same / self.texts if self._is_known else None

    @cached_property
    def interval(self) -> tuple[float, float] | None:
        """Exact bounds of the agreement. Source: Clopper and Pearson 1934."""
        if not self._is_known:
            return None
        bounds = binomtest(self.same, self.texts).proportion_ci(CONFIDENCE, method="exact")
        return float(bounds.low), float(bounds.high)

    def falls_short(self, least: float) -> bool:
        """Whether an answer is no number, or the agreement is below `least` by more than chance."""
        return not np.isfinite(self.max_logit_difference) or (self.interval is not None and self.interval[1] < least)

    def describe(self, least: float) -> str:
        """What was found, to follow the file's name; of a file that falls short with what it was to reach."""
        if not np.isfinite(self.max_logit_difference):
            return "answers what is no number, where fp32 does not"
        if self.agreement is None or self.interval is None:
            return "was not compared: there are no texts"
        told = f"gives fp32's {ANSWERS[self.kind]} on {self.agreement:.2%} of {self.texts:,} texts"
        if not self.falls_short(least):
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
    same = [one == other for one, other in zip(reply.labels[probes:], fp32.labels[probes:], strict=True)]
    return Fidelity(sum(same), len(same), float(difference) if np.isfinite(difference) else np.inf, kind)
