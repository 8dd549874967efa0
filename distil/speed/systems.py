"""The ways to run the student, and its baselines, that the benchmark times.

- pipeline: transformers' own, what a user would pick instead; for spans it groups words, for several labels it gives
  the probability of each.
- student_torch, student_torch_bf16: torch on texts sorted by length; bf16 by autocast, where the hardware has it.
- student_onnx, student_int8, student_fp16: the exported files; int8 where it is the one that is served, fp16 where it
  was exported and ONNX Runtime has a GPU.
- the baselines that are kept, such as tfidf, embeddings and crf.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import pipeline

from distil.classifiers.onnx_runner import CUDA, UNLOADABLE
from distil.classifiers.opening import OnnxStudent, open_onnx
from distil.core.errors import InputError
from distil.core.params import Kind
from distil.core.runtime import RuntimeParams
from distil.core.served import FILES
from distil.encoders.opening import TorchStudent, open_torch
from distil.encoders.torch_model import choose_device, load_classifier, load_tokenizer
from distil.linear.per_kind import load_baselines_of
from distil.speed.scenarios import System

USUAL = "pipeline"
FP16 = "onnx/model_fp16.onnx"
PIPELINES: dict[Kind, tuple[Any, dict[str, Any], dict[str, Any]]] = {  # task, options and those of each call
    "classification": ("text-classification", {}, {"truncation": True}),
    "multi_label": ("text-classification", {"function_to_apply": "sigmoid", "top_k": None}, {"truncation": True}),
    "token_classification": ("token-classification", {"aggregation_strategy": "first"}, {}),  # cuts long texts itself
}
FAILURES = (*UNLOADABLE, RuntimeError, ValueError, IndexError, MemoryError)  # of models, while they label


def load_pipeline(student: Path, kind: Kind, device: str, batch_size: int) -> System:
    """The transformers pipeline, called as its users do: a text by itself, several in batches in their given order."""
    task, options, call = PIPELINES[kind]
    warnings.filterwarnings("ignore", "Tokenizer does not support real words")  # it then parts them at blanks, as we do
    classify: Any = pipeline(
        task,
        model=load_classifier(student),
        tokenizer=load_tokenizer(student),
        device=choose_device(device),
        trust_remote_code=False,
        **options,
    )

    def label(texts: list[str]) -> object:
        return classify(texts if len(texts) > 1 else texts[0], batch_size=batch_size, **call)

    def label_together(texts: list[str]) -> object:
        return classify(texts, batch_size=len(texts), **call)

    return System(USUAL, label, batch_size, label_together)


def wrap_torch(model: TorchStudent, device: str) -> list[System]:
    """distil's own torch runner, in fp32 and, where the hardware computes it, in bf16."""
    systems = [wrap_student("student_torch", model)]
    chosen = choose_device(device)
    if computes_bf16(chosen):
        label, encoded = (_in_bf16(call, chosen) for call in (_choose_call(model), model.predict_encoded))
        systems.append(System("student_torch_bf16", label, None, label, model.encode, encoded))
    return systems


def computes_bf16(device: torch.device) -> bool:
    """Whether the hardware itself multiplies in bf16; where it does not, bf16 is slower than fp32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    abilities = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    return bool(abilities.get("avx512_bf16") or abilities.get("amx_bf16"))


def load_onnx(folder: Path, served: str, runtime: RuntimeParams) -> dict[str, OnnxStudent]:
    """Of the exported files fp32, the one that is served, and fp16 for a GPU, by the names of their systems."""
    models = {
        name: open_onnx(folder, FILES[name], device=runtime.device, **runtime.threading)
        for name in dict.fromkeys(("student_onnx", served))
    }
    if models[served].provider == CUDA and (folder / FP16).exists():
        models["student_fp16"] = open_onnx(folder, FP16, device=runtime.device, **runtime.threading)
    return models


def wrap_student(name: str, model: TorchStudent | OnnxStudent) -> System:
    """A student that we run, which splits into tokenization and the rest."""
    label = _choose_call(model)
    return System(name, label, None, label, model.encode, model.predict_encoded)


def list_systems(
    student: Path, models: dict[str, OnnxStudent], baselines: Path, device: str, batch_size: int
) -> list[System]:
    """All that is timed, the pipeline with batches of `batch_size`."""
    model = open_torch(student, device)
    return [
        load_pipeline(student, model.kind, device, batch_size),
        *wrap_torch(model, device),
        *(wrap_student(name, model) for name, model in models.items()),
        *list_baselines(baselines, model.kind, device),
    ]


def list_baselines(path: Path, kind: Kind, device: str) -> list[System]:
    """The trained baselines that are kept, as they are asked; raises `InputError` if they cannot be read."""
    trained = load_baselines_of(kind).load_baselines(path, device)
    return [System(name, _choose_call(baseline)) for name, baseline in trained.items()]


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


def _choose_call(model: Any) -> Callable[[list[str]], object]:
    """What gives probabilities of labels; of a tagger, spans with theirs."""
    call: Callable[[list[str]], object] = getattr(model, "predict_proba", None) or model.predict
    return call


def _in_bf16(call: Callable[[Any], object], device: torch.device) -> Callable[[Any], object]:
    def lowered(given: Any) -> object:
        with torch.autocast(device.type, torch.bfloat16):
            return call(given)

    return lowered
