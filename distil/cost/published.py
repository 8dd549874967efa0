"""What the 2024 study printed for a million sentences, each figure labelled as what it is.

Source: "Synthetic data: save money, time and carbon with open source", Laurer, 16 February 2024,
huggingface.co/blog/synthetic-data-save-costs, and its notebook synthetic_data_costs.ipynb in
github.com/MoritzLaurer/synthetic-data-blog. Printed then, not measured here; tests recompute the dollars from their
inputs.
"""

from dataclasses import asdict, dataclass

from distil.cost.machines import Record

SOURCE = "Laurer 2024, huggingface.co/blog/synthetic-data-save-costs"
DATE = "2024-02-16"


@dataclass(frozen=True)
class Published:
    """One printed figure; low and high are equal where it was a single one, and None where it was told in words."""

    system: str
    measure: str  # usd_per_million | latency_s | kg_co2_per_million
    low: float | None
    high: float | None
    how: str


PUBLISHED = (
    Published(
        "RoBERTa-base",
        "usd_per_million",
        2.7,
        2.7,
        "measured: 61.49 texts a second in batches of 8 on a Nvidia T4 of an Inference Endpoint, network included, at "
        "$0.60 an hour, in use all the time",
    ),
    Published(
        "GPT-3.5",
        "usd_per_million",
        153.0,
        153.0,
        "computed: 297.16 input and 3 output tokens a text at $0.50 and $1.50 per million tokens. The input is the "
        "chain-of-thought prompt, but 3 output tokens are those of a one-word answer, and one vote is counted: too low",
    ),
    Published(
        "GPT-4",
        "usd_per_million",
        3061.0,
        3061.0,
        "computed: 297.16 input and 3 output tokens a text at $10 and $30 per million tokens. The input is the "
        "chain-of-thought prompt, but 3 output tokens are those of a one-word answer, and one vote is counted: too low",
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
    ),
    Published(
        "GPT-4",
        "kg_co2_per_million",
        735.0,
        1100.0,
        "computed, by the study's own words very rough: a third party's guess of 0.0017 to 0.0026 kWh for a query to "
        "ChatGPT (Towards Data Science), however long, a million times, by the equivalences of the EPA (United States)",
    ),
)


def list_published() -> list[Record]:
    """The figures as records, with their source and its date."""
    return [asdict(one) | {"source": SOURCE, "date": DATE} for one in PUBLISHED]
