"""The metric files of a toy run as dictionaries, in the shapes that the stages before report write."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from distil.quality.comparison import name_against_teacher
from distil.quality.shortfalls import WORSE_THAN_BASELINE, WORSE_THAN_TEACHER

SCORES = {
    "teacher": 0.837,
    "student": 0.811,
    "student_onnx": 0.811,
    "student_int8": 0.8088,
    "majority": 0.575,
    "tfidf": 0.742,
    "embeddings": 0.783,
    "few_shot": 0.705,
}
RATES = {
    "pipeline": 92.4,
    "student_torch": 164.0,
    "student_torch_bf16": 301.0,
    "student_onnx": 371.0,
    "student_int8": 1287.0,
    "tfidf": 21_400.0,
    "embeddings": 164.0,
}
BATCHED = ("pipeline", "student_torch", "student_torch_bf16", "student_onnx", "student_int8")
PERCENTILES = {"mean": 1.05, "p50": 1.0, "p90": 1.3, "p95": 1.5, "p99": 2.1}
TEACHER_RATE = 9.92
USD_PER_HOUR = 0.10264


def describe_quality(
    gold: bool, labels: Sequence[str], rows: int, calibrated: bool, short: bool = False
) -> dict[str, Any]:
    """metrics/quality.json; without gold all figures are agreement, by their names too.

    `short`: the student falls short of a baseline and, by people's labels, of its teacher.
    """
    systems = {name: _score(name, value, labels) for name, value in SCORES.items()}
    for name, scores in systems.items():
        scores["calibration"] = _calibration(name, rows) if calibrated else None
    if not gold:  # few_shot learns from people's labels
        scored = systems.keys() - {"teacher", "few_shot"}
        systems = {name: _as_agreement(scores) for name, scores in systems.items() if name in scored}
    return {
        "reference": "gold" if gold else "teacher",
        "served": "student_int8",
        "rows": rows,
        "rows_without_reference": 0,
        "teacher_abstained": 2,
        "confidence": 0.95,
        "systems": systems,
        "by_agreement": _bins(((0.5, 0.62), (0.62, 0.74), (0.74, 0.88), (0.88, 1.0), (None, None)), systems, rows),
        "by_words": _bins(((2, 9), (10, 14), (15, 21), (22, 61)), systems, rows),
        "warnings": (SHORTFALLS if gold else SHORTFALLS[:1]) if short else [],
        "notes": [] if rows >= 30 else [f"only {rows} test rows: the intervals are wide"],
    }


def describe_ladder() -> dict[str, Any]:
    """The ladder and the recipe in metrics/train.json, as of a task of many labels."""
    rungs = {
        "majority": _rung(0.021, 0.1, exportable=False),
        "tfidf": _rung(0.756, 1.3, exportable=False),
        "frozen": _rung(0.874, 14.2, exportable=True),
        "fine_tuned": _rung(0.861, 88.0, exportable=True),
    }
    curve = [
        {"share": share, "rows": int(2149 * share)} | _agreement(agreement)
        for share, agreement in ((0.125, 0.642), (0.25, 0.745), (0.5, 0.826), (1.0, 0.874))
    ]
    why = "Frozen and fine-tuned are alike on held-out labels, and frozen is cheaper."
    ladder = {"chosen": "frozen", "why": why, "rungs": rungs, "learning_curve": curve}
    recipe = {
        "learning_rate": {"value": 1e-4, "by": "params", "why": "params.yaml names it"},
        "head_learning_rate": {"value": 0.01, "by": "auto", "why": "the head starts from nothing"},
        "head_learns": {"value": "labels", "by": "auto", "why": None},
    }
    return {"ladder": ladder, "recipe": recipe}


def describe_candidates() -> dict[str, Any]:
    """metrics/compare.json, of three candidates: the study's teacher, another prompt, and a recording."""
    asked = {"prompt": "prompts/reviews.md", "votes": 1, "server": "endpoint", "answers": 500, "texts": 500}
    asked |= {"abstained": {}, "price_source": "genai-prices 0.2.3", "price_date": "2026-11-10", "published": None}
    asked |= {"input_tokens": 90_000, "output_tokens": 1_000, "told": {"input_tokens": 500, "output_tokens": 500}}
    asked |= {"kg_co2_per_million": {"low": 3.1, "mid": 9.4, "high": 21.0}, "usd_per_million": 182.1}
    unpriced = dict.fromkeys(("input_tokens", "output_tokens", "usd_per_million", "kg_co2_per_million"))
    unpriced |= {"price_source": None, "price_date": None}
    printed = {"accuracy": 0.94, "difference": "with ties drawn by lot"}
    recorded = {"server": "recorded", "votes": 3, "abstained": {"tie": 4}, "published": printed}
    return {
        "rows": "dev",
        "texts": 500,
        "test_rows": 0,
        "confidence": 0.95,
        "score": "accuracy",
        "best": "then",
        "chosen": "as it is",
        "notes": ["Compared on 500 rows outside the test set, which people labelled."],
        "candidates": {
            "as it is": asked | {"teacher": "owner/model", "drift": None} | _candidate(0.84),
            "another prompt": asked
            | {"teacher": "owner/model", "prompt": "prompts/other.md", "drift": _drift(61, 0.744)}
            | _candidate(0.81),
            "then": asked | unpriced | recorded | {"teacher": "gpt-4", "drift": _drift(70, None)} | _candidate(0.93),
        },
    }


