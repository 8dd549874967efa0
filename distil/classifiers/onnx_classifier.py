"""Run an exported classifier with tokenizers, ONNX Runtime and NumPy alone: no torch, no transformers.

The folder is laid out as the Hub's: config.json (id2label), tokenizer.json, tokenizer_config.json and an ONNX file with
the inputs input_ids, attention_mask and, where the model has it, token_type_ids, and the output logits.

Texts of like length are computed together, in batches of so few tokens that they stay in the cache of a core, and as
many batches at once as there are threads: on short texts that is faster than to let all threads share each batch.
Texts are cut at the model's limit of tokens. The int8 file rounds by what is in a batch, so its answers differ in the
second or third digit between batches; the same texts in the same order give the same answers.
"""

import ctypes
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as failures
from tokenizers import Encoding, Tokenizer

from distil.core.errors import InputError
from distil.core.runtime import count_cores
from distil.encoders.batching import batch_by_tokens, chunk_texts
from distil.encoders.token_limit import find_token_limit

UNLOADABLE = (
    failures.Fail,
    failures.InvalidArgument,
    failures.InvalidGraph,
    failures.InvalidProtobuf,
    failures.NoSuchFile,
    failures.NotImplemented,
    failures.RuntimeException,
)
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
BATCH_TOKENS = {CPU: 256, CUDA: 16_384}  # padding included; that of the CPU is measured (docs/export.md)
CHUNK_TEXTS, CHUNK_CHARACTERS = 4096, 2**20  # tokenized at a time, which bounds the memory that a stream takes
INPUTS = {"input_ids", "attention_mask", "token_type_ids"}
Floats = NDArray[np.float32]
Positions = NDArray[np.intp]


class OnnxClassifier:
    """An exported classifier; `labels` are in the order of its outputs, `provider` is what ONNX Runtime computes on."""

    def __init__(
        self,
        folder: Path,
        file: str = "onnx/model.onnx",
        threads: int | None = None,
        device: str = "auto",
        batch_tokens: int | None = None,
        threads_per_batch: int = 1,
        spinning: bool = False,
    ) -> None:
        """Load `file` of the folder.

        `threads` null means one for each core. More than one `threads_per_batch` answers a single text sooner where
        the model is large; `spinning` lets such threads wait busily for each other. Devices are auto, cpu, cuda and
        cuda:1; for mps, which ONNX Runtime has not, the CPU is taken. Raises `InputError` if a file is missing or
        damaged, or if there is no such device.
        """
        config, tokenizer_config = _read_json(folder / "config.json"), _read_json(folder / "tokenizer_config.json")
        self.labels = _list_labels(folder / "config.json", config)
        self._tokenizer = _load_tokenizer(folder / "tokenizer.json", find_token_limit(config, tokenizer_config))
        self._pad_id = _read_pad_id(folder / "config.json", config, self._tokenizer)
        self._session = _open_session(folder / file, device, threads_per_batch, spinning)
        self._inputs = _check_graph(folder / file, self._session, len(self.labels))
        self.provider: str = self._session.get_providers()[0]
        self.batch_tokens = batch_tokens or BATCH_TOKENS[self.provider]
        at_once = (threads or count_cores()) // threads_per_batch if self.provider == CPU else 1
        self._pool = ThreadPoolExecutor(max(1, at_once))

    def predict_logits(self, texts: Iterable[str]) -> Floats:
        """Return the logits, of shape (texts, labels); raises `InputError` if an item is not a string."""
        nothing = np.zeros((0, len(self.labels)), dtype=np.float32)
        return np.concatenate([nothing, *map(self._run, chunk_texts(texts, CHUNK_TEXTS, CHUNK_CHARACTERS))])

    def predict_proba(self, texts: Iterable[str]) -> Floats:
        """Return the probabilities, of shape (texts, labels); raises `InputError` if an item is not a string."""
        return _softmax(self.predict_logits(texts))

    def predict(self, texts: Iterable[str]) -> list[str]:
        """Return the most probable label of each text; raises `InputError` if an item is not a string."""
        return [self.labels[number] for number in self.predict_logits(texts).argmax(axis=1)]

    def predict_stream(self, texts: Iterable[str]) -> Iterator[Floats]:
        """Yield the probabilities of each text, of shape (labels,), in the order of the texts.

        However many there are, at most `CHUNK_TEXTS` of them are in memory. Raises `InputError` at an item that is not
        a string, after the answers to the chunks before it.
        """
        for chunk in chunk_texts(texts, CHUNK_TEXTS, CHUNK_CHARACTERS):
            yield from _softmax(self._run(chunk))

    def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """Return the texts as tokens, for `predict_encoded`: to time the model without its tokenizer."""
        encodings: list[Encoding] = self._tokenizer.encode_batch_fast(texts)
        return encodings

    def predict_encoded(self, encodings: Sequence[Encoding]) -> Floats:
        """Return the probabilities of what `encode` returned, of shape (texts, labels)."""
        return _softmax(self._run_encoded(encodings))

    def _run(self, texts: Sequence[str]) -> Floats:
        return self._run_encoded(self.encode(texts))

    def _run_encoded(self, encodings: Sequence[Encoding]) -> Floats:
        batches = list(batch_by_tokens([len(encoding) for encoding in encodings], self.batch_tokens))
        rows = np.empty((len(encodings), len(self.labels)), dtype=np.float32)
        for positions, logits in zip(batches, self._run_batches(encodings, batches), strict=True):
            rows[positions] = logits
        return rows

    def _run_batches(self, encodings: Sequence[Encoding], batches: Sequence[Positions]) -> Iterator[Floats]:
        def run(positions: Positions) -> Floats:
            inputs = self._pad([encodings[position] for position in positions])
            logits: Floats = self._session.run(["logits"], {name: inputs[name] for name in self._inputs})[0]
            return logits

        spread: Callable[..., Iterator[Floats]] = self._pool.map if len(batches) > 1 else map
        return spread(run, batches)

    def _pad(self, encodings: Sequence[Encoding]) -> dict[str, NDArray[np.int64]]:
        shape = len(encodings), len(encodings[0])  # the longest comes first
        ids = np.full(shape, self._pad_id, dtype=np.int64)
        mask, types = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        for row, encoding in enumerate(encodings):
            length = len(encoding)
            ids[row, :length], types[row, :length], mask[row, :length] = encoding.ids, encoding.type_ids, 1
        return {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}


