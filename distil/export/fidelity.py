"""Judge a file of lower precision by the labels and logits that it gives beside fp32's.

An agreement that was counted on some texts is uncertain. A file falls short only where it is below the limit by more
than chance: where the upper end of its interval is.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

CONFIDENCE = 0.95  # of the interval; that a good file falls short has half of what is left

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Fidelity:
    """On how many of the texts a file gives fp32's label, and by how much a logit differs at most.

    The difference is infinite where an answer is no number; of labels nothing is known then, nor without texts.
    """

    same: int
    texts: int
    max_logit_difference: float

    @property
    def agreement(self) -> float | None:
        """Share of the texts with fp32's label."""
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
        told = f"gives fp32's label on {self.agreement:.2%} of {self.texts:,} texts"
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


def compare_logits(logits: Floats, fp32: Floats, probes: int) -> Fidelity:
    """Compare logits of shape (texts, labels); the first `probes` texts count for the difference alone."""
    difference = np.abs(logits - fp32).max()
    same = logits[probes:].argmax(axis=1) == fp32[probes:].argmax(axis=1)
    return Fidelity(int(same.sum()), len(same), float(difference) if np.isfinite(difference) else np.inf)
