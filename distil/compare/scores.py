"""Score the candidates on the same rows, and tell by how much each is behind the best, and whether that may be chance.

Each is compared with the best on the same rows by the kind's paired test (of one label a text McNemar's), its p-values
adjusted over the candidates by Holm's procedure, and by the paired bootstrap of the difference. The best was found on
these rows, so that chance favours it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from distil.forms.answering import Answers, Labels
from distil.forms.labels import VoteForm
from distil.labels.params import AggregateParams
from distil.quality.agreement import measure_agreement
from distil.quality.bootstrap import Bootstrap
from distil.quality.judging import JudgeForm, Scoring
from distil.quality.shortfalls import adjust_by_holm

BEST = "best"
NO_CANDIDATES = "no candidates in params.yaml"
CONFIDENCE = 0.95
BOOTSTRAP = Bootstrap(samples=2000, confidence=CONFIDENCE, seed=0)  # as evaluate has it unless told otherwise

Record = dict[str, Any]


@dataclass(frozen=True)
class Decided:
    """A candidate's label of each row, None where it abstained, and how often it did for which reason."""

    labels: Labels
    abstained: dict[str, int]


def decide_candidates(
    answers: pd.DataFrame,
    names: Iterable[str],
    ids: pd.Series,
    labels: Sequence[str],
    params: AggregateParams,
    form: VoteForm,
) -> dict[str, Decided]:
    """Reduce each candidate's votes (rows of `COMPARED`) to its label of each row, as `aggregate` does a teacher's.

    They come in the order of `names`, which is not that of the rows: the first of those alike is the best.
    """
    decided = {}
    by_name = answers.groupby("candidate")
    for name in names:
        votes = by_name.get_group(name)
        found = form.decide_labels(votes, labels, params.min_agreement, calibrated=params.calibrate).reindex(ids)
        said = [label if isinstance(label, str) else None for label in found["teacher_label"]]
        decided[name] = Decided(said, found["abstained"].value_counts().sort_index().to_dict())
    return decided


def make_scoring(form: JudgeForm, labels: Sequence[str]) -> Scoring:
    """How candidates are judged; their probabilities are not."""
    return Scoring(form, labels, 1, BOOTSTRAP)


def score_candidates(gold: Sequence[str], decided: Mapping[str, Decided], scoring: Scoring) -> dict[str, Record]:
    """Return of each candidate its scores with their bounds, confusion, abstentions, and in `vs_best` how it compares.

    Args:
        gold: people's label of each row.
        decided: by candidate its label of each of these rows.
        scoring: as `make_scoring` has it.

    Returns:
        `vs_best` is as the kind's `compare` has it, with `p_value` adjusted; None for the best, which of several that
        are alike is the first.
    """
    nothing = [None] * len(gold)
    answers = {name: Answers(one.labels, nothing) for name, one in decided.items()}
    found = {name: _pick(scoring.score(gold, said), scoring) for name, said in answers.items()}
    best = find_best(found, scoring.score_name)
    others = [name for name in found if name != best]
    paired = {name: scoring.compare(gold, answers[name], answers[best], BEST) for name in others}
    adjusted = adjust_by_holm([paired[name]["p_value"] for name in others])
    for name, p_value in zip(others, adjusted, strict=True):
        paired[name]["p_value"] = float(p_value)
    return {
        name: scores | {"abstained": decided[name].abstained, "vs_best": paired.get(name)}
        for name, scores in found.items()
    }


def find_drift(decided: Mapping[str, Decided], chosen: str | None, scoring: Scoring) -> dict[str, Record | None]:
    """How far each candidate's labels are from those of the `chosen` one, which the study's teacher is.

    `changed` are the rows with another label, or none; `agreement` is kappa or F1 (`distil.quality.agreement`) of those
    to which both gave one. None of the chosen one itself, and of all where none is.
    """
    if chosen is None:
        return dict.fromkeys(decided)
    return {
        name: None if name == chosen else _compare_labels(decided[chosen].labels, one.labels, scoring)
        for name, one in decided.items()
    }


def _compare_labels(one: Labels, other: Labels, scoring: Scoring) -> Record:
    pairs = list(zip(one, other, strict=True))
    both = [(first, second) for first, second in pairs if first is not None and second is not None]
    firsts, seconds = ([pair[side] for pair in both] for side in (0, 1))
    return {
        "rows": len(pairs),
        "changed": sum(first != second for first, second in pairs),
        "agreement": measure_agreement(firsts, seconds, scoring.form, scoring.labels),
    }


def find_best(candidates: Mapping[str, Record], score: str) -> str:
    """The candidate with the highest score, of this name; of several the first."""
    return max(candidates, key=lambda name: float(candidates[name][score]))


def list_alike(candidates: Mapping[str, Record]) -> list[str]:
    """The candidates that are not shown to be worse than the best."""
    return [name for name, one in candidates.items() if one["vs_best"] and one["vs_best"]["p_value"] > 1 - CONFIDENCE]


def list_scores(candidates: Mapping[str, Record], score: str) -> pd.DataFrame:
    """What is plotted: candidate, THE score (of this name), low, high, and the published one where there is one.

    Without candidates one row says so: of a table without rows DVC would draw a broken chart.
    """
    rows: list[tuple[Any, ...]] = [
        (name, one[score], one[f"{score}_low"], one[f"{score}_high"], (one["published"] or {}).get(score))
        for name, one in candidates.items()
    ]
    rows = rows or [(NO_CANDIDATES, None, None, None, None)]
    return pd.DataFrame(rows, columns=["candidate", "score", "low", "high", "published"])


def _pick(scores: Record, scoring: Scoring) -> Record:
    told = scoring.form.COMPARED
    bounded = {f"{name}{end}": scores[f"{name}{end}"] for name in told for end in ("", "_low", "_high")}
    return bounded | {"confusion": scores["confusion"]}
