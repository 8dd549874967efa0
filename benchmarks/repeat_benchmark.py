"""Whether the benchmark's main figures come out the same again: its measurements, several times in one go.

    python benchmarks/repeat_benchmark.py models/student models/onnx data/test.parquet

Each repetition measures, as the stage does and with the params of the folder that it is started in: offline throughput
of the transformers pipeline and of the served student in turns, that student's single stream, and random arrivals at
half of its rate. Wanted: int8 at least 8 times as fast as the pipeline; ratios of the repetitions within 15 % of
their median from the least to the most; a mean wait within 25 % of the formula of Pollaczek and Khinchine.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from distil.core.params import load_params  # noqa: E402
from distil.core.runtime import RuntimeParams, count_cores  # noqa: E402
from distil.core.served import read_served  # noqa: E402
from distil.encoders.torch_model import use_threads  # noqa: E402
from distil.speed.machine import describe_machine  # noqa: E402
from distil.speed.params import BenchmarkParams  # noqa: E402
from distil.speed.queueing import summarise_load  # noqa: E402
from distil.speed.rounds import Turn, serve, take_turns, warm_up_all  # noqa: E402
from distil.speed.scenarios import System, measure_offline, measure_single_stream  # noqa: E402
from distil.speed.summary import compare_rounds, select, summarise_throughput  # noqa: E402
from distil.speed.systems import USUAL, load_onnx, load_pipeline, name_gpu, wrap_student  # noqa: E402
from stages.benchmark import draw_texts  # noqa: E402

LEAST_RATIO, MOST_SPREAD, MOST_DIFFERENCE = 8.0, 0.15, 0.25


def measure(
    usual: System, served: System, texts: Sequence[str], calls: Mapping[str, Sequence[str]], params: BenchmarkParams
) -> dict[str, float]:
    """One repetition: rates, their ratio, and the wait measured and predicted; `calls` are the texts sent offline."""
    seconds = params.seconds / params.rounds
    scenarios = [
        [Turn(one.name, partial(measure_offline, one, calls[one.name], seconds)) for one in (usual, served)],
        [Turn(served.name, partial(measure_single_stream, served, texts, seconds))],
    ]
    timings = take_turns(scenarios, params.rounds)
    (arrived,) = serve(served, select(timings, served.name, "single_stream"), texts, params)
    load = summarise_load(arrived, params.server_seconds, params.latency_limit_ms)
    offline = {name: select(timings, name, "offline") for name in (USUAL, served.name)}
    slow, fast = (summarise_throughput(offline[name])["texts_per_s"] for name in (USUAL, served.name))
    ratio = compare_rounds(offline[served.name], offline[USUAL])["median"]
    return {"usual": slow, "served": fast, "ratio": ratio} | {
        key: load[f"{key}_ms"] for key in ("mean_wait", "predicted_wait")
    }


def judge(found: Sequence[dict[str, float]]) -> list[str]:
    """What the repetitions say about what is wanted, a line each."""
    ratios = [one["ratio"] for one in found]
    spread = (max(ratios) - min(ratios)) / statistics.median(ratios)
    difference = max(abs(one["mean_wait"] / one["predicted_wait"] - 1) for one in found)
    return [
        f"ratio {statistics.median(ratios):.2f}, least {min(ratios):.2f} (wanted: {LEAST_RATIO:g} or more)",
        f"spread of the ratio {spread:.1%} (wanted: less than {MOST_SPREAD:.0%})",
        f"mean wait off the formula by {difference:.1%} at most (wanted: within {MOST_DIFFERENCE:.0%})",
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("student", "onnx", "test"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--load", type=float, default=0.5, help="of random arrivals, as a share of the student's rate")
    parser.add_argument("--export", type=Path, default=Path("metrics/export.json"), help="says which file is served")
    arguments = parser.parse_args()
    params = load_params("benchmark", BenchmarkParams).model_copy(update={"server_loads": [arguments.load]})
    runtime = load_params("runtime", RuntimeParams)
    threads = runtime.threads or count_cores()
    use_threads(threads)
    library = draw_texts(arguments.test, params.seed)
    name = read_served(arguments.export)
    classifier: Any = load_onnx(arguments.onnx, name, runtime)[name]
    served = wrap_student(name, classifier)
    usual = load_pipeline(arguments.student, classifier.kind, runtime.device, params.pipeline_batch_size)
    print(json.dumps(describe_machine(threads, classifier.provider, name_gpu(runtime.device, classifier.provider))))
    calls = warm_up_all([usual, served], library, params)
    print(f"| pipeline texts/s | {name} texts/s | ratio | mean wait ms | by the formula |\n|---:|---:|---:|---:|---:|")
    found = []
    for number in range(arguments.repetitions):
        again = params.model_copy(update={"seed": params.seed + number})  # other arrivals each time
        found.append(one := measure(usual, served, library[: params.texts], calls, again))
        rates = f"{one['usual']:,.0f} | {one['served']:,.0f} | {one['ratio']:.2f}"
        print(f"| {rates} | {one['mean_wait']:.3f} | {one['predicted_wait']:.3f} |", flush=True)
    print("\n".join(judge(found)))


if __name__ == "__main__":
    main()
