"""Run an exported classifier with tokenizers, ONNX Runtime and NumPy alone: no torch, no transformers.

The folder is laid out as the Hub's: config.json (id2label), tokenizer.json, tokenizer_config.json and an ONNX file with
the inputs input_ids, attention_mask and, where the model has it, token_type_ids, and the output logits.
"""

import ctypes
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as failures
from tokenizers import Encoding, Tokenizer

from distil.batches import batch_by_length
from distil.errors import InputError
from distil.token_limit import find_token_limit

UNLOADABLE = (
    failures.Fail,
    failures.InvalidArgument,
    failures.InvalidGraph,
    failures.InvalidProtobuf,
    failures.NoSuchFile,
    failures.NotImplemented,
    failures.RuntimeException,
)
Floats = NDArray[np.float32]


class OnnxClassifier:
    """An exported classifier; `labels` are in the order of its outputs, `provider` is what ONNX Runtime computes on."""

    def __init__(
        self,
        folder: Path,
        file: str = "onnx/model.onnx",
        threads: int | None = None,
        device: str = "auto",
        batch_size: int = 16,
    ) -> None:
        """Load `file` of the folder; threads null means one for each core.

        Raises `InputError` if a file is missing or damaged, or CUDA is asked for and is not to be had.
        """
        config, tokenizer_config = _read_json(folder / "config.json"), _read_json(folder / "tokenizer_config.json")
        names = config.get("id2label") or {}
        if not names:
            raise InputError(f"{folder / 'config.json'} has no id2label; export a sequence classifier there")
        self.labels = [names[number] for number in sorted(names, key=int)]
        self.batch_size = batch_size
        self._tokenizer = _load_tokenizer(folder / "tokenizer.json", find_token_limit(config, tokenizer_config))
        self._pad_id = config.get("pad_token_id") or 0
        self._session = _open_session(folder / file, threads, _choose_providers(device))
        self._inputs = [entry.name for entry in self._session.get_inputs()]
        self.provider: str = self._session.get_providers()[0]

    def predict_logits(self, texts: Sequence[str]) -> Floats:
        """Return the logits, of shape (texts, labels)."""
        rows = np.zeros((len(texts), len(self.labels)), dtype=np.float32)
        for positions, batch in self._batches(texts):
            rows[positions] = self._session.run(["logits"], batch)[0]
        return rows

    def predict_proba(self, texts: Sequence[str]) -> Floats:
        """Return the probabilities, of shape (texts, labels)."""
        logits = self.predict_logits(texts)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
        shares: Floats = powers / powers.sum(axis=1, keepdims=True)
        return shares

    def predict(self, texts: Sequence[str]) -> list[str]:
        """Return the most probable label of each text."""
        return [self.labels[number] for number in self.predict_logits(texts).argmax(axis=1)]

    def _batches(self, texts: Sequence[str]) -> Iterator[tuple[NDArray[np.intp], dict[str, NDArray[np.int64]]]]:
        encodings = self._tokenizer.encode_batch_fast(list(texts))
        for positions in batch_by_length([len(encoding) for encoding in encodings], self.batch_size):
            batch = self._pad([encodings[position] for position in positions])
            yield positions, {name: batch[name] for name in self._inputs}

    def _pad(self, encodings: Sequence[Encoding]) -> dict[str, NDArray[np.int64]]:
        shape = len(encodings), len(encodings[0])  # the longest comes first
        ids = np.full(shape, self._pad_id, dtype=np.int64)
        mask, types = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        for row, encoding in enumerate(encodings):
            length = len(encoding)
            ids[row, :length], types[row, :length], mask[row, :length] = encoding.ids, encoding.type_ids, 1
        return {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); 'dvc repro' writes it") from None
    except ValueError as error:
        raise InputError(f"{path} is not JSON ({error}); 'dvc repro' writes it anew") from None
    return content


def _load_tokenizer(path: Path, limit: int | None) -> Tokenizer:
    tokenizer = Tokenizer.from_str(json.dumps(_read_json(path)))
    tokenizer.no_padding()  # batches are padded here, each to its own longest text
    tokenizer.no_truncation()
    if limit is not None:
        tokenizer.enable_truncation(limit)
    return tokenizer


def _open_session(path: Path, threads: int | None, providers: Sequence[Any]) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.log_severity_level = 3  # errors only
    try:
        return onnxruntime.InferenceSession(path, options, providers=providers)
    except UNLOADABLE as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(f"{path} is missing or damaged ({reason}); 'dvc repro' writes it anew") from None


def _choose_providers(device: str) -> list[Any]:
    """CUDA where it is wanted and there is a device: to ask for it in vain makes ONNX Runtime print warnings."""
    wanted, _, number = device.partition(":")
    offered = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    if wanted in {"auto", "cuda"} and offered and _count_cuda_devices() > int(number or 0):
        onnxruntime.preload_dlls()  # CUDA's libraries as pip installs them
        return [("CUDAExecutionProvider", {"device_id": int(number or 0)}), "CPUExecutionProvider"]
    if wanted == "cuda":
        raise InputError(f"runtime.device = {device!r}: ONNX Runtime finds no such device; write auto or cpu")
    return ["CPUExecutionProvider"]


def _count_cuda_devices() -> int:
    try:
        driver = ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    found = driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
    return count.value if found else 0
