"""The candidates for the teacher, as the stage compare found them: a row each for the page; none without candidates."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from distil.report.findings import Study, describe_votes, name_model
from distil.report.results import Score

Metrics = dict[str, Any]


@dataclass(frozen=True)
class Candidate:
    """One candidate's figures: `to_best` compares it with the best, which has none; tokens are of a text."""

    name: str
    model: str
    asked: str  # and how, in words
    chosen: bool  # whether it is the study's teacher
    score: Score
    macro_f1: Score
    to_best: Metrics | None
    abstained: int
    input_tokens: float | None
    output_tokens: float | None
    usd_per_million: float | None
    kg_co2_per_million: dict[str, float] | None
    published: float | None


def list_candidates(study: Study) -> list[Candidate]:
    """The candidates, in the order of params.yaml."""
    found = study.compare["candidates"]
    return [
        Candidate(
            name=name,
            model=name_model(one["teacher"]).rpartition("/")[2],
            asked=_describe(one),
            chosen=name == study.compare["chosen"],
            score=_read_score(one, study.compare["score"]),
            macro_f1=_read_score(one, "macro_f1"),
            to_best=one["vs_best"],
            abstained=sum(one["abstained"].values()),
            input_tokens=_spread(one, "input_tokens"),
            output_tokens=_spread(one, "output_tokens"),
            usd_per_million=one["usd_per_million"],
            kg_co2_per_million=one["kg_co2_per_million"],
            published=one["published"] and one["published"]["accuracy"],
        )
        for name, one in found.items()
    ]


def list_candidate_notes(study: Study) -> list[str]:
    """What to know of the rows and the best, why published figures differ, and where prices and tokens are from."""
    found: dict[str, Metrics] = study.compare["candidates"]
    differences = [
        f"{name}: published {one['published']['accuracy']:.3f} {one['published']['difference']}."
        for name, one in found.items()
        if one["published"] and one["published"]["difference"]
    ]
    return [*study.compare.get("notes", []), *differences, *_tell_sources(found)]


def _tell_sources(found: dict[str, Metrics]) -> Iterator[str]:
    sources: dict[str, list[str]] = {}
    for name, one in found.items():
        if one["usd_per_million"] is not None:
            dated = f" of {one['price_date']}" if one["price_date"] else ""
            sources.setdefault(f"{one['price_source']}{dated}", []).append(name)
    yield from (f"Priced by {source}: {'; '.join(names)}." for source, names in sources.items())


def _describe(one: Metrics) -> str:
    """Prompt and votes; of a recording the prompt was perhaps another."""
    prompt = "recorded" if one["server"] == "recorded" else one["prompt"]
    return f"{prompt}, {describe_votes(one['votes'])}"


def _read_score(one: Metrics, name: str) -> Score:
    return Score(one[name], one[f"{name}_low"], one[f"{name}_high"])


def _spread(one: Metrics, tokens: str) -> float | None:
    """Tokens of a text, all its answers together; those that tell none are taken to have the mean of the others."""
    count, told = one[tokens], one["told"][tokens]
    return None if count is None or not told else count * one["answers"] / told / one["texts"]