def _drift(changed: int, agreement: float | None) -> dict[str, Any]:
    return {"rows": 500, "changed": changed, "agreement": agreement}


def list_groups(labels: Sequence[str]) -> list[dict[str, Any]]:
    """How far votes agree by label, in metrics/aggregate.json."""
    groups: list[dict[str, Any]] = [
        {"group": "label", "label": name, "texts": 900 + 100 * number, "share": 0.3, "unanimous": 0.95 - number / 100}
        for number, name in enumerate(labels)
    ]
    abstained: dict[str, Any] = {"group": "abstained", "label": None, "texts": 5, "share": 0.0017, "unanimous": 0.0}
    return [group | {"mean_agreement": 0.9} for group in (*groups, abstained)]


def _candidate(accuracy: float) -> dict[str, Any]:
    scores: dict[str, Any] = {
        f"{name}{end}": accuracy + change
        for name in ("accuracy", "macro_f1")
        for end, change in (("", 0.0), ("_low", -0.03), ("_high", 0.025))
    }
    return scores | {"vs_best": None if accuracy == 0.93 else {"difference": accuracy - 0.93, "p_value": 0.0012}}


def describe_speed() -> dict[str, Any]:
    """metrics/speed.json."""
    return {
        "machine": _machine(),
        "date": "2026-11-22",
        "texts": 500,
        "mean_words": 16.4,
        "words": {"p10": 6.0, "p50": 15.0, "p90": 29.0, "max": 61},
        "served": "student_int8",
        "batch_tokens": 256,
        "systems": {name: _timed(name, rate) for name, rate in RATES.items()},
        "server": {"student_int8": _served()},
        "ratios": {"served_to_pipeline": {"median": 13.9, "min": 13.1, "max": 14.8}},
    }


def describe_cost(priced: bool, endpoint: bool, compared: bool) -> dict[str, Any]:
    """metrics/cost.json; an endpoint's teacher is priced by tokens, one without a price not at all."""
    systems = {name: _price(rate) for name, rate in RATES.items()}
    systems = {"teacher": _price(TEACHER_RATE), "student": systems.pop("pipeline"), **systems}
    if endpoint:
        co2 = {"low": 21.0, "mid": 63.0, "high": 190.0}
        systems["teacher"] = {"texts_per_s": None, "usd_per_million": 187.0, "kg_co2_per_million": co2}
        systems["teacher"]["co2_method"] = "EcoLogits 0.9, from the tokens written alone"
    if not priced:
        unknown = ("texts_per_s", "usd_per_million", "kg_co2_per_million", "co2_method")
        systems["teacher"] = dict.fromkeys(unknown)
    annotation = 0.0086 if priced else None
    return {
        "hardware": "AWS c7a.large (2 vCPU, AMD EPYC 4th generation, us-east-1, on demand)",
        "usd_per_hour": USD_PER_HOUR,
        "served": "student_int8",
        "systems": systems,
        "one_off": {"annotation_usd": annotation, "training_usd": 0.0017, "total_usd": 0.0103 if priced else None},
        "break_even_texts": 3611 if priced else None,
        "compared_models": _compared_models() if compared else [],
        "hardware_table": _hardware_table(),
        "published": PUBLISHED,
        "assumptions": ASSUMPTIONS,
        "notes": []
        if priced
        else ["the teacher's price is unknown: give cost.teacher_usd_per_million_tokens {input, output}"],
    }


