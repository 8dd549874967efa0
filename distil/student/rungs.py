"""The ladder: students from the cheapest to the dearest, judged on the same rows that none of them has seen.

The best one that exports as a folder which transformers opens is the student; a cheaper one where two are alike. Test
rows never come here.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

RUNGS = {  # that export as a folder which transformers opens, from the cheapest on
    "frozen": "the frozen base with a linear head",
    "fine_tuned": "fine-tuning",
}
ENOUGH = 600  # held-out labels, by which rungs that are two points apart are told from each other, but for chance
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