def _softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    shares: Floats = powers / powers.sum(axis=1, keepdims=True)
    return shares


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); 'dvc repro' writes it") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON ({error}); 'dvc repro' writes it anew") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} holds {content!r:.40}, not a JSON object; 'dvc repro' writes it anew")
    return content


def _list_labels(path: Path, config: dict[str, Any]) -> list[str]:
    names = config.get("id2label")
    if not isinstance(names, dict) or not names or set(names) != {str(number) for number in range(len(names))}:
        raise InputError(f"{path} has no id2label that names output 0 and up; export a sequence classifier there")
    return [names[str(number)] for number in range(len(names))]


def _read_pad_id(path: Path, config: dict[str, Any], tokenizer: Tokenizer) -> int:
    stated = config.get("pad_token_id") or 0
    if not isinstance(stated, int) or not 0 <= stated < 2**31 or tokenizer.id_to_token(stated) is None:
        raise InputError(
            f"{path} has pad_token_id = {stated!r}, no token of tokenizer.json; 'dvc repro' writes it anew"
        )
    return stated


def _load_tokenizer(path: Path, limit: int | None) -> Tokenizer:
    content = json.dumps(_read_json(path))
    try:
        tokenizer = Tokenizer.from_str(content)
    except Exception as error:  # noqa: BLE001 - the library raises just this class
        raise InputError(f"{path} is no tokenizer ({_first_line(error)}); 'dvc repro' writes it anew") from None
    tokenizer.no_padding()  # batches are padded here, each to its own longest text
    tokenizer.no_truncation()
    if limit is not None:
        tokenizer.enable_truncation(limit)
    return tokenizer


def _open_session(path: Path, device: str, threads: int, spinning: bool) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
    options.enable_mem_pattern = False  # a plan kept for each shape, and nearly every batch has another
    options.log_severity_level = 3  # errors only
    providers = _choose_providers(device)
    try:
        session = onnxruntime.InferenceSession(path, options, providers=providers)
    except UNLOADABLE as error:
        raise InputError(f"{path} is missing or damaged ({_first_line(error)}); 'dvc repro' writes it anew") from None
    if device.startswith("cuda") and session.get_providers()[0] != CUDA:
        raise InputError(f"runtime.device = {device!r}: ONNX Runtime cannot load its CUDA libraries; write auto or cpu")
    return session


def _check_graph(path: Path, session: Any, labels: int) -> list[str]:
    """Return the names of the inputs, all of which are known here."""
    names = [entry.name for entry in session.get_inputs()]
    widths = {entry.name: entry.shape[-1] for entry in session.get_outputs() if entry.shape}
    if not INPUTS.issuperset(names) or "logits" not in widths:
        raise InputError(f"{path} is no text classifier: it takes {names} and gives {list(widths)}; run 'dvc repro'")
    if isinstance(widths["logits"], int) and widths["logits"] != labels:
        raise InputError(
            f"{path} has {widths['logits']} outputs, but config.json names {labels} labels; run 'dvc repro'"
        )
    return names


def _choose_providers(device: str) -> list[Any]:
    """CUDA where it is wanted and there is a device: to ask for it in vain makes ONNX Runtime print warnings."""
    wanted, _, number = device.partition(":")
    if wanted not in {"auto", "cpu", "cuda", "mps"} or (number and not (wanted == "cuda" and number.isdecimal())):
        raise InputError(f"runtime.device = {device!r} is no device; write auto, cpu, cuda, cuda:1 or mps")
    offered = CUDA in onnxruntime.get_available_providers()
    if wanted in {"auto", "cuda"} and offered and _count_cuda_devices() > int(number or 0):
        onnxruntime.preload_dlls()  # CUDA's libraries as pip installs them
        return [(CUDA, {"device_id": int(number or 0)}), CPU]
    if wanted == "cuda":
        raise InputError(f"runtime.device = {device!r}: ONNX Runtime finds no such device; write auto or cpu")
    return [CPU]


def _count_cuda_devices() -> int:
    try:
        driver = ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    found = driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
    return count.value if found else 0


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
