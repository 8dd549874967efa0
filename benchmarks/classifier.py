"""How fast the inference class labels texts beside the transformers pipeline, and what memory and start-up it takes.

    python benchmarks/classifier.py models/student models/onnx data/texts.parquet
    python benchmarks/classifier.py --roberta data/texts.parquet    # a model of roberta-base's size, random weights

Rates include tokenization. The pipeline runs as its users run it: torch in fp32, batches of 8 in the texts' order.
In each round every system labels all the texts, another one first each time. Take the ratios, which are medians over
the rounds, not the rates. Memory and start-up are those of processes of their own (Linux only).
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from distil.classifiers.onnx_classifier import OnnxClassifier  # noqa: E402
from distil.core.runtime import count_cores  # noqa: E402
from distil.export.onnx_files import FP32, INT8  # noqa: E402
from distil.speed.machine import describe_machine  # noqa: E402

PIPELINE_BATCH = 8
MB = 1e6
Label = Callable[[list[str]], Sequence[str]]
CHILDREN = {
    "transformers pipeline": """
from transformers import pipeline
from distil.encoders.torch_model import use_threads
use_threads(threads)
classify = pipeline("text-classification", student, device="cpu", batch_size=8, trust_remote_code=False)
label = lambda texts: classify(texts, truncation=True)
""",
    "inference class, fp32": """
from distil.classifiers.onnx_classifier import OnnxClassifier
label = OnnxClassifier(Path(onnx), "onnx/model.onnx", threads, "cpu").predict
""",
    "inference class, int8": """
from distil.classifiers.onnx_classifier import OnnxClassifier
label = OnnxClassifier(Path(onnx), "onnx/model_quantized.onnx", threads, "cpu").predict
""",
}
CHILD = """
import json, re, sys, time
from pathlib import Path
student, onnx, threads, texts = json.load(sys.stdin)
start = time.perf_counter()
{body}
label(texts[:1])
ready = time.perf_counter() - start
label(texts)
peak_kb = re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]  # ru_maxrss would hold the parent's
print(json.dumps([ready, 1024 * int(peak_kb)]))
"""


def make_roberta(folder: Path, tokenizer: Path) -> tuple[Path, Path]:
    """Write a student of roberta-base's size with random weights, and its export; returns their folders."""
    import shutil

    import torch
    from transformers import RobertaConfig, RobertaForSequenceClassification

    from distil.encoders.torch_model import TorchClassifier
    from distil.export.onnx_files import EXAMPLES, copy_student, export_fp32, feed_each, quantize_int8

    student, onnx = folder / "student", folder / "onnx"
    torch.manual_seed(0)
    names = {0: "negative", 1: "positive"}
    config = RobertaConfig(
        vocab_size=50265,
        max_position_embeddings=514,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        pad_token_id=0,
        id2label=names,
        label2id={name: number for number, name in names.items()},
    )
    RobertaForSequenceClassification(config).save_pretrained(student)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(tokenizer / name, student / name)
    copy_student(student, onnx)
    export_fp32(student, onnx / FP32, 20)
    quantize_int8(onnx / FP32, onnx / INT8, "portable", feed_each(TorchClassifier(student, "cpu").encode(EXAMPLES)))
    return student, onnx


def load_pipeline(student: Path, threads: int) -> Label:
    """The transformers pipeline."""
    from transformers import pipeline

    from distil.encoders.torch_model import use_threads

    use_threads(threads)
    options: dict[str, Any] = {"device": "cpu", "batch_size": PIPELINE_BATCH}
    classify: Any = pipeline("text-classification", str(student), trust_remote_code=False, **options)
    return lambda texts: [answer["label"] for answer in classify(texts, truncation=True)]


def load_systems(student: Path, onnx: Path, threads: int) -> dict[str, Label]:
    """What is compared, the first with the others."""
    systems: dict[str, Label] = {"transformers pipeline": load_pipeline(student, threads)}
    for name, file in (("fp32", FP32), ("int8", INT8)):
        if not (onnx / file).exists():  # int8 is left out where it falls short
            continue
        systems[f"inference class, {name}"] = OnnxClassifier(onnx, file, threads, "cpu").predict
    return systems


def take_turns(systems: dict[str, Label], texts: list[str], rounds: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Seconds a text by round (rows) and system (columns), and the labels by text and system."""
    names = list(systems)
    for label in systems.values():
        label(texts[:64])
    seconds: list[dict[str, float]] = []
    labels: dict[str, Sequence[str]] = {}
    for number in range(rounds):
        took = {}
        for place in range(len(names)):
            name = names[(number + place) % len(names)]
            start = time.perf_counter()
            labels[name] = systems[name](texts)
            took[name] = (time.perf_counter() - start) / len(texts)
        seconds.append(took)
    return pd.DataFrame(seconds)[names], pd.DataFrame(labels)


def measure_child(name: str, student: Path, onnx: Path, threads: int, texts: list[str]) -> tuple[float, float]:
    """Seconds from an interpreter to the first answer, and the peak memory in MB after all texts."""
    child = subprocess.run(
        [sys.executable, "-c", CHILD.format(body=CHILDREN[name])],
        input=json.dumps([str(student), str(onnx), threads, texts]),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    ready_s, peak_bytes = json.loads(child.stdout.splitlines()[-1])
    return ready_s, peak_bytes / MB


def list_rows(seconds: pd.DataFrame, labels: pd.DataFrame, children: dict[str, tuple[float, float]]) -> Iterator[str]:
    """The table, in Markdown."""
    usual = seconds.columns[0]
    yield "| | texts/s | times the pipeline | (least-most) | same label | ready after s | peak MB |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for name in seconds.columns:
        low, ratio, high = np.percentile(seconds[usual] / seconds[name], [0, 50, 100])
        rate = 1 / statistics.median(seconds[name])
        same = (labels[name] == labels[usual]).mean()
        ready_s, peak_mb = children[name]
        ratios = f"{ratio:.1f} | {low:.1f}-{high:.1f}"
        yield f"| {name} | {rate:,.0f} | {ratios} | {same:.1%} | {ready_s:.2f} | {peak_mb:,.0f} |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path, metavar="[STUDENT ONNX] TEXTS")
    parser.add_argument("--roberta", action="store_true", help="make a model of this size instead of reading one")
    parser.add_argument("--tokenizer", type=Path, default=ROOT / "models" / "student", help="for --roberta: its folder")
    parser.add_argument("--texts", type=int, help="at most, by lot")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=count_cores())
    arguments = parser.parse_args()
    texts = pd.read_parquet(arguments.paths[-1])["text"].sample(frac=1, random_state=0).to_list()[: arguments.texts]
    with tempfile.TemporaryDirectory() as folder:
        student, onnx = make_roberta(Path(folder), arguments.tokenizer) if arguments.roberta else arguments.paths[:2]
        systems = load_systems(student, onnx, arguments.threads)
        children = {name: measure_child(name, student, onnx, arguments.threads, texts[:200]) for name in systems}
        machine = describe_machine(arguments.threads, "CPUExecutionProvider")
        seconds, labels = take_turns(systems, texts, arguments.rounds)
    print(f"{len(texts):,} texts of {np.mean([len(text.split()) for text in texts]):.0f} words, {len(seconds)} rounds")
    print(json.dumps(machine))
    print("\n".join(list_rows(seconds, labels, children)))


if __name__ == "__main__":
    main()
