"""The ways to run the student, and its baselines, that the benchmark times.

- pipeline: transformers' own, what a user would pick instead.
- student_torch, student_torch_bf16: torch on texts sorted by length; bf16 by autocast, where the hardware has it.
- student_onnx, student_int8, student_fp16: the exported files; int8 where it is the one that is served, fp16 where it
  was exported and ONNX Runtime has a GPU.
- tfidf, embeddings: the baselines.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import pipeline

from distil.classifiers.onnx_classifier import CUDA, UNLOADABLE, OnnxClassifier
from distil.core.errors import InputError
from distil.core.runtime import RuntimeParams
from distil.core.served import FILES
from distil.encoders.torch_model import TorchClassifier, choose_device, load_classifier, load_tokenizer
from distil.linear.baselines import load_baselines
from distil.speed.scenarios import System

USUAL = "pipeline"
FP16 = "onnx/model_fp16.onnx"
TIMED_BASELINES = ("tfidf", "embeddings")
FAILURES = (*UNLOADABLE, RuntimeError, ValueError, IndexError, MemoryError)  # of models, while they label


def load_pipeline(student: Path, device: str, batch_size: int) -> System:
    """The transformers pipeline, called as its users do: a text by itself, several in batches in their given order."""
    classify: Any = pipeline(
        "text-classification",
        model=load_classifier(student),
        tokenizer=load_tokenizer(student),
        device=choose_device(device),
        trust_remote_code=False,
    )

    def label(texts: list[str]) -> object:
        return classify(texts if len(texts) > 1 else texts[0], truncation=True, batch_size=batch_size)

    def label_together(texts: list[str]) -> object:
        return classify(texts, truncation=True, batch_size=len(texts))

    return System(USUAL, label, batch_size, label_together)


def load_torch(student: Path, device: str) -> list[System]:
    """distil's own torch runner, in fp32 and, where the hardware computes it, in bf16."""
    classifier = TorchClassifier(student, device)
    systems = [wrap_classifier("student_torch", classifier)]
    chosen = choose_device(device)
    if computes_bf16(chosen):
        label, encoded = (_in_bf16(call, chosen) for call in (classifier.predict_proba, classifier.predict_encoded))
        systems.append(System("student_torch_bf16", label, None, label, classifier.encode, encoded))
    return systems


def computes_bf16(device: torch.device) -> bool:
    """Whether the hardware itself multiplies in bf16; where it does not, bf16 is slower than fp32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    abilities = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    return bool(abilities.get("avx512_bf16") or abilities.get("amx_bf16"))


def load_onnx(folder: Path, served: str, runtime: RuntimeParams) -> dict[str, OnnxClassifier]:
    """Of the exported files fp32, the one that is served, and fp16 for a GPU, by the names of their systems."""
    classifiers = {
        name: OnnxClassifier(folder, FILES[name], device=runtime.device, **runtime.threading)
        for name in dict.fromkeys(("student_onnx", served))
    }
    if classifiers[served].provider == CUDA and (folder / FP16).exists():
        classifiers["student_fp16"] = OnnxClassifier(folder, FP16, device=runtime.device, **runtime.threading)
    return classifiers


def wrap_classifier(name: str, classifier: TorchClassifier | OnnxClassifier) -> System:
    """A classifier of ours, which splits into tokenization and the rest."""
    label = classifier.predict_proba
    return System(name, label, None, label, classifier.encode, classifier.predict_encoded)


def list_systems(
    student: Path, classifiers: dict[str, OnnxClassifier], baselines: Path, device: str, batch_size: int
) -> list[System]:
    """All that is timed, the pipeline with batches of `batch_size`."""
    trained = load_baselines(baselines, device)
    if absent := set(TIMED_BASELINES) - trained.keys():
        raise InputError(f"{baselines} lacks {', '.join(sorted(absent))}; 'dvc repro' writes it anew")
    return [
        load_pipeline(student, device, batch_size),
        *load_torch(student, device),
        *(wrap_classifier(name, classifier) for name, classifier in classifiers.items()),
        *(System(name, trained[name].predict_proba) for name in TIMED_BASELINES),
    ]


def name_gpu(device: str, provider: str) -> str | None:
    """The GPU that torch or, by its provider, ONNX Runtime computes on; null without one."""
    chosen = choose_device(device)
    if chosen.type == "cuda":
        return torch.cuda.get_device_name(chosen)
    if provider == CUDA:
        return "a CUDA device of ONNX Runtime that torch does not see"
    return None if chosen.type == "cpu" else "Apple GPU"


@contextmanager
def explain_failure(name: str) -> Iterator[None]:
    """Turn what a model raises while it labels into an `InputError` that names it."""
    try:
        yield
    except FAILURES as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise InputError(
            f"benchmark: {name} cannot label the test texts ({reason}); if 'dvc repro -s -f export' does not mend "
            "it, free memory or write another runtime.device"
        ) from None


def check_answers(name: str, answers: object) -> None:
    """Raise `InputError` if probabilities are not numbers: the speed of a broken model says nothing."""
    if isinstance(answers, np.ndarray) and not np.isfinite(answers).all():
        raise InputError(f"benchmark: {name} answers NaN on a test text; train anew with a lower train.learning_rate")


def _in_bf16(call: Callable[[Any], object], device: torch.device) -> Callable[[Any], object]:
    def lowered(given: Any) -> object:
        with torch.autocast(device.type, torch.bfloat16):
            return call(given)

    return lowered
