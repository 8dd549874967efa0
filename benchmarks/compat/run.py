"""Whether the exported folder, unchanged, gives distil's own labels in tools that are not part of the project.

    python benchmarks/compat/run.py models/onnx data/test.parquet              # all tools; the same as make compat
    python benchmarks/compat/run.py models/onnx data/test.parquet --tools transformers,transformers.js --texts 500

The first run installs what is missing, some 2 GB in the user's cache folder. transformers.js needs Node and npm; with
`--skip-missing` it is no failure that they are not there.

Every tool gets one text at a time, truncation on, and so does distil: int8 scales activations by the largest of a
batch, so that a text gets slightly other figures in other company. The last row shows how much that is. Compared are
the first texts of the table, and probes on which tokenizers tend to differ: they are reported, but decide nothing. Of
a text with too many tokens, transformers.js cuts off the closing special token too, so it may differ from all others.

Prints a Markdown table; exits with 1 if a tool fails, gives too few texts distil's label, or changes the folder.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from environments import (
    MissingError,
    ToolError,
    run_tool,
    start_optimum,
    start_transformers,
    start_transformers_4,
    start_transformers_js,
)
from numpy.typing import NDArray
from probes import PROBES

from distil.assets.packages import file_sha256
from distil.classifiers.onnx_classifier import OnnxClassifier
from distil.core.errors import DistilError
from distil.core.tables import TEST, read_rows

WEIGHTS, FP32, INT8 = "model.safetensors", "onnx/model.onnx", "onnx/model_quantized.onnx"
LEAST_SAME = {WEIGHTS: 1.0, FP32: 1.0, INT8: 0.985}  # share of the texts that have to get distil's label
TOOLS: dict[str, tuple[Callable[[], list[str]], list[str]]] = {
    "transformers": (start_transformers, [WEIGHTS]),
    "transformers-4": (start_transformers_4, [WEIGHTS]),
    "optimum": (start_optimum, [FP32, INT8]),
    "transformers.js": (start_transformers_js, [FP32, INT8]),
}
HEAD = """\
| tool | file | texts with distil's label | largest difference | probes with distil's label | largest difference |
|---|---|---|---|---|---|"""
Floats = NDArray[np.float32]


def check_folder(folder: Path, texts: Sequence[str], tools: Sequence[str], skip_missing: bool) -> list[str]:
    """Run the tools on a folder, print the table and return what is wrong, a line each."""
    before = hash_folder(folder)
    asked = [*texts, *PROBES.values()]
    there = (FP32, INT8) if (folder / INT8).exists() else (FP32,)  # export leaves int8 out where it falls short
    models = {file: OnnxClassifier(folder, file, device="cpu") for file in there}
    ours = {file: classify_singly(model, asked) for file, model in models.items()}
    ours[WEIGHTS] = ours[FP32]
    print(HEAD)
    problems = []
    for name in tools:
        start, files = TOOLS[name]
        for file in (file for file in files if file in ours):
            try:
                version, theirs = ask_tool(start(), folder, file, asked, models[FP32].labels)
            except MissingError as error:
                print(f"| {name} | {file} | not run: {error} | | | |")
                problems += [] if skip_missing else [f"{name} was not run: {error}"]
            except ToolError as error:
                print(f"| {name} | {file} | failed | | | |")
                problems.append(f"{name} fails on {file}: {error}")
            else:
                print(format_row(version, file, theirs, ours[file]), flush=True)
                problems += find_shortfall(name, file, theirs[: len(texts)], ours[file][: len(texts)])
    if INT8 in models:
        batched = np.concatenate([models[INT8].predict_proba(part) for part in (texts, list(PROBES.values()))])
        print(format_row("distil, in batches", INT8, batched, ours[INT8]))
    return problems + ([] if hash_folder(folder) == before else [f"{folder} is not what it was before"])


def classify_singly(classifier: OnnxClassifier, texts: Sequence[str]) -> Floats:
    """The probabilities, of shape (texts, labels), of texts in batches of one."""
    return np.concatenate([classifier.predict_proba([text]) for text in texts])


def ask_tool(
    command: Sequence[str], folder: Path, file: str, texts: Sequence[str], labels: Sequence[str]
) -> tuple[str, Floats]:
    """A tool's version and its probabilities, of shape (texts, labels); raises `ToolError` if it has other labels."""
    result = json.loads(run_tool([*command, str(folder), file], json.dumps(texts)))
    found = {label for answer in result["answers"] for label in answer}
    if found != set(labels):
        raise ToolError(f"its labels are {', '.join(sorted(found))} instead of {', '.join(sorted(labels))}")
    rows = [[answer[label] for label in labels] for answer in result["answers"]]
    return result["version"], np.array(rows, dtype=np.float32)


def format_row(name: str, file: str, theirs: Floats, ours: Floats) -> str:
    """A row of the table; the probes are the last texts."""
    same, differences = find_same(theirs, ours), np.abs(theirs - ours).max(axis=1)
    texts, probes = slice(-len(PROBES)), slice(-len(PROBES), None)
    worst = list(PROBES)[differences[probes].argmax()]
    cells = [name, file, count_same(same[texts]), f"{differences[texts].max():.1g}"]
    cells += [count_same(same[probes]), f"{differences[probes].max():.1g}"]
    cells[-1] += f" ({worst})" if differences[probes].any() else ""
    return f"| {' | '.join(cells)} |"


def find_same(theirs: Floats, ours: Floats) -> NDArray[np.bool_]:
    """For each row, whether the same label is the most probable one."""
    same: NDArray[np.bool_] = theirs.argmax(axis=1) == ours.argmax(axis=1)
    return same


def count_same(same: NDArray[np.bool_]) -> str:
    """As the table has it."""
    return f"{same.sum()} of {len(same)}"


def find_shortfall(name: str, file: str, theirs: Floats, ours: Floats) -> list[str]:
    """A line that says so if too few texts get distil's label."""
    same = find_same(theirs, ours)
    if same.mean() >= LEAST_SAME[file]:
        return []
    return [f"{name} gives distil's label to {count_same(same)} texts with {file}; the least is {LEAST_SAME[file]:.1%}"]


def hash_folder(folder: Path) -> dict[Path, str]:
    """The sha256 of each file in a folder."""
    return {path: file_sha256(path) for path in folder.rglob("*") if path.is_file()}


def main() -> None:
    """Read the arguments, check the folder and say what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="what the stage export wrote")
    parser.add_argument("table", type=Path, help="the test rows, as the stage split wrote them")
    parser.add_argument("--tools", default=",".join(TOOLS), help="which to run, with commas between (%(default)s)")
    parser.add_argument("--texts", type=int, default=200, help="so many of the table (%(default)s)")
    parser.add_argument("--skip-missing", action="store_true", help="a tool that is not to be had is no failure")
    arguments = parser.parse_args()
    tools = arguments.tools.split(",")
    if unknown := set(tools) - set(TOOLS):
        parser.error(f"no such tool: {', '.join(sorted(unknown))}; there are {', '.join(TOOLS)}")
    try:
        texts = list(read_rows(arguments.table, TEST)["text"][: arguments.texts])
        problems = check_folder(arguments.folder.resolve(), texts, tools, arguments.skip_missing)
    except DistilError as error:
        sys.exit(f"error: {error}")
    if problems:
        sys.exit("\n".join(problems))


if __name__ == "__main__":
    main()
