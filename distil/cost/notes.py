"""Say in plain sentences what is unknown or out of date in the costs, and which figure to give."""

from collections.abc import Mapping
from typing import Any

from distil.cost.basis import CostBasis
from distil.cost.llm_carbon import estimate_llm_co2, knows_first_token
from distil.cost.machines import is_outdated, list_differences
from distil.cost.price_tables import Hardware
from distil.cost.prices import find_prices
from distil.cost.teacher import average_calls, describe_counter, list_teachers, price_answers

Metrics = Mapping[str, Any]
SHORT_ANSWER = 5  # tokens
UNTIMED = "metrics/annotate.json has no texts_per_s, since answers that no run asked for have no times"
COUNTED = ("input_tokens", "output_tokens")  # without either of them there is no price


def list_notes(
    basis: CostBasis, speed: Metrics, trained: Metrics, asked: Metrics, answered: Metrics, cost: Metrics
) -> list[str]:
    """The notes on `cost`, as it goes into metrics/cost.json; prices age against the day of the measurement.

    `speed`, `trained` and `asked` are the details of speed.json, train.json and annotate.json, and `answered` is what
    the last has under `run`.
    """
    return [
        *find_old_prices(basis, cost, speed["date"], "the measurement"),
        *_compare_machines(basis.hardware, speed["machine"], trained["device"]),
        *_explain_teacher(basis, asked, cost["systems"]["teacher"]),
        *_explain_retries(basis, asked, answered),
        *_explain_unmeasured(cost["systems"]),
        *_explain_compared(basis, asked, cost["compared_models"]),
    ]


def find_old_prices(basis: CostBasis, cost: Metrics, day: str, name: str, told: str | None = None) -> list[str]:
    """A note on the prices that are more than a year older than a day, if there are any; `name` is how to call it.

    Those that were that old on the day `told` are left out.
    """
    table = basis.price_table
    dated = [(row["name"], row["price_date"]) for row in cost["hardware_table"]]
    dated += [(model.model, model.price_date) for model in basis.params.compare_models if model.price_date]
    dated.append((f"all that genai-prices {table.version} tells", table.date))
    old = [
        f"{what} ({date})" for what, date in dated if is_outdated(date, day) and not (told and is_outdated(date, told))
    ]
    if not old:
        return []
    return [
        f"prices more than a year older than {name}: {', '.join(old)}; renew them in prices/ "
        "(genai-prices also in requirements.lock), a compared model's in cost.compare_models"
    ]


def _compare_machines(hardware: Hardware, machine: Metrics, trained_on: str) -> list[str]:
    differences = list_differences(hardware, machine)
    notes = []
    if differences:
        notes.append(
            f"speed was measured {' and '.join(differences)}, and priced as {hardware.name}, which is another machine: "
            "describe the one that you would rent in prices/hardware.yaml, and name its row in cost.hardware"
        )
    if (trained_on == "cpu") != (hardware.gpu is None):
        notes.append(
            f"training ran on {trained_on}, and its hours are priced as {hardware.name} with "
            f"{hardware.gpu or 'no GPU'}: they are another machine's"
        )
    return notes


def _explain_teacher(basis: CostBasis, asked: Metrics, teacher: Metrics) -> list[str]:
    teachers = list_teachers(asked)
    notes = [
        f"the tokens of {name} were counted here, of the prompt in the params and the recorded answers, "
        f"{describe_counter(counts['counted'])}; a chat template's are among them only where that tokenizer has one"
        for name, counts in teachers.items()
        if "counted" in counts
    ]
    notes += [
        f"{untold:,} of {counts['answers']:,} answers of {name} have no token counts: each is reckoned at the mean of "
        "the others"
        for name, counts in teachers.items()
        if (untold := counts["answers"] - min(map(counts["told"].get, COUNTED))) and _is_told(counts)
    ]
    if asked["server"] == "mixed":
        notes.append(
            "one of the teachers is on this machine: neither its hours nor its tokens are in the teacher's price"
        )
    if teacher["usd_per_million"] is None:
        by_hour = basis.params.teacher_usd_per_hour is not None
        notes.append(f"the teacher's price is unknown: {UNTIMED if by_hour else _explain_unpriced(asked)}")
    if teacher["kg_co2_per_million"] is None and asked["server"] != "local":
        untold_by = [name for name, counts in teachers.items() if counts["output_tokens"] is None]
        unknown = [name for name in teachers if estimate_llm_co2(name, 1, 1) is None]
        told = f"the token counts of {' and '.join(untold_by)} are not known"
        why = told if untold_by else f"EcoLogits does not know {' and '.join(unknown)}"
        notes.append(f"the teacher's CO2 is unknown: {why}; give cost.teacher_kwh_per_million_texts {{low, mid, high}}")
    return notes


