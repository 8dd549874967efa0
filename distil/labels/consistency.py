"""What the labels tell of themselves, without anybody who reads: how far votes agree, and whether shares are likely.

Neither can see an error that the teacher makes in all of its votes and on all labels alike.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
from scipy.stats import binomtest

from distil.core.errors import InputError
from distil.forms.labels import VoteForm

LABEL, NOTHING, ABSTAINED = "label", "nothing", "abstained"  # what the votes on a text came to
CONFIDENCE = 0.95


def measure_by_label(
    annotations: pd.DataFrame,
    decided: pd.DataFrame,
    labels: Sequence[str],
    votes: VoteForm,
    name_labels: Callable[[str], list[str]],
) -> list[dict[str, Any]]:
    """How far the votes agree on the texts that they gave each label, no label, or no answer: a record for each.

    A text with several labels is one of each. `annotations` are rows of `tables.ANNOTATIONS`; `decided` has the
    teacher's label of each text, and its votes' shares, by id. Measures are null where a kind has none.
    """
    pairs = [
        (text_id, *group) for text_id, label in decided["teacher_label"].items() for group in _group(label, name_labels)
    ]
    groups = pd.DataFrame(pairs, columns=["id", "group", "label"])
    given = groups.merge(annotations[["id", "status", "label", "label_logprobs"]], on="id", suffixes=("_given", ""))
    answers = dict(iter(given.groupby(["group", "label_given"], sort=False)))
    texts = {key: rows["id"] for key, rows in groups.groupby(["group", "label"], sort=False)}
    wanted = [*((LABEL, label) for label in labels), (NOTHING, ""), (ABSTAINED, "")]
    return [
        {"group": key[0], "label": key[1] or None, "texts": len(texts[key]), "share": len(texts[key]) / len(decided)}
        | _measure(votes, answers[key], decided.loc[texts[key]], labels)
        for key in wanted
        if key in texts
    ]


def _group(label: Any, name_labels: Callable[[str], list[str]]) -> Iterator[tuple[str, str]]:
    if not isinstance(label, str):
        yield ABSTAINED, ""
        return
    names = dict.fromkeys(name_labels(label))
    yield from ((LABEL, name) for name in names) if names else [(NOTHING, "")]


def _measure(
    votes: VoteForm, answers: pd.DataFrame, decided: pd.DataFrame, labels: Sequence[str]
) -> dict[str, float | None]:
    found = votes.measure_agreement(answers, decided, labels)
    return {name: found[name] for name in ("unanimous", "mean_agreement")}


def check_expected(expected: Mapping[str, float], labels: Sequence[str]) -> None:
    """Raise `InputError` if a share is expected of a label that the task has not."""
    for label in expected:
        if label not in labels:
            raise InputError(
                f"aggregate.label_shares in params.yaml names {label!r}, which is not in task.labels "
                f"({', '.join(labels)})"
            )


def compare_shares(
    by_label: Sequence[Mapping[str, Any]], answered: int, expected: Mapping[str, float]
) -> list[dict[str, Any]]:
    """Set the share of texts that got a label beside the one that is expected, for each label that `expected` names.

    `by_label` is as `measure_by_label` has it, `answered` how many texts the teacher gave an answer. The interval is
    the exact binomial one (Clopper and Pearson 1934), and so is the test, whose p-value is that of one label times
    their number (Bonferroni): so labels need not exclude each other. Nothing without such a text.
    """
    if not answered:
        return []
    counts = {one["label"]: one["texts"] for one in by_label if one["group"] == LABEL}
    return [_compare(label, counts.get(label, 0), answered, share, len(expected)) for label, share in expected.items()]


def _compare(label: str, count: int, answered: int, expected: float, tests: int) -> dict[str, Any]:
    found = binomtest(count, answered, expected)
    low, high = found.proportion_ci(CONFIDENCE)
    return {
        "label": label,
        "texts": count,
        "share": count / answered,
        "low": float(low),
        "high": float(high),
        "expected": expected,
        "p_value": min(1.0, float(found.pvalue) * tests),
    }
