"""The exported student that a command runs: its folder, its file, and the class that suits it.

Imported by `distil serve`, which also runs where no more is installed than serving needs: what else a study has is
imported when it is asked for.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from distil.classifiers.onnx_runner import FP32
from distil.core.errors import InputError
from distil.core.params import PARAMS_FILE, load_params
from distil.core.runtime import RuntimeParams

if TYPE_CHECKING:
    from distil.classifiers.opening import OnnxStudent

INT8 = "onnx/model_quantized.onnx"


def read_runtime() -> RuntimeParams:
    """What the study here says of this machine; the defaults without a study."""
    return load_params("runtime", RuntimeParams) if PARAMS_FILE.exists() else RuntimeParams()


def find_folder(model: Path | None) -> Path:
    """The folder of an exported student, or that of the study here; raises `InputError` where there is none."""
    if model is None:
        from distil.cli.project import artifact_path  # which knows all stages: an image that serves has none

        model, way = artifact_path("student"), "'dvc repro export' makes it, in a clone 'dvc pull' brings it"
    else:
        way = "name a folder that export wrote"
    if not (model / "config.json").is_file():
        raise InputError(f"{model} holds no exported student; {way}")
    return model


def choose_file(folder: Path) -> str:
    """int8 where there is one: export leaves it out where it falls short."""
    return INT8 if (folder / INT8).is_file() else FP32


def open_student(folder: Path, file: str, device: str | None = None, reads: str | None = None) -> "OnnxStudent":
    """Open it as the section `runtime` of a study here says, but for another `device`; raises `InputError`.

    `reads` is as `OnnxRunner` has it.
    """
    from distil.classifiers.opening import open_onnx

    if not (folder / file).is_file():
        there = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.onnx"))
        raise InputError(f"{folder} has no {file}; it has {', '.join(there) or 'no ONNX file'}")
    runtime = read_runtime()
    return open_onnx(folder, file, device=device or runtime.device, reads=reads, **runtime.threading)
