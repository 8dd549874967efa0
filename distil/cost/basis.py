"""What the arithmetic of `cost` rests on: the section of params.yaml and the tables of the folder prices/."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from distil.core.errors import InputError
from distil.core.params import Params, load_file, load_rows
from distil.cost.params import CostParams
from distil.cost.price_tables import Electricity, Hardware, HardwareRow, PriceTable

Table = TypeVar("Table", bound=Params)


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
    rows = load_rows(path, HardwareRow, _bring_back(path))
    return CostBasis(
        params=params,
        hardware=_pick_hardware(rows, params.hardware, path),
        other_hardware=[row for key, row in rows.items() if key != params.hardware],
        electricity=_load_table(prices / "electricity.yaml", Electricity),
        price_table=_load_table(prices / "tokens.yaml", PriceTable),
    )


def _load_table(path: Path, model: type[Table]) -> Table:
    return load_file(path, model, _bring_back(path))


def _bring_back(path: Path) -> str:
    return f"'git checkout -- {path}' brings it back"


def _pick_hardware(rows: dict[str, HardwareRow], key: str, path: Path) -> Hardware:
    lacking = {name: _list_lacking(row) for name, row in rows.items()}
    ready = ", ".join(name for name, missing in lacking.items() if not missing) or "none"
    if key not in rows:
        raise InputError(
            f"cost.hardware = {key!r} in params.yaml is no row of {path}, of which can be named: {ready}; name one of "
            "them, or add a row"
        )
    if lacking[key]:
        raise InputError(
            f"{path}: the row {key}, which cost.hardware in params.yaml names, has no {', '.join(lacking[key])}; write "
            f"that into it (gpu: null where there is none), or name another row (ready: {ready})"
        )
    return Hardware.model_validate(rows[key].model_dump(include=set(Hardware.model_fields)))


def _list_lacking(row: HardwareRow) -> list[str]:
    """What a row would need to be priced as the machine that was measured; that it has no GPU has to be said."""
    written = row.model_dump(include=set(Hardware.model_fields), exclude_unset=True)
    given = {name for name, value in written.items() if value is not None or name == "gpu"}
    return [name for name in Hardware.model_fields if name not in given]
