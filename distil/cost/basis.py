"""What the arithmetic of `cost` rests on: the section of params.yaml and the tables of the folder prices/."""

from dataclasses import dataclass
from pathlib import Path

from distil.core.errors import InputError
from distil.core.params import load_file, load_rows
from distil.cost.params import CostParams
from distil.cost.price_tables import Electricity, Hardware, HardwareRow, PriceTable

REMEDY = "'git checkout prices' brings it back"


@dataclass(frozen=True)
class CostBasis:
    """The section, the machine that it names, the other machines in their file's order, electricity and tokens."""

    params: CostParams
    hardware: Hardware
    other_hardware: list[HardwareRow]
    electricity: Electricity
    price_table: PriceTable


def load_basis(params: CostParams, prices: Path) -> CostBasis:
    """Read the folder of prices for the section.

    Raises `InputError` for a file that is missing or wrong, and if the machine of `cost.hardware` is not in it or lacks
    what pricing needs.
    """
    path = prices / "hardware.yaml"
    rows = load_rows(path, HardwareRow, REMEDY)
    return CostBasis(
        params=params,
        hardware=_pick_hardware(rows, params.hardware, path),
        other_hardware=[row for key, row in rows.items() if key != params.hardware],
        electricity=load_file(prices / "electricity.yaml", Electricity, REMEDY),
        price_table=load_file(prices / "tokens.yaml", PriceTable, REMEDY),
    )


def _pick_hardware(rows: dict[str, HardwareRow], key: str, path: Path) -> Hardware:
    if key not in rows:
        raise InputError(
            f"cost.hardware = {key!r} in params.yaml is no row of {path}, which has: {', '.join(rows)}; name one of "
            "them, or add a row"
        )
    row = rows[key].model_dump(include=set(Hardware.model_fields), exclude_unset=True)
    missing = [name for name in Hardware.model_fields if row.get(name) is None and not (name == "gpu" and name in row)]
    if missing:
        raise InputError(
            f"{path}: the row {key}, which cost.hardware in params.yaml names, has no {', '.join(missing)}; write that "
            "into it (gpu: null where there is none), or name another row"
        )
    return Hardware.model_validate(row)
