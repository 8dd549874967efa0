"""Benchmark: measure how fast the student and the baselines label test texts on this machine.

It only measures: one text at a time, many in one call with and without tokenization, in batches of several sizes, and
texts that arrive at random. What follows from the figures is computed in `cost`, so a changed price never costs minutes
of measuring.
"""

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd

from distil.core.command import run
from distil.core.errors import InputError
from distil.core.metrics import write_csv, write_metrics
from distil.core.params import load_params
from distil.core.runtime import RuntimeParams, count_cores
from distil.core.served import read_served
from distil.core.tables import TEST, TIMINGS, read_rows, write_rows
from distil.encoders.torch_model import use_threads
from distil.speed.machine import describe_machine
from distil.speed.params import BenchmarkParams
from distil.speed.queueing import summarise_load, summarise_server
from distil.speed.rounds import list_scenarios, serve, take_turns, warm_up_all
from distil.speed.scenarios import System, Timing
from distil.speed.summary import (
    compare_rounds,
    describe_texts,
    list_latencies,
    list_rows,
    select,
    summarise_batches,
    summarise_system,
)
from distil.speed.systems import USUAL, list_systems, load_onnx, name_gpu

RATIO = "served_to_pipeline"


def main(
    student: Annotated[Path, "folder: the student as transformers saves it"],
    onnx: Annotated[Path, "folder: the student as the Hub's tools open it, with ONNX files"],
    export: Annotated[Path, "json of export: which of its files is the one to use"],
    baselines: Annotated[Path, "file: the trained baselines, to be timed"],
    test: Annotated[Path, "table: texts to score on, with people's label where there is one"],
    timings: Annotated[Path, "table: every measurement"],
    metrics: Annotated[Path, "json: the measurements, summed up"],
    throughput: Annotated[Path, "csv: texts a second by batch size"],
    latency: Annotated[Path, "csv: quantiles of one text at a time"],
) -> None:
    """Time every system on the test texts; write each measurement to `timings`, their summary to the other files."""
    params = load_params("benchmark", BenchmarkParams)
    runtime = load_params("runtime", RuntimeParams)
    library = draw_texts(test, params.seed)
    threads = runtime.threads or count_cores()
    use_threads(threads)
    served = read_served(export)
    models = load_onnx(onnx, served, runtime)
    systems = list_systems(student, models, baselines, runtime.device, params.pipeline_batch_size)
    provider = models[served].provider
    machine = describe_machine(threads, provider, name_gpu(runtime.device, provider))
    measured, loads = measure(systems, served, library, params)
    write_rows(timings, TIMINGS, list_rows([*measured, *(timing for load in loads for timing in load)]))
    summary = {
        "machine": machine,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        **describe_texts(library[: params.texts]),
        "served": served,
        "batch_tokens": models[served].batch_tokens,
        **summarise(systems, served, measured, loads, params),
    }
    write_metrics(metrics, pick_headline(summary), summary)
    write_plots(throughput, latency, systems, measured)
    print(f"benchmark: {describe(summary)} -> {metrics}")


def measure(
    systems: Sequence[System], served: str, library: Sequence[str], params: BenchmarkParams
) -> tuple[list[Timing], list[list[Timing]]]:
    """Time every system in turns, then the served one under each load of texts that arrive at random."""
    texts = library[: params.texts]
    calls = warm_up_all(systems, library, params)
    measured = take_turns(list_scenarios(systems, texts, calls, params), params.rounds)
    system = next(system for system in systems if system.name == served)
    return measured, list(serve(system, select(measured, served, "single_stream"), texts, params))


def summarise(
    systems: Sequence[System],
    served: str,
    measured: Sequence[Timing],
    loads: Sequence[list[Timing]],
    params: BenchmarkParams,
) -> dict[str, Any]:
    """The measurements by system, the served one's under load, and its ratio to the pipeline."""
    limit_ms = params.latency_limit_ms
    server = summarise_server([summarise_load(load, params.server_seconds, limit_ms) for load in loads], limit_ms)
    ratio = compare_rounds(select(measured, served, "offline"), select(measured, USUAL, "offline"))
    return {
        "systems": {system.name: summarise_system(system, measured) for system in systems},
        "server": {served: server},
        "ratios": {RATIO: ratio},
    }


def pick_headline(summary: dict[str, Any]) -> dict[str, float]:
    """What one compares between branches: the served student's speed, and how many times the pipeline's it is."""
    served = summary["systems"][summary["served"]]
    return {
        "texts_per_s": served["offline"]["texts_per_s"],
        "p50_ms": served["single_stream"]["p50_ms"],
        "times_pipeline": summary["ratios"][RATIO]["median"],
    }


def draw_texts(test: Path, seed: int) -> list[str]:
    """All test texts in an order by lot, so that the first of them are of the lengths that there are."""
    texts = read_rows(test, TEST)["text"].to_numpy()
    if not len(texts):
        raise InputError(f"{test} has no rows, so there is nothing to measure on; see split.test_share in params.yaml")
    return [str(text) for text in np.random.default_rng(seed).permutation(texts)]


def write_plots(throughput: Path, latency: Path, systems: Sequence[System], measured: Sequence[Timing]) -> None:
    """Write the curves that `dvc plots show` draws."""
    rates = [
        (system.name, size, rate)
        for system in systems
        for size, rate in summarise_batches(select(measured, system.name, "batches")).items()
    ]
    latencies = [
        (system.name, share, ms)
        for system in systems
        for share, ms in list_latencies(select(measured, system.name, "single_stream"))
    ]
    write_csv(throughput, pd.DataFrame(rates, columns=["system", "batch_size", "texts_per_s"]))
    write_csv(latency, pd.DataFrame(latencies, columns=["system", "share", "ms"]))


def describe(summary: dict[str, Any]) -> str:
    """The outcome in one line."""
    name, ratio = summary["served"], summary["ratios"][RATIO]
    offline, server = summary["systems"][name]["offline"], summary["server"][name]
    highest = server["highest_arrivals_per_s"]
    extent = "up to" if server["limit_reached"] else "at least up to"
    served = "at no load" if highest is None else f"{extent} {highest:,.0f} arrivals/s"
    return (
        f"{name} {offline['texts_per_s']:,.0f} texts/s in calls of {offline['texts_per_call']:,}, "
        f"{ratio['median']:.1f} times the transformers {USUAL}; p99 within {server['latency_limit_ms']:g} ms {served}"
    )


if __name__ == "__main__":
    run(main)
