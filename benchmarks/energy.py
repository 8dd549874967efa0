"""What codecarbon makes of the served student's power and CO2, beside the estimate of the stage cost.

    pip install --group energy    # pip 25.1 or later; or: pip install codecarbon
    python benchmarks/energy.py models/onnx data/test.parquet

The student labels the texts over and over for at least a minute under codecarbon's offline tracker. Where the processor
has a meter that may be read (RAPL), codecarbon measures; elsewhere, as on most rented machines, it multiplies a
processor's rated power from its table by the load, and the figure is as much of an estimate as that of the stage. The
first line printed says which of the two it was. Memory is estimated by codecarbon from its size in any case.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from distil.classifiers.onnx_classifier import OnnxClassifier  # noqa: E402
from distil.core.params import load_params  # noqa: E402
from distil.core.runtime import count_cores  # noqa: E402
from distil.core.served import read_default_file  # noqa: E402
from distil.cost.basis import CostBasis, load_basis  # noqa: E402
from distil.cost.carbon import Bounds, estimate_machine_co2, format_kg  # noqa: E402
from distil.cost.params import CostParams  # noqa: E402
from distil.cost.prices import MILLION  # noqa: E402

SHORTEST_S = 60  # codecarbon samples power every few seconds
SAMPLE_S = 5
KWH_IN_WS = 3.6e6


@dataclass(frozen=True)
class Metered:
    """What a run took: texts, seconds, and codecarbon's record of it."""

    texts: int
    seconds: float
    record: Any

    @property
    def watts(self) -> float:
        """Mean power of processor, memory and GPU together."""
        return float(self.record.energy_consumed * KWH_IN_WS / self.seconds)


def meter(label: Callable[[Sequence[str]], Any], texts: Sequence[str], at_least_s: float, country: str) -> Metered:
    """Label the texts over and over under codecarbon's tracker, which sends nothing and writes no file."""
    from codecarbon import OfflineEmissionsTracker

    label(texts)  # warm-up
    tracker = OfflineEmissionsTracker(
        country_iso_code=country, measure_power_secs=SAMPLE_S, save_to_file=False, log_level="error"
    )
    tracker.start()
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < at_least_s:
        label(texts)
        count += len(texts)
    seconds = time.perf_counter() - start
    tracker.stop()
    return Metered(count, seconds, tracker.final_emissions_data)


def describe_meter(record: Any) -> str:
    """Whether codecarbon measured the processor or estimated it; memory is an estimate by its size in any case."""
    from codecarbon.core.cpu import is_rapl_available

    if is_rapl_available():
        return f"processor measured by RAPL ({record.cpu_model})"
    return f"no meter: a constant of its table (TDP) times the load of the processor ({record.cpu_model}), not measured"


def list_lines(metered: Metered, basis: CostBasis, country: str) -> list[str]:
    """The two estimates side by side, each per million texts."""
    per_million_s = metered.seconds / metered.texts * MILLION
    watts, record = basis.hardware.watts, metered.record
    pue, grid = basis.electricity.pue, basis.electricity.grid_kg_per_kwh
    codecarbon = Bounds(low=metered.watts, mid=metered.watts, high=metered.watts)
    same_factors = estimate_machine_co2(per_million_s, codecarbon, pue, grid)
    ours = estimate_machine_co2(per_million_s, watts, pue, grid)
    own_kg = record.emissions / metered.texts * MILLION
    return [
        f"codecarbon: {describe_meter(record)}",
        f"{metered.texts:,} texts in {metered.seconds:.0f} s: {MILLION / per_million_s:,.0f} texts/s",
        f"codecarbon: {metered.watts:.1f} W (processor {record.cpu_power:.1f}, memory {record.ram_power:.1f}, "
        f"GPU {record.gpu_power:.1f}); distil: {watts.mid:g} W ({watts.low:g}-{watts.high:g}), {basis.hardware.name}",
        f"kg CO2 per million texts, codecarbon by its own factor for {country}, without PUE: {format_kg(own_kg)}",
        f"kg CO2 per million texts, codecarbon's power by distil's PUE and grid factors: {format_range(same_factors)}",
        f"kg CO2 per million texts, distil: {format_range(ours)}",
    ]


def format_range(kg: Bounds) -> str:
    """0.001 (0.00004-0.004)."""
    return f"{format_kg(kg.mid)} ({format_kg(kg.low)}-{format_kg(kg.high)})"


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("onnx", type=Path)
    parser.add_argument("texts", type=Path)
    parser.add_argument("--seconds", type=float, default=SHORTEST_S, help=f"at least {SHORTEST_S}")
    parser.add_argument("--country", default="USA", help="ISO code of three letters, for codecarbon's own factor")
    parser.add_argument("--threads", type=int, default=count_cores())
    parser.add_argument("--export", type=Path, default=ROOT / "metrics/export.json", help="says which file is served")
    arguments = parser.parse_args()
    if arguments.seconds < SHORTEST_S:
        parser.error(f"--seconds {arguments.seconds:g}: at least {SHORTEST_S}, or the meter's samples are too few")
    basis = load_basis(load_params("cost", CostParams, ROOT / "params.yaml"), ROOT / "prices")
    student = OnnxClassifier(arguments.onnx, read_default_file(arguments.export), arguments.threads, "cpu")
    texts = pd.read_parquet(arguments.texts)["text"].to_list()
    metered = meter(student.predict, texts, arguments.seconds, arguments.country)
    print("\n".join(list_lines(metered, basis, arguments.country)))


if __name__ == "__main__":
    main()
