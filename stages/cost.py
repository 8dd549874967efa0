"""Cost: turn measured speed and logged tokens into dollars and kilograms of CO2 per million texts.

Arithmetic only, so that a changed price never costs minutes of measuring. The student and a local teacher are priced as
rented hardware, endpoints by the tokens of each, and so are the models to compare with. What is not known is null, and
a note says which figure to give.
"""

import datetime
import sys
from pathlib import Path
from typing import Annotated, Any

import pandas as pd

from distil.core.command import run
from distil.core.errors import InputError
from distil.core.metrics import read_details, write_csv, write_metrics
from distil.core.params import load_params
from distil.core.served import PRECISIONS
from distil.cost.basis import CostBasis, load_basis
from distil.cost.carbon import format_kg
from distil.cost.compared_models import compare_models, describe_counting
from distil.cost.figures import format_usd
from distil.cost.machines import count_break_even_texts, draw_break_even, price_hardware_table, price_on_machine
from distil.cost.notes import find_old_prices, list_notes
from distil.cost.params import CostParams
from distil.cost.published import list_published
from distil.cost.teacher import price_cascade, price_once, price_teacher

NAMES = {"pipeline": "student"}  # in metrics/quality.json, of what benchmark measured under another name


def main(
    speed: Annotated[Path, "json of benchmark"],
    train: Annotated[Path, "json of train"],
    annotate: Annotated[Path, "json of annotate"],
    quality: Annotated[Path, "json of evaluate: the share of the texts that a cascade's student keeps"],
    prices: Annotated[Path, "folder: dated tables of prices, hardware and electricity"],
    metrics: Annotated[Path, "json: dollars and CO2"],
    costs: Annotated[Path, "csv: dollars per million texts"],
    co2: Annotated[Path, "csv: kilograms of CO2 per million texts"],
    break_even: Annotated[Path, "csv: dollars after so many texts"],
) -> None:
    """Write dollars and CO2 per million texts, the one-off cost and the break-even, and what is plotted of them."""
    basis = load_basis(load_params("cost", CostParams), prices)
    measured, trained, asked = read_details(speed), read_details(train), read_details(annotate)
    cascade = read_details(quality).get("cascade")
    served = str(measured.get("served"))
    if served not in measured["systems"]:
        raise InputError(f"{speed} has no speed of the served student; 'dvc repro -s -f benchmark' measures it")

    cost = reckon(basis, measured, trained, asked, cascade)
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    ages = find_old_prices(basis, cost, today, "today", told=measured["date"])  # no output, since it changes by itself
    for note in [*cost["notes"], *ages]:
        print(f"warning: {note}", file=sys.stderr)
    write_metrics(metrics, pick_headline(cost), cost)
    write_csv(costs, list_dollars(cost))
    write_csv(co2, list_co2(cost))
    paid = list_paid(cost)
    write_csv(break_even, pd.DataFrame(draw_break_even(served, *paid), columns=["texts", "system", "usd"]))
    after = "never" if cost["break_even_texts"] is None else f"after {cost['break_even_texts']:,} texts"
    print(
        f"cost: a million texts cost {_tell(cost['systems'][served])} with the {PRECISIONS[served]} student, "
        f"{_tell(cost['systems']['teacher'])} with the teacher; the student has paid for itself "
        f"{'nobody knows when' if None in paid else after} -> {metrics}"
    )


def reckon(
    basis: CostBasis,
    measured: dict[str, Any],
    trained: dict[str, Any],
    asked: dict[str, Any],
    cascade: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """All that the stage tells, of what benchmark measured, train took, annotate asked, and a cascade keeps."""
    answered = asked["run"]
    served = measured["served"]
    systems = {"teacher": price_teacher(basis, asked, answered)}
    for name, system in measured["systems"].items():
        systems[NAMES.get(name, name)] = price_on_machine(basis, system["offline"]["texts_per_s"])
    if cascade and cascade["threshold"] is not None:
        systems["cascade"] = price_cascade(systems[served], systems["teacher"], 1 - cascade["kept"]["share"])
    cost: dict[str, Any] = {
        "hardware": basis.hardware.name,
        "usd_per_hour": basis.hardware.usd_per_hour,
        "served": served,
        "systems": systems,
        "one_off": price_once(basis, trained, asked, answered),
    }
    cost |= {
        "break_even_texts": count_break_even_texts(*list_paid(cost)),
        "compared_models": compare_models(basis, asked, measured["date"]),
        "hardware_table": price_hardware_table(basis, served, systems[served]["texts_per_s"], measured["machine"]),
        "assumptions": _list_assumptions(basis) | {"compared_tokens": describe_counting(asked)},
    }
    cost["published"] = list_published(cost, asked)
    return cost | {"notes": list_notes(basis, measured, trained, asked, answered, cost)}


def list_paid(cost: dict[str, Any]) -> tuple[float | None, float | None, float | None]:
    """Dollars: once for making the student, then per million texts of the teacher and of the student."""
    teacher, student = cost["systems"]["teacher"], cost["systems"][cost["served"]]
    return cost["one_off"]["total_usd"], teacher["usd_per_million"], student["usd_per_million"]


def pick_headline(cost: dict[str, Any]) -> dict[str, Any]:
    """What one compares between branches: dollars and CO2 per million texts (1m), and what annotating cost."""
    systems = {"teacher": cost["systems"]["teacher"], "student": cost["systems"][cost["served"]]}
    kg = {name: system["kg_co2_per_million"] for name, system in systems.items()}
    return {
        "usd_per_1m": {name: system["usd_per_million"] for name, system in systems.items()},
        "kg_per_1m": {name: bounds and bounds["mid"] for name, bounds in kg.items()},
        "spent_usd": cost["one_off"]["annotation_usd"],
    }


def list_dollars(cost: dict[str, Any]) -> pd.DataFrame:
    """A row for each system and each compared model whose price is known."""
    rows = [(name, priced["usd_per_million"]) for name, priced in _name_priced(cost).items()]
    return pd.DataFrame(rows, columns=["system", "usd_per_million"]).dropna()


def list_co2(cost: dict[str, Any]) -> pd.DataFrame:
    """A row for each system and each compared model whose CO2 is known: bounds and best guess."""
    rows = [(name, *kg.values()) for name, priced in _name_priced(cost).items() if (kg := priced["kg_co2_per_million"])]
    return pd.DataFrame(rows, columns=["system", "low", "mid", "high"])


def _name_priced(cost: dict[str, Any]) -> dict[str, Any]:
    return {**cost["systems"], **{model["model"]: model for model in cost["compared_models"]}}


def _tell(system: dict[str, Any]) -> str:
    usd, kg = system["usd_per_million"], system["kg_co2_per_million"]
    dollars = "unknown dollars" if usd is None else format_usd(usd)
    return f"{dollars} and {'unknown' if kg is None else format_kg(kg['mid'])} kg of CO2"


def _list_assumptions(basis: CostBasis) -> dict[str, Any]:
    """All that the figures rest on, with sources, for whoever reads them."""
    return {
        "utilisation": basis.params.utilisation,
        **basis.electricity.model_dump(),
        **basis.params.model_dump(include={"teacher_usd_per_million_tokens", "teacher_kwh_per_million_texts"}),
        **basis.params.model_dump(include={"teacher_usd_per_hour"}, exclude_none=True),
        "price_table": basis.price_table.model_dump(),
        **basis.hardware.model_dump(exclude={"name"}),
    }


if __name__ == "__main__":
    run(main)
