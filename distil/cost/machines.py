"""Price labelling: per million texts on rented hardware, and after how many texts the student has paid for itself.

Arithmetic only. A figure that cannot be known (no price, no speed) is None, never zero.
"""

import datetime
import math
from collections.abc import Mapping
from typing import Any

from distil.core.served import PRECISIONS
from distil.cost.basis import CostBasis
from distil.cost.carbon import METHOD, estimate_machine_co2
from distil.cost.price_tables import Hardware, HardwareRow
from distil.cost.prices import MILLION

SECONDS_PER_HOUR = 3600
UNPRICED = "{}, without what making it cost (unknown)"  # a curve's name in metrics/break_even.csv
BREAK_EVEN_DECADES = (2, 8)  # the curves go from a hundred texts to a hundred million
POINTS_PER_DECADE = 4
Record = dict[str, Any]


def price_machine(texts_per_s: float, usd_per_hour: float, utilisation: float) -> float:
    """Dollars per million texts on rented hardware that works `utilisation` of the hours that are paid."""
    return MILLION / texts_per_s / SECONDS_PER_HOUR * usd_per_hour / utilisation


def check_rate(texts_per_s: float | None) -> float | None:
    """A measured rate if it can be divided by: neither missing nor zero nor NaN."""
    return texts_per_s if texts_per_s and math.isfinite(texts_per_s) else None


def price_on_machine(basis: CostBasis, texts_per_s: float | None) -> Record:
    """What a million texts cost in dollars and CO2 at that rate on the machine that is priced; None without a rate."""
    rate = check_rate(texts_per_s)
    if rate is None:
        return {"texts_per_s": None, "usd_per_million": None, "kg_co2_per_million": None, "co2_method": None}
    power, electricity = basis.hardware.watts, basis.electricity
    co2 = estimate_machine_co2(MILLION / rate, power, electricity.pue, electricity.grid_kg_per_kwh)
    return {
        "texts_per_s": rate,
        "usd_per_million": price_machine(rate, basis.hardware.usd_per_hour, basis.params.utilisation),
        "kg_co2_per_million": co2.model_dump(),
        "co2_method": METHOD,
    }


def list_differences(hardware: Hardware, machine: Mapping[str, Any]) -> list[str]:
    """In what the machine of metrics/speed.json is not the hardware that is priced, in words; none if it is."""
    differences = []
    if not machine["cpu"].startswith(hardware.cpu):
        differences.append(f"on {machine['cpu']}")
    if (threads := min(machine["cores"], machine["threads"])) != hardware.cores:
        differences.append(f"on {threads} cores in place of {hardware.cores}")
    gpu = machine["gpu"]
    if (gpu is None) != (hardware.gpu is None) or (gpu and hardware.gpu not in gpu):
        differences.append(f"with {gpu or 'no GPU'}")
    return differences


def price_hardware_table(
    basis: CostBasis, served: str, student_texts_per_s: float | None, machine: Mapping[str, Any]
) -> list[Record]:
    """Dollars per million texts on each machine to rent: the one that stands for the measurement first, then the table.

    A row's `throughput` is "measured" (the served student's, of this study), "measured on another machine" (the same,
    where the machine of the measurement is not the one that is priced), "published" (another model's, by its source) or
    None, and then there is no price per text.
    """
    rate = check_rate(student_texts_per_s)
    rows = (HardwareRow(**basis.hardware.model_dump(), measured=True), *basis.other_hardware)
    table = [_price_row(row, served, rate, basis.params.utilisation) for row in rows]
    if rate is not None and list_differences(basis.hardware, machine):
        table[0]["throughput"] = "measured on another machine"
    return table


def _price_row(row: HardwareRow, served: str, measured: float | None, utilisation: float) -> Record:
    rate = measured if row.measured else row.texts_per_s
    usd = None if rate is None else price_machine(rate, row.usd_per_hour, utilisation)
    throughput = "measured" if row.measured else "published"
    return {
        "name": row.name,
        "usd_per_hour": row.usd_per_hour,
        "price_source": row.price_source,
        "price_date": row.price_date,
        "texts_per_s": rate,
        "throughput": None if rate is None else throughput,
        "throughput_source": f"the {PRECISIONS[served]} student, measured here"
        if row.measured
        else row.throughput_source,
        "model": served if row.measured else row.model,
        "usd_per_million": usd,
    }


def count_break_even_texts(once_usd: float | None, teacher_usd: float | None, student_usd: float | None) -> int | None:
    """The number of texts after which the student has paid for itself.

    `once_usd` is what making it cost, the others are dollars per million texts. None where one is unknown or the
    teacher is the cheaper one.
    """
    if once_usd is None or teacher_usd is None or student_usd is None or teacher_usd <= student_usd:
        return None
    return math.ceil(once_usd / (teacher_usd - student_usd) * MILLION)


def draw_break_even(
    served: str, once_usd: float | None, teacher_usd: float | None, student_usd: float | None
) -> list[Record]:
    """The curves whose crossing is the break-even: texts, system and usd, cumulated, with what making the student cost.

    `once_usd` is what making it cost, the others are dollars per million texts. A system without a price has no curve;
    a student of which only the running is priced has one under the name `UNPRICED`.
    """
    low, high = (decade * POINTS_PER_DECADE for decade in BREAK_EVEN_DECADES)
    texts = [round(10 ** (step / POINTS_PER_DECADE)) for step in range(low, high + 1)]
    student = UNPRICED.format(served) if once_usd is None else served
    curves = {"teacher": (0.0, teacher_usd), student: (once_usd or 0.0, student_usd)}
    return [
        {"texts": count, "system": system, "usd": once + count / MILLION * usd}
        for system, (once, usd) in curves.items()
        if usd is not None
        for count in texts
    ]


def is_outdated(price_date: str, today: str) -> bool:
    """Whether a price is more than a year old on the day `today` (both YYYY-MM-DD)."""
    return datetime.date.fromisoformat(today) - datetime.date.fromisoformat(price_date) > datetime.timedelta(days=365)
