"""Open an exported folder with the class that suits it."""

from pathlib import Path
from typing import Unpack

from distil.classifiers.onnx_classifier import OnnxClassifier, OnnxMultiLabel
from distil.classifiers.onnx_runner import FP32, RunOptions, read_json
from distil.classifiers.onnx_tagger import OnnxTagger
from distil.core.params import Kind
from distil.encoders.outputs import read_outputs

OnnxStudent = OnnxClassifier | OnnxMultiLabel | OnnxTagger
CLASSES: dict[Kind, type[OnnxStudent]] = {
    "classification": OnnxClassifier,
    "multi_label": OnnxMultiLabel,
    "token_classification": OnnxTagger,
}


def open_onnx(folder: Path, file: str = FP32, **options: Unpack[RunOptions]) -> OnnxStudent:
    """Return a student that runs `file` of the folder, with the options of `OnnxRunner`; raises `InputError`.

    What it answers with, config.json says: one label a text, several, or spans.
    """
    path = folder / "config.json"
    return CLASSES[read_outputs(path, read_json(path)).kind](folder, file, **options)
