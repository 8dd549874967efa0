"""The ladder: students from the cheapest to the dearest, judged on the same rows that none of them has seen.

The best one that exports as a folder which transformers opens is the student; a cheaper one where two are alike. Test
rows never come here.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

RUNGS = {  # that export as a folder which transformers opens, from the cheapest on
    "frozen": "the frozen base with a linear head",
    "fine_tuned": "fine-tuning",
}
ENOUGH = 600  # held-out labels, by which rungs that are two points apart are told from each other, but for chance
CURVE_SHARES = (0.125, 0.25, 0.5, 1.0)  # of the rows to train on
CONFIDENCE = 0.95  # of intervals
ALIKE = 0.002  # of the agreement: where a dearer rung gains no more, the cheaper one is taken


class Agreement(NamedTuple):
    """How far answers agree with the teacher's on so many held-out rows, with an interval; null where unknown."""

    value: float
    low: float | None
    high: float | None
    rows: int

    def record(self) -> dict[str, Any]:
        """What metrics/train.json says of it, without the number of rows."""
        return {"agreement": self.value, "agreement_low": self.low, "agreement_high": self.high}


@dataclass
class Ladder:
    """What metrics/train.json tells of the rungs, and which was chosen.

    `measure` says what agreement is: the name of a score.
    """

    measure: str
    rungs: dict[str, dict[str, Any]] = field(default_factory=dict)
    learning_curve: list[dict[str, Any]] = field(default_factory=list)
    chosen: str = "frozen"
    why: str = ""

    def judge(self, name: str, exportable: bool, measure: Callable[[], Agreement]) -> None:
        """Add a rung; `measure` trains it on some rows and judges it by others, which is timed."""
        start = time.perf_counter()
        found = measure()
        seconds = time.perf_counter() - start
        self.rungs[name] = {**found.record(), "rows": found.rows, "seconds": seconds, "exportable": exportable}

    def choose(self, wanted: str, told: str) -> None:
        """Take a rung, and say why; `told` begins the sentence that lists the agreements, which are shares."""
        if wanted != "auto":
            self.chosen, self.why = wanted, f"train.rung is {wanted}"
            return
        agreements = {name: self.rungs[name]["agreement"] for name in RUNGS if name in self.rungs}
        best = max(agreements.values())
        self.chosen = next(name for name in RUNGS if name in agreements and best - agreements[name] <= ALIKE)
        listed = ", ".join(f"{RUNGS[name]} {agreement:.1%}" for name, agreement in agreements.items())
        cheapest = "; of those that are alike the cheapest is taken" if agreements[self.chosen] < best else ""
        self.why = f"{told}: {listed}{cheapest}."

    def choose_unseen(self, wanted: str) -> None:
        """Take a rung where there are too few rows to judge any."""
        self.chosen, self.why = (
            "frozen",
            ("There are too few rows to hold any out, so nothing was compared; a linear head needs the fewest."),
        )
        if wanted != "auto":
            self.chosen, self.why = wanted, f"train.rung is {wanted}"


def draw_curve(
    places: NDArray[np.intp], seed: int, judge: Callable[[NDArray[np.intp]], Agreement | None]
) -> list[dict[str, Any]]:
    """Return the agreement of a rung by the number of rows that it learns from, on the same held-out texts.

    `places` are those of all rows to learn from; the rows of a smaller share are among those of a larger one. `judge`
    trains the rung on some of them and judges it; a share of which it says null is left out.
    """
    order = np.random.default_rng(seed).permutation(places)
    some = ((share, order[: max(2, round(share * len(order)))]) for share in CURVE_SHARES)
    judged = ((share, rows, judge(rows)) for share, rows in some)
    return [{"share": share, "rows": len(rows), **found.record()} for share, rows, found in judged if found is not None]