def _is_told(counts: Metrics) -> bool:
    return all(counts[name] is not None for name in COUNTED)


def _explain_unpriced(asked: Metrics) -> str:
    """Why a teacher has no price, and what would give it one: nothing, where the answers have no token counts."""
    if asked["server"] == "local":
        return UNTIMED
    remote = {name: counts for name, counts in list_teachers(asked).items() if counts["server"] != "local"}
    if untold := [name for name, counts in remote.items() if not _is_told(counts)]:
        if asked["server"] == "recorded":
            return f"the tokens of {' and '.join(untold)} are in no recording: annotate.recording.tokenizer counts them"
        return f"the endpoint told no token counts of {' and '.join(untold)}, so that no price per token helps"
    found = {name: find_prices(name, None, None) for name in remote}
    known = "".join(
        f"; {one.source}, has {{input: {one.prices.input:g}, output: {one.prices.output:g}}} for {name}"
        for name, one in found.items()
        if one
    )
    return f"give cost.teacher_usd_per_million_tokens {{input, output}}{known}"


def _explain_retries(basis: CostBasis, asked: Metrics, answered: Metrics) -> list[str]:
    """Tries that failed have no tokens in any log, and whether an endpoint charged for them it alone knows."""
    retries, usd = answered["retries"], price_answers(basis.params, asked)
    if not retries or usd is None:
        return []
    most = retries * usd / asked["requests"]
    return [
        f"{retries:,} tries failed and were sent again; the teacher's price is without them, since their tokens are in "
        f"no log. Had each been charged like an answer, annotating would have cost ${most:,.2f} more"
    ]


def _explain_unmeasured(systems: Metrics) -> list[str]:
    unknown = [name for name, system in systems.items() if name != "teacher" and system["texts_per_s"] is None]
    if not unknown:
        return []
    return [f"metrics/speed.json has no throughput of {', '.join(unknown)}, so they have no price"]


def _explain_compared(basis: CostBasis, asked: Metrics, compared: list[Metrics]) -> list[str]:
    answers, texts = average_calls(asked).answers, asked["texts"]
    notes = [
        f"the price of {model['model']} is not in genai-prices: give it in cost.compare_models as {{model: "
        f"{model['model']}, price_per_million_tokens: {{input, output}}, price_source, price_date}}"
        for model in compared
        if model["prices"] is None
    ]
    if compared and compared[0]["output_tokens_per_text"] is None:
        return [
            *notes,
            "metrics/annotate.json has no token counts, so the compared models have no price and no CO2",
        ]
    undated = any(model["prices"] and model["price_date"] is None for model in compared)
    if undated:
        notes.append(
            f"prices/tokens.yaml dates genai-prices {basis.price_table.version}, which is not the one installed: give "
            "the release that is, and its date"
        )
    unknown = [model["model"] for model in compared if model["kg_co2_per_million"] is None]
    if unknown:
        notes.append(f"EcoLogits does not know {', '.join(unknown)}, so their CO2 is unknown")
    return [*notes, *_explain_first_token(compared, answers / texts)]


def _explain_first_token(compared: list[Metrics], answers_per_text: float) -> list[str]:
    """Of short answers the time to the first token is nearly everything, and EcoLogits has it of some models only."""
    known = [model for model in compared if model["kg_co2_per_million"] is not None]
    without = [model["model"] for model in known if not knows_first_token(model["model"])]
    short = compared[0]["output_tokens_per_text"] < SHORT_ANSWER * answers_per_text if compared else False
    if not short or not without or len(without) == len(known):
        return []
    return [
        f"answers are so short that the CO2 of {', '.join(without)}, of which EcoLogits has no time to the first "
        "token, cannot be compared with that of the other models"
    ]