def list_bins(gold: bool, labels: Sequence[str], rows: int) -> list[dict[str, Any]]:
    """metrics/calibration.csv, whose third column is named by what the labels are compared with."""
    score = "accuracy" if gold else "agreement"
    rng = np.random.default_rng(1)
    middles = [(number + 0.5) / 15 for number in range(15) if (number + 1) / 15 > 1 / len(labels)]
    return [
        {"system": name, "confidence": middle, score: float(np.clip(middle - rng.uniform(0, 0.14), 0, 1))}
        | {"rows": max(1, rows * number // 60)}
        for name in SCORES
        if gold or name not in ("teacher", "few_shot")
        for number, middle in enumerate(middles)
    ]


def list_coverage() -> list[dict[str, Any]]:
    """metrics/coverage.csv."""
    kept = np.arange(1, 51) / 50
    right = {name: SCORES[name] + (0.99 - SCORES[name]) * (1 - kept) for name in ("student_onnx", "student_int8")}
    return [
        {"system": name, "kept": share, "right": value, "low": value - 0.03 / share**0.5, "high": value + 0.01}
        for name, values in right.items()
        for share, value in zip(kept, values, strict=True)
    ]


def add_cascade(quality: dict[str, Any], cost: dict[str, Any], annotate: dict[str, Any], gold: bool) -> None:
    """Have a cascade evaluated and priced, and the teacher's answers timed: from 0.25 to 1.24 s."""
    annotate["run"]["text_seconds"] = {f"p{percent}": 0.25 + percent / 100 for percent in (*range(5, 100, 5), 99)}
    quality["systems"]["cascade"] = quality["systems"]["student_int8"]
    shares = {
        name: {"share": share, "low": share - 0.02, "high": share + 0.02, "rows": 612}
        for name, share in {"student_int8": 0.809, "cascade": 0.842, "teacher": 0.837}.items()
    }
    quality["cascade"] = {
        "target": {"accuracy": 0.8} if gold else {"agreement": 0.97},
        "risk": 0.05,
        "calibration_rows": 412,
        "threshold": 0.8234,
        "kept": {"share": 0.713, "low": 0.69, "high": 0.73, "rows": 612},
        "right": shares if gold else {name: shares[name] for name in ("student_int8", "cascade")},
        "reached": shares["cascade"],
    }
    cost["systems"]["cascade"] = _price(31.0)


def list_quantiles() -> list[dict[str, Any]]:
    """metrics/latency.csv."""
    rng = np.random.default_rng(2)
    drawn = {name: 800 / rate * np.sort(rng.lognormal(0, 0.25, 400)) for name, rate in RATES.items()}
    return [
        {"system": name, "share": share / 100, "ms": float(np.quantile(times, share / 100))}
        for name, times in drawn.items()
        for share in range(1, 100)
    ]


def list_spent(cost: dict[str, Any]) -> list[dict[str, Any]]:
    """metrics/break_even.csv; a curve that is unknown is left out."""
    once = {"teacher": 0.0, "student_int8": cost["one_off"]["total_usd"]}
    per_million = {name: cost["systems"][name]["usd_per_million"] for name in once}
    return [
        {"texts": texts, "system": name, "usd": once[name] + texts / 1e6 * per_million[name]}
        for name in once
        if once[name] is not None and per_million[name] is not None
        for texts in (round(10 ** (step / 4)) for step in range(8, 33))
    ]


def _score(name: str, value: float, labels: Sequence[str]) -> dict[str, Any]:
    scores: dict[str, Any] = {}
    for key in ("accuracy", "balanced_accuracy", "precision", "recall", "macro_f1", "micro_f1"):
        shown = value - 0.004 if key == "macro_f1" else value
        scores |= {key: shown, f"{key}_low": shown - 0.031, f"{key}_high": shown + 0.029}
    scores["per_class"] = {
        label: {"precision": value, "recall": value, "f1": value, "support": 300} for label in labels
    }
    scores["confusion"] = [[300] * (len(labels) + 1)] * len(labels)
    scores["agreement_with_teacher"] = 1.0 if name == "teacher" else 0.91
    if name != "teacher":
        difference = value - SCORES["teacher"]
        scores["vs_teacher"] = {"only_this_right": 41, "only_teacher_right": 58, "p_value": 0.1085}
        scores["vs_teacher"] |= {"difference": difference}
        scores["vs_teacher"] |= {"difference_low": difference - 0.03, "difference_high": difference + 0.03}
        scores["with_teacher"] = {"both_wrong": 59, "expected_both_wrong": 19.1, "same_wrong_label": 44}
    return scores


def _as_agreement(scores: dict[str, Any]) -> dict[str, Any]:
    of_people = ("agreement_with_teacher", "vs_teacher", "with_teacher")
    return {name_against_teacher(key): value for key, value in scores.items() if key not in of_people}


def _calibration(name: str, rows: int) -> dict[str, Any]:
    ece = 0.0713 if name.startswith("student") else 0.118
    brier = 2 * ece + 0.1
    found = {"ece": ece, "ece_low": ece - 0.02, "ece_high": ece + 0.025}
    return found | {"brier": brier, "brier_low": brier - 0.03, "brier_high": brier + 0.03, "rows": rows}


def _bins(
    bounds: Sequence[tuple[float | None, float | None]], systems: dict[str, Any], rows: int
) -> list[dict[str, Any]]:
    return [
        {"from": low, "to": high, "rows": rows // 5}
        | {"systems": {name: min(1.0, SCORES[name] - 0.12 + 0.06 * number) for name in systems}}
        | {"bounds": {name: [SCORES[name] - 0.2 + 0.06 * number, 1.0] for name in systems}}
        for number, (low, high) in enumerate(bounds)
    ]


def _rung(agreement: float, seconds: float, exportable: bool) -> dict[str, Any]:
    judged = {"rows": 661, "seconds": seconds, "exportable": exportable}
    return _agreement(agreement) | judged


def _agreement(share: float) -> dict[str, float]:
    return {"agreement": share, "agreement_low": share - 0.014, "agreement_high": share + 0.013}


def _machine() -> dict[str, Any]:
    return {
        "cpu": "AMD EPYC",
        "cores": 2,
        "threads": 2,
        "cpu_quota": None,
        "gpu": None,
        "virtual": True,
        "memory_gb": 25.2,
        "flags": ["avx2", "avx512f", "avx512_vnni", "avx512_bf16"],
        "os": "Linux x86_64",
        "python": "3.11.7",
        "versions": {"onnxruntime": "1.23.0", "torch": "2.13.0", "transformers": "5.2.0"},
        "provider": "CPUExecutionProvider",
        "load_average": 0.31,
        "busy_share": 0.02,
    }


def _timed(name: str, rate: float) -> dict[str, Any]:
    single = {f"{key}_ms": factor * 800 / rate for key, factor in PERCENTILES.items()}
    measured: dict[str, Any] = {"single_stream": single | {"repetitions": 5}, "offline": _offline(rate)}
    measured["offline"]["batch_size"] = 8 if name == "pipeline" else None
    if name in BATCHED:
        measured["batches"] = {str(size): rate * share for size, share in ((1, 0.4), (8, 0.8), (32, 0.95), (128, 0.9))}
    if name in BATCHED and name != "pipeline":
        measured["offline_encoded"] = _offline(1.1 * rate)
    return measured


def _offline(rate: float) -> dict[str, Any]:
    bounds = {"texts_per_s": rate, "texts_per_s_min": 0.9 * rate, "texts_per_s_max": 1.05 * rate}
    return {"batch_size": None, "texts_per_call": 2000, "repetitions": 12} | bounds


def _served() -> dict[str, Any]:
    loads = []
    for load, p99, wait in ((0.3, 6.1, 0.9), (0.5, 11.4, 2.1), (0.7, 22.8, 4.9), (0.85, 61.0, 12.2)):
        arrivals = {"load": load, "arrivals_per_s": 620 * load, "requests": int(3720 * load)}
        times = {"mean_ms": 1.6 + wait, "p50_ms": p99 / 4, "p90_ms": p99 / 2, "p95_ms": p99 / 1.4, "p99_ms": p99}
        waits = {"mean_wait_ms": wait, "predicted_wait_ms": 1.06 * wait, "within_limit": p99 <= 50}
        loads.append(arrivals | times | waits)
    return {"latency_limit_ms": 50, "highest_arrivals_per_s": 434.0, "limit_reached": True, "loads": loads}


def _price(texts_per_s: float) -> dict[str, Any]:
    hours = 1e6 / texts_per_s / 3600
    co2 = {"low": hours * 4.6e-3 * 0.034, "mid": hours * 9.1e-3 * 0.55, "high": hours * 20e-3 * 0.81}
    priced = {"texts_per_s": texts_per_s, "usd_per_million": hours * USD_PER_HOUR, "kg_co2_per_million": co2}
    return priced | {"co2_method": "power x time x PUE x grid factor"}


def _compared_models() -> list[dict[str, Any]]:
    prices = {"gpt-4o": (2.5, 10.0), "gpt-4o-mini": (0.15, 0.6), "an-owner/a-model-without-a-price": None}
    return [
        {
            "model": name,
            "usd_per_million": None if given is None else 182.1 * given[0] + given[1],
            "input_tokens_per_text": 182.1,
            "output_tokens_per_text": 1.0,
            "prices": None if given is None else {"input": given[0], "output": given[1]},
            "price_source": None if given is None else "genai-prices 0.2.3",
            "price_date": None if given is None else "2026-10-01",
            "kg_co2_per_million": None if given is None else {"low": 3.1, "mid": 9.4, "high": 21.0},
            "co2_source": None if given is None else "EcoLogits 0.9, from the tokens written",
        }
        for name, given in prices.items()
    ]


def _hardware_table() -> list[dict[str, Any]]:
    rows = (
        ("AWS c7a.large (2 vCPU)", USD_PER_HOUR, 1287.0, "measured", "the int8 student, measured here"),
        ("Nvidia T4 (AWS g4dn.xlarge)", 0.526, 61.49, "published", "the 2024 study, RoBERTa-base"),
        ("Nvidia L4 (GCP g2-standard-4)", 0.71, None, None, None),
    )
    return [
        {
            "name": name,
            "usd_per_hour": usd,
            "price_source": "the vendor's price list",
            "price_date": "2026-01-19",
            "texts_per_s": rate,
            "throughput": throughput,
            "throughput_source": source,
            "model": {"measured": "student_int8", "published": "RoBERTa-base"}.get(throughput or ""),
            "usd_per_million": None if rate is None else 1e6 / rate / 3600 * usd,
        }
        for name, usd, rate, throughput, source in rows
    ]


SHORTFALLS: list[dict[str, Any]] = [
    {
        "kind": WORSE_THAN_BASELINE,
        "finding": "The student is right on 58.1% of 612 test texts, logistic regression over words on 75.6%.",
        "systems": [{"system": "tfidf", "difference": -0.175, "difference_low": -0.21, "difference_high": -0.13}],
    },
    {
        "kind": WORSE_THAN_TEACHER,
        "finding": "The student is right on 58.1% of 612 test texts, its teacher on 94.2%.",
        "systems": [{"system": "teacher", "difference": -0.361, "difference_low": -0.4, "difference_high": -0.31}],
        "margin": 0.05,
    },
]
PUBLISHED = [
    {"system": system, "measure": measure, "low": low, "high": high, "how": how, "beside": beside, "here": here}
    | {"source": "Laurer 2024, huggingface.co/blog/synthetic-data-save-costs", "date": "2024-02-16"}
    for system, measure, low, high, beside, here, how in (
        ("Mixtral-8x7B, simple prompt", "accuracy", 0.916, 0.916, None, None, "measured on its own test sentences"),
        ("RoBERTa-base", "accuracy", 0.94, 0.94, "student", None, "measured on the test sentences of Mixtral"),
        ("RoBERTa-base", "usd_per_million", 2.7, 2.7, "student", 0.022, "measured: 61.49 texts a second on a T4"),
        ("GPT-4", "usd_per_million", 3061, 3061, "gpt-4-turbo", 1851.26, "computed: 297.16 input and 3 output tokens"),
        ("GPT-4", "latency_s", None, None, None, None, "told in words, not measured: often multiple seconds"),
        ("GPT-4", "kg_co2_per_million", 735, 1100, None, None, "computed, by the study's own words very rough"),
    )
]
ASSUMPTIONS = {
    "usd_per_hour": USD_PER_HOUR,
    "price_source": "AWS price list",
    "price_date": "2026-01-19",
    "watts": {"low": 4.6, "mid": 9.1, "high": 20.0},
    "watts_source": "Cloud Carbon Footprint",
    "utilisation": 1.0,
    "pue": 1.14,
    "pue_source": "AWS, 2025",
    "grid_kg_per_kwh": {"low": 0.03, "mid": 0.481, "high": 0.713},
    "grid_source": "Ember, data of 2023",
    "teacher_usd_per_million_tokens": None,
    "teacher_kwh_per_million_texts": None,
    "compared_tokens": "counted by the tokenizer of the teacher, which ran here",
}
