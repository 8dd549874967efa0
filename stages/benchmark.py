"""Benchmark: measure how fast the student and the baselines label test texts on this machine.

It only measures: one text at a time, all at once, and texts that arrive at random. What follows from the figures is
computed in `cost`, so a changed price never costs minutes of measuring.
"""

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field
from tqdm import tqdm
from transformers import pipeline

from distil.baselines import load_baselines
from distil.classifier import OnnxClassifier
from distil.command import run
from distil.cores import count_cores
from distil.errors import InputError
from distil.machine import describe_machine
from distil.metrics import write_metrics
from distil.params import Number, Params, load_params
from distil.rows import TEST, TIMINGS, read_rows, write_rows
from distil.runtime import RuntimeParams
from distil.speed import (
    System,
    Timing,
    draw_arrivals,
    list_rows,
    measure_offline,
    measure_server,
    measure_single_stream,
    select,
    summarise_latency,
    summarise_throughput,
    warm_up,
)
from distil.torch_model import choose_device, load_classifier, load_tokenizer, use_threads

SERVED = "student_int8"  # the system that answers random arrivals: what one would put into service


class BenchmarkParams(Params):
    """How long and on what to measure."""

    seconds: Number = Field(gt=0)  # for each system and scenario, in all rounds together
    rounds: int = Field(ge=1)
    texts: int = Field(ge=1)  # of the test set, at most
    pipeline_batch_size: int = Field(ge=1)
    server_load: Number = Field(gt=0, lt=1)  # share of the rate at which the system answers one by one
    seed: int = Field(ge=0)


def main(student: Path, onnx: Path, baselines: Path, test: Path, timings: Path, metrics: Path) -> None:
    """Time every system on the test texts; write each measurement to `timings`, their summary to `metrics`."""
    params = load_params("benchmark", BenchmarkParams)
    runtime = load_params("runtime", RuntimeParams)
    texts = _draw_texts(test, params)
    threads = runtime.threads or count_cores()
    use_threads(threads)
    classifiers = {
        name: OnnxClassifier(onnx, file, device=runtime.device, **runtime.threading)
        for name, file in (("student_onnx", "onnx/model.onnx"), (SERVED, "onnx/model_quantized.onnx"))
    }
    systems = [
        System("pipeline", _load_pipeline(student, runtime.device, params), params.pipeline_batch_size),
        *(System(name, model.predict_proba, None) for name, model in classifiers.items()),
        *(System(name, model.predict_proba, None) for name, model in load_baselines(baselines).items()),
    ]
    machine = describe_machine(threads, classifiers[SERVED].provider)
    measured = _take_turns(systems, texts, params)
    served = System(SERVED, classifiers[SERVED].predict_proba, None)
    answered, load = _serve(served, select(measured, SERVED, "single_stream"), texts, params)
    write_rows(timings, TIMINGS, list_rows(measured + answered))
    summary = _summarise(systems, measured)
    write_metrics(
        metrics,
        {
            "machine": machine,
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "texts": len(texts),
            "mean_words": float(np.mean([len(text.split()) for text in texts])),
            "batch_tokens": classifiers[SERVED].batch_tokens,
            "systems": summary,
            "server": {SERVED: load | summarise_latency(answered)},
        },
    )
    rate, usual = (summary[name]["offline"]["texts_per_s"] for name in (SERVED, "pipeline"))
    print(
        f"benchmark: {len(systems)} systems, {len(measured) + len(answered):,} measurements on {len(texts):,} texts; "
        f"{SERVED} {rate:,.0f} texts/s, {rate / usual:.1f} times the transformers pipeline -> {metrics}"
    )


def _draw_texts(test: Path, params: BenchmarkParams) -> list[str]:
    texts = read_rows(test, TEST)["text"].to_numpy()
    if not len(texts):
        raise InputError(f"{test} has no rows, so there is nothing to measure on; see split.test_share in params.yaml")
    return [str(text) for text in np.random.default_rng(params.seed).permutation(texts)[: params.texts]]


def _load_pipeline(student: Path, device: str, params: BenchmarkParams) -> Any:
    """The transformers pipeline, called as its users do: a text by itself, several in batches in their given order."""
    classify = pipeline(
        "text-classification",
        model=load_classifier(student),
        tokenizer=load_tokenizer(student),
        device=choose_device(device),
        batch_size=params.pipeline_batch_size,
    )
    return lambda texts: classify(texts if len(texts) > 1 else texts[0], truncation=True)


def _take_turns(systems: Sequence[System], texts: Sequence[str], params: BenchmarkParams) -> list[Timing]:
    """Measure single stream and offline: in each round every system has its turn, and another one goes first."""
    for system in systems:
        warm_up(system, texts)
    order = [(number, place) for number in range(params.rounds) for place in range(len(systems))]
    seconds = params.seconds / params.rounds
    measured: list[Timing] = []
    bar = tqdm(order, desc="benchmark", unit="turn", mininterval=1.0)
    for number, place in bar:
        system = systems[(number + place) % len(systems)]
        bar.set_postfix_str(system.name, refresh=False)
        measured += measure_single_stream(system, texts, seconds, number)
        measured += measure_offline(system, texts, seconds, number)
    return measured


def _serve(
    system: System, one_by_one: Sequence[Timing], texts: Sequence[str], params: BenchmarkParams
) -> tuple[list[Timing], dict[str, float]]:
    """Measure random arrivals at a share of the rate at which the system answers one by one; returns that rate too."""
    per_s = params.server_load * 1000 / summarise_latency(one_by_one)["mean_ms"]
    arrivals = draw_arrivals(per_s, params.seconds, params.seed)
    measured = list(measure_server(system, texts, arrivals))
    return measured, {"arrivals_per_s": per_s, "load": params.server_load, "requests": len(arrivals)}


def _summarise(systems: Sequence[System], measured: Sequence[Timing]) -> dict[str, Any]:
    return {
        system.name: {
            "single_stream": summarise_latency(select(measured, system.name, "single_stream")),
            "offline": {"batch_size": system.batch_size}
            | summarise_throughput(select(measured, system.name, "offline")),
        }
        for system in systems
    }


if __name__ == "__main__":
    run(main)
