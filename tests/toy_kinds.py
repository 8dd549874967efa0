"""What a toy run of another kind of task than one label a text has of its own: scores, baselines, labels of texts."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from toy_metrics import describe_ladder, describe_quality

from distil.core.params import Kind
from distil.kinds.multi_label.labelling.canonical.label import order_names, soften
from distil.kinds.token_classification.labelling.canonical.label import soften as soften_spans
from distil.kinds.token_classification.labelling.canonical.label import write_label

BASELINES = {
    "multi_label": {"majority": "most_frequent_set"},
    "token_classification": {"majority": "gazetteer", "tfidf": "crf"},
}
SECOND = {
    "multi_label": ("macro_f1", "exact_match", "jaccard", "mean_average_precision"),
    "token_classification": ("macro_f1", "partial_f1", "type_f1", "exact_match"),
}
ENDS = ("", "_low", "_high")


def rename(system: str, kind: Kind) -> str:
    """What stands in the place of a system of one label a text."""
    return BASELINES.get(kind, {}).get(system, system)


def rename_systems(metrics: dict[str, Any], kind: Kind) -> dict[str, Any]:
    """Metrics with the names that systems have in this kind."""
    return metrics | {"systems": {rename(name, kind): found for name, found in metrics["systems"].items()}}


def describe_ladder_of(kind: Kind) -> dict[str, Any]:
    """The ladder and the recipe in metrics/train.json of a toy run of this kind."""
    told = describe_ladder()
    if kind != "classification":
        ladder = told["ladder"]
        ladder["rungs"] = {rename(name, kind): rung for name, rung in ladder["rungs"].items()}
        ladder["measure"] = "micro F1" if kind == "multi_label" else "exact F1"
    return told


def describe_quality_of(
    kind: Kind, gold: bool, labels: Sequence[str], rows: int, calibrated: bool, short: bool
) -> dict[str, Any]:
    """metrics/quality.json of a toy run of this kind."""
    quality = describe_quality(gold, labels, rows, calibrated, short)
    if kind == "classification":
        return quality
    systems = quality["systems"]
    quality["systems"] = {rename(name, kind): _score(found, kind, gold, labels) for name, found in systems.items()}
    for name in ("by_agreement", "by_words"):
        for each in quality[name]:
            for shares in (each["systems"], each["bounds"]):
                shares |= {rename(system, kind): shares.pop(system) for system in list(shares)}
    quality["systems"].pop("few_shot", None)
    return quality | {"score": "micro_f1", "headline": ["micro_f1", *SECOND[kind][:2]]}


def _score(found: dict[str, Any], kind: Kind, gold: bool, labels: Sequence[str]) -> dict[str, Any]:
    after = "" if gold else "_with_teacher"
    first = found["accuracy" if gold else "agreement"]
    scores: dict[str, Any] = {}
    for number, name in enumerate(("micro_f1", "micro_precision", "micro_recall", *SECOND[kind])):
        shown = first - 0.02 * number
        scores |= {f"{name}{after}{end}": shown + change for end, change in zip(ENDS, (0, -0.03, 0.03), strict=True)}
    scores[f"per_class{after}"] = {
        label: {"precision": first, "recall": first / (1 + number / 9), "f1": first / (1 + number / 19)}
        | {"support": 12 * (number + 1)}
        for number, label in enumerate(labels)
    }
    scores[f"confusion{after}"] = None
    scores[f"calibration{after}"] = found[f"calibration{after}"]
    if "vs_teacher" in found:
        told = ("difference", "difference_low", "difference_high", "p_value")
        scores["vs_teacher"] = {key: found["vs_teacher"][key] for key in told}
    return scores | {"agreement_with_teacher": 0.7}


def draw_labels(kind: Kind, texts: Sequence[str], labels: Sequence[str], rng: np.random.Generator) -> NDArray[Any]:
    """A label of each text, at random: one, some, or spans of its words."""
    if kind == "classification":
        return rng.choice(labels, len(texts))
    if kind == "multi_label":
        return np.array([order_names([label for label in labels if rng.random() < 0.4], labels) for _ in texts])
    return np.array([_draw_spans(text, labels, rng) for text in texts])


def _draw_spans(text: str, labels: Sequence[str], rng: np.random.Generator) -> str:
    words = [word.span() for word in re.finditer(r"\S+", text[:900])]
    return write_label((*word, str(rng.choice(labels))) for word in words if rng.random() < 0.12)


def draw_soft(kind: Kind, label: str, labels: Sequence[str], rng: np.random.Generator) -> list[float]:
    """Probabilities of a label, as `soft` has them."""
    if kind == "classification":
        shares: list[float] = rng.dirichlet([1.0] * len(labels)).tolist()
        return shares
    if kind == "multi_label":
        return [float(share) for share in np.clip(soften(label, labels), 0.1, 0.8)]
    soft = soften_spans(label, labels)
    soft[3::4] = rng.random(len(soft) // 4)
    return [float(number) for number in soft]
