"""Cost: turn measured speed and logged tokens into dollars and kilograms of CO2 per million texts.

Arithmetic only, so that a changed price never costs minutes of measuring. The student and a local teacher are priced as
rented hardware, endpoints by the tokens of each. What is not known is null, and a note says which figure to give.
"""

import sys
from pathlib import Path
from typing import Any

from distil.carbon import Bounds, estimate_machine_co2, multiply_bounds
from distil.command import run
from distil.costs import SECONDS_PER_HOUR, CostParams, count_break_even_texts, is_outdated, price_machine
from distil.metrics import read_metrics, write_metrics
from distil.params import load_params
from distil.prices import MILLION, Tokens, choose_prices, price_tokens

MEASURED_AS = {  # the systems of metrics/quality.json, by what benchmark measured for them
    "student": "pipeline",
    "student_onnx": "student_onnx",
    "student_int8": "student_int8",
    "tfidf": "tfidf",
    "embeddings": "embeddings",
}


def main(speed: Path, train: Path, annotate: Path, annotate_run: Path, metrics: Path) -> None:
    """Write dollars and CO2 per million texts, the one-off cost and the break-even to `metrics`."""
    params = load_params("cost", CostParams)
    measured, trained = read_metrics(speed), read_metrics(train)
    asked, answered = read_metrics(annotate), read_metrics(annotate_run)

    systems = {"teacher": _price_teacher(params, asked, answered)}
    for name, measured_as in MEASURED_AS.items():
        systems[name] = _price_on_machine(params, measured["systems"][measured_as]["offline"]["texts_per_s"])
    once = _price_once(params, trained, asked, answered)
    usd = {name: system["usd_per_million"] for name, system in systems.items()}
    break_even = count_break_even_texts(once["total_usd"], usd["teacher"], usd["student_int8"])
    notes = _list_notes(params, asked, usd["teacher"], measured["date"])

    for note in notes:
        print(f"warning: {note}", file=sys.stderr)
    write_metrics(
        metrics,
        {
            "hardware": params.hardware.name,
            "usd_per_hour": params.hardware.usd_per_hour,
            "systems": systems,
            "one_off": once,
            "break_even_texts": break_even,
            "assumptions": _list_assumptions(params),
            "notes": notes,
        },
    )
    teacher = "unknown" if usd["teacher"] is None else f"${usd['teacher']:,.2f}"
    after = "never" if break_even is None else f"after {break_even:,} texts"
    print(
        f"cost: a million texts cost ${usd['student_int8']:,.2f} with the int8 student, {teacher} with the teacher; "
        f"the student has paid for itself {after} -> {metrics}"
    )


def _price_on_machine(params: CostParams, texts_per_s: float) -> dict[str, Any]:
    co2 = estimate_machine_co2(MILLION / texts_per_s, params.hardware.watts, params.pue, params.grid_kg_per_kwh)
    return {
        "texts_per_s": texts_per_s,
        "usd_per_million": price_machine(texts_per_s, params.hardware.usd_per_hour, params.utilisation),
        "kg_co2_per_million": co2.model_dump(),
    }


def _price_teacher(params: CostParams, asked: dict[str, Any], answered: dict[str, Any]) -> dict[str, Any]:
    texts_per_s: float | None = answered["texts_per_s"]
    if asked["server"] == "local" and texts_per_s:
        return _price_on_machine(params, texts_per_s)
    usd = _price_answers(params, asked)
    return {
        "texts_per_s": texts_per_s,
        "usd_per_million": None if usd is None else usd / asked["texts"] * MILLION,
        "kg_co2_per_million": _estimate_endpoint_co2(params.teacher_kwh_per_million_texts, params.grid_kg_per_kwh),
    }


def _price_answers(params: CostParams, asked: dict[str, Any]) -> float | None:
    """Dollars for all the answers of endpoints, each teacher's by its own tokens and prices."""
    prices = params.teacher_usd_per_million_tokens
    if prices is None or asked["server"] == "local":
        return None
    usd = [
        price_tokens(
            Tokens(counts["input_tokens"], counts["cached_tokens"], counts["output_tokens"]),
            choose_prices(model, prices),
        )
        for model, counts in asked.get("by_teacher", {asked["teacher"]: asked}).items()
    ]
    known = [price for price in usd if price is not None]
    return sum(known) if len(known) == len(usd) else None


def _estimate_endpoint_co2(kwh: Bounds | None, grid: Bounds) -> dict[str, float] | None:
    return None if kwh is None else multiply_bounds(kwh, grid).model_dump()


def _price_once(
    params: CostParams, trained: dict[str, Any], asked: dict[str, Any], answered: dict[str, Any]
) -> dict[str, float | None]:
    """What making the student cost: the teacher's answers, and the hours of training on the same hardware."""
    usd_per_second = params.hardware.usd_per_hour / SECONDS_PER_HOUR
    if asked["server"] == "local":
        texts_per_s = answered["texts_per_s"]  # and not its seconds, which are of those answers alone that have times
        annotation = asked["texts"] / texts_per_s * usd_per_second if texts_per_s else None
    else:
        annotation = _price_answers(params, asked)
    training = trained["seconds"] * usd_per_second
    total = None if annotation is None else annotation + training
    return {"annotation_usd": annotation, "training_usd": training, "total_usd": total}


def _list_notes(params: CostParams, asked: dict[str, Any], teacher_usd: float | None, today: str) -> list[str]:
    notes = []
    if is_outdated(params.hardware.price_date, today):
        notes.append(
            f"the price of {params.hardware.name} is of {params.hardware.price_date}, more than a year before the "
            "measurement; renew cost.hardware in params.yaml"
        )
    if asked["server"] == "mixed":
        notes.append(
            "one of the teachers is on this machine: its hours are not in the teacher's price, tokens alone are"
        )
    if teacher_usd is None and asked["server"] == "local":
        notes.append(
            "the teacher's price is unknown: metrics/annotate_run.json has no texts_per_s, since answers that no run "
            "asked for have no times"
        )
    elif teacher_usd is None and params.teacher_usd_per_million_tokens is None:
        notes.append("the teacher's price is unknown: give cost.teacher_usd_per_million_tokens {input, output}")
    elif teacher_usd is None:
        notes.append("the teacher's price is unknown: the endpoint told no token counts")
    return notes


def _list_assumptions(params: CostParams) -> dict[str, Any]:
    """All that the figures rest on, with sources, for whoever reads them."""
    assumptions = params.model_dump(exclude={"hardware"})
    return assumptions | {name: value for name, value in params.hardware.model_dump().items() if name != "name"}


if __name__ == "__main__":
    run(main)
