"""What the 2024 study printed of its accuracy and for a million sentences, each figure labelled as what it is.

Source: "Synthetic data: save money, time and carbon with open source", Laurer, 16 February 2024,
huggingface.co/blog/synthetic-data-save-costs, with the notebook synthetic_data_costs.ipynb and the metrics in
github.com/MoritzLaurer/synthetic-data-blog. Printed then, not measured here; tests recompute from their inputs the
dollars, the CO2 and, where its answers are at hand, the teachers' accuracy.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from distil.cost.machines import Record

SOURCE = "Laurer 2024, huggingface.co/blog/synthetic-data-save-costs"
DATE = "2024-02-16"
TEACHER = "mistralai/Mixtral-8x7B-Instruct-v0.1"  # of the study's student
VOTES = 3
METHODS = ("simple prompt", "chain of thought", f"chain of thought, {VOTES} votes")
ACCURACY = {  # by teacher, in the order of METHODS
    "Mixtral-8x7B": (0.916, 0.932, 0.940),
    "GPT-3.5 (0613)": (0.848, 0.870, 0.883),
    "GPT-4 (0125)": (0.940, 0.890, 0.896),
}
MEASURED = (
    "measured on its own 453 test sentences; Mixtral's and the GPTs' have 91 in common",
    "measured on its own test sentences",
    "measured on its own test sentences; a tie went to a label by lot",
)
TOKENS = (
    "The input is the chain-of-thought prompt, but 3 output tokens are those of a one-word answer, and one vote is "
    "counted: too low"
)


@dataclass(frozen=True)
class Published:
    """One printed figure; low and high are equal where it was a single one, and None where it was told in words.

    `beside` is what this study may have in its place: its teacher, its student, or a compared model.
    """

    system: str
    measure: str  # accuracy | usd_per_million | latency_s | kg_co2_per_million
    low: float | None
    high: float | None
    how: str
    beside: str | None = None


PUBLISHED = (
    *(
        Published(
            f"{teacher}, {method}",
            "accuracy",
            accuracy,
            accuracy,
            how,
            "teacher" if (teacher, method) == ("Mixtral-8x7B", METHODS[-1]) else None,
        )
        for teacher, accuracies in ACCURACY.items()
        for method, accuracy, how in zip(METHODS, accuracies, MEASURED, strict=True)
    ),
    Published(
        "RoBERTa-base",
        "accuracy",
        0.94,
        0.94,
        "measured on Mixtral's 453 test sentences, after training on its labels of 1,811 others (3 votes)",
        "student",
    ),
    Published(
        "RoBERTa-base",
        "usd_per_million",
        2.7,
        2.7,
        "measured: 61.49 texts a second in batches of 8 on a Nvidia T4 of an Inference Endpoint, network included, at "
        "$0.60 an hour, in use all the time",
        "student",
    ),
    Published(
        "GPT-3.5",
        "usd_per_million",
        153,
        153,
        f"computed: 297.16 input and 3 output tokens a text at $0.50 and $1.50 per million tokens. {TOKENS}",
        "gpt-3.5-turbo",
    ),
    Published(
        "GPT-4",
        "usd_per_million",
        3061,
        3061,
        f"computed: 297.16 input and 3 output tokens a text at $10 and $30 per million tokens. {TOKENS}",
        "gpt-4-turbo",
    ),
    Published(
        "RoBERTa-base", "latency_s", 0.13, 0.13, "measured: a batch of 8 texts on that endpoint, network included"
    ),
    Published("GPT-4", "latency_s", None, None, "told in words, not measured: often multiple seconds"),
    Published(
        "RoBERTa-base",
        "kg_co2_per_million",
        0.12,
        0.12,
        "computed: 4.52 hours of a T4 on AWS, US East (N. Virginia), by the ML CO2 Impact calculator: the GPU's power "
        "alone, without the rest of the machine or the data centre",
        "student",
    ),
    Published(
        "GPT-4",
        "kg_co2_per_million",
        735,
        1100,
        "computed, by the study's own words very rough: a third party's guess of 0.0017 to 0.0026 kWh for a query to "
        "ChatGPT (Towards Data Science), however long, a million times, by the equivalences of the EPA (United States)",
        "gpt-4-turbo",
    ),
)


def list_published(cost: Mapping[str, Any], asked: Mapping[str, Any]) -> list[Record]:
    """The figures as records, with their source and its date, and beside each what this study has in its place.

    `here` is this study's own figure, dollars or bounds of kilograms, of the system that `beside` names; accuracy has
    none, since no cost rests on it. `beside` is None where this study has nothing of the kind: an accuracy only where
    the teacher is the study's and gave as many votes.
    """
    here = {"student": cost["systems"][cost["served"]]} | {one["model"]: one for one in cost["compared_models"]}
    same = asked["teacher"] == TEACHER and asked["votes"] == VOTES
    return [asdict(one) | _set_beside(one, here, same) | {"source": SOURCE, "date": DATE} for one in PUBLISHED]


def _set_beside(one: Published, here: Mapping[str, Record], same: bool) -> Record:
    if one.measure == "accuracy":
        return {"beside": one.beside if same else None, "here": None}
    figure = here.get(one.beside or "", {}).get(one.measure)
    return {"beside": None if figure is None else one.beside, "here": figure}
