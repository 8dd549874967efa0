"""Run an exported model with tokenizers, ONNX Runtime and NumPy alone: no torch, no transformers.

The folder is laid out as the Hub's: config.json (id2label), tokenizer.json, tokenizer_config.json and an ONNX file with
the inputs input_ids, attention_mask and, where the model has it, token_type_ids, and the output logits.

Texts of like length are computed together, in batches of so few tokens that they stay in the cache of a core, and as
many batches at once as there are threads: on short texts that is faster than to let all threads share each batch.
The int8 file rounds by what is in a batch, so its answers differ in the second or third digit between batches; the same
texts in the same order give the same answers.
"""

import ctypes
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, TypedDict

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as failures
from tokenizers import Tokenizer

from distil.classifiers.recorded import read_selective
from distil.core.errors import InputError
from distil.core.params import Kind
from distil.core.runtime import count_cores
from distil.encoders.batching import batch_by_tokens, chunk_texts
from distil.encoders.outputs import check_kind, read_outputs
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
FP32 = "onnx/model.onnx"
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
BATCH_TOKENS = {CPU: 256, CUDA: 16_384}  # padding included; that of the CPU is measured (docs/export.md)
CHUNK_TEXTS, CHUNK_CHARACTERS = 4096, 2**20  # tokenized at a time, which bounds the memory that a stream takes
INPUTS = {"input_ids", "attention_mask", "token_type_ids"}
DIMENSIONS: dict[Kind, int] = {"classification": 2, "multi_label": 2, "token_classification": 3}  # of the logits
GRAPHS: dict[Kind, str] = {
    "classification": "text classifier",
    "multi_label": "text classifier",
    "token_classification": "tagger of tokens",
}
Floats = NDArray[np.float32]
Positions = NDArray[np.intp]


class Row(Protocol):
    """Tokens that the model reads together, as numbers."""

    @property
    def ids(self) -> list[int]:
        """The tokens."""

    @property
    def type_ids(self) -> list[int]:
        """The types of the tokens."""

    def __len__(self) -> int: ...


class RunOptions(TypedDict, total=False):
    """How a model is run, as the classes take it that open a folder; see `OnnxRunner`."""

    threads: int | None
    device: str
    batch_tokens: int | None
    threads_per_batch: int
    spinning: bool
    reads: str | None


class OnnxRunner:
    """An exported model that is ready to run, with its tokenizer; `provider` is what ONNX Runtime computes on."""

    def __init__(
        self,
        folder: Path,
        file: str,
        kind: Kind,
        threads: int | None = None,
        device: str = "auto",
        batch_tokens: int | None = None,
        threads_per_batch: int = 1,
        spinning: bool = False,
        reads: str | None = None,
    ) -> None:
        """Load `file` of the folder, which has to be of this kind.

        `threads` null means one for each core. More than one `threads_per_batch` answers a single text sooner where
        the model is large; `spinning` lets such threads wait busily for each other. Devices are auto, cpu, cuda and
        cuda:1; for mps, which ONNX Runtime has not, the CPU is taken. `reads` is the name, in the graph, of what the
        model's head reads, for `run_both`. Raises `InputError` if a file is missing or
        damaged, if the folder is of another kind, or if there is no such device.
        """
        self.path = folder / "config.json"
        self.config, self.tokenizer_config = read_json(self.path), read_json(folder / "tokenizer_config.json")
        self.outputs = read_outputs(self.path, self.config)
        check_kind(self.path, self.outputs, kind, "Onnx")
        self.selective = read_selective(self.path, self.config)
        self.limit = find_token_limit(self.config, self.tokenizer_config)
        self.tokenizer = _load_tokenizer(folder / "tokenizer.json")
        self._pad_id = _read_pad_id(self.path, self.config, self.tokenizer)
        self._session = _open_session(folder / file, device, threads_per_batch, spinning, reads)
        self._wanted = ["logits"] if reads is None else ["logits", reads]
        self._inputs = _check_graph(folder / file, self._session, len(self.outputs.names), kind)
        self.provider: str = self._session.get_providers()[0]
        self.batch_tokens = batch_tokens or BATCH_TOKENS[self.provider]
        at_once = (threads or count_cores()) // threads_per_batch if self.provider == CPU else 1
        self._pool = ThreadPoolExecutor(max(1, at_once))

    def run(self, rows: Sequence[Row]) -> Iterator[tuple[Positions, Floats]]:
        """Yield batches: the numbers of their rows, and their logits, of shape (rows, ...)."""
        for positions, found in self.run_both(rows):
            yield positions, found[0]

    def run_both(self, rows: Sequence[Row]) -> Iterator[tuple[Positions, list[Floats]]]:
        """Yield batches as `run` does; beside the logits, in a model that was opened with `reads`, what its head read.

        That is of shape (rows, numbers), or of a tagger (rows, tokens, numbers).
        """
        batches = list(batch_by_tokens([len(row) for row in rows], self.batch_tokens))

        def run(positions: Positions) -> list[Floats]:
            inputs = self._pad([rows[position] for position in positions])
            found: list[Floats] = self._session.run(self._wanted, {name: inputs[name] for name in self._inputs})
            return found

        spread: Callable[..., Iterator[list[Floats]]] = self._pool.map if len(batches) > 1 else map
        return zip(batches, spread(run, batches), strict=True)

    def _pad(self, rows: Sequence[Row]) -> dict[str, NDArray[np.int64]]:
        shape = len(rows), len(rows[0])  # the longest comes first
        ids = np.full(shape, self._pad_id, dtype=np.int64)
        mask, types = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        for number, row in enumerate(rows):
            length = len(row)
            ids[number, :length], types[number, :length], mask[number, :length] = row.ids, row.type_ids, 1
        return {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}


def chunk(texts: Iterable[str]) -> Iterator[list[str]]:
    """Yield the texts in pieces that bound memory; raises `InputError` at the first item that is not a string."""
    return chunk_texts(texts, CHUNK_TEXTS, CHUNK_CHARACTERS)


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file; raises `InputError` if there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); 'dvc repro' writes it") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON ({error}); 'dvc repro' writes it anew") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} holds {content!r:.40}, not a JSON object; 'dvc repro' writes it anew")
    return content


def _read_pad_id(path: Path, config: dict[str, Any], tokenizer: Tokenizer) -> int:
    stated = config.get("pad_token_id") or 0
    if not isinstance(stated, int) or not 0 <= stated < 2**31 or tokenizer.id_to_token(stated) is None:
        raise InputError(
            f"{path} has pad_token_id = {stated!r}, no token of tokenizer.json; 'dvc repro' writes it anew"
        )
    return stated


def _load_tokenizer(path: Path) -> Tokenizer:
    content = json.dumps(read_json(path))
    try:
        tokenizer = Tokenizer.from_str(content)
    except Exception as error:  # noqa: BLE001 - the library raises just this class
        raise InputError(f"{path} is no tokenizer ({_first_line(error)}); 'dvc repro' writes it anew") from None
    tokenizer.no_padding()  # batches are padded here, each to its own longest text
    tokenizer.no_truncation()
    return tokenizer


def _open_session(path: Path, device: str, threads: int, spinning: bool, reads: str | None) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
    options.enable_mem_pattern = False  # a plan kept for each shape, and nearly every batch has another
    options.log_severity_level = 3  # errors only
    providers = _choose_providers(device)
    try:
        model = path if reads is None else path.read_bytes() + name_output(reads)
        session = onnxruntime.InferenceSession(model, options, providers=providers)
    except (*UNLOADABLE, OSError) as error:
        lacks = "" if reads is None else f", or has no {reads[:40]!r}, which unlike.npz beside it names"
        raise InputError(
            f"{path} is missing or damaged ({_first_line(error)}){lacks}; 'dvc repro' writes it anew"
        ) from None
    if device.startswith("cuda") and session.get_providers()[0] != CUDA:
        raise InputError(f"runtime.device = {device!r}: ONNX Runtime cannot load its CUDA libraries; write auto or cpu")
    return session


def name_output(tensor: str) -> bytes:
    """What makes a tensor inside a graph one of its outputs, if it stands behind the bytes of the ONNX file.

    Two protobuf messages one after the other are read as one that has the lists of both, so this is a model with a
    graph (field 7) with an output (12) with a name (1). Sources: onnx.proto; https://protobuf.dev/programming-guides/
    encoding/#last-one-wins.
    """
    message = tensor.encode()
    for field in (1, 12, 7):
        message = bytes([field << 3 | 2, *_write_length(len(message))]) + message
    return message


def _write_length(length: int) -> Iterator[int]:
    """A number as protobuf writes it, seven bits a byte."""
    while length > 127:
        yield length & 127 | 128
        length >>= 7
    yield length


def _check_graph(path: Path, session: Any, labels: int, kind: Kind) -> list[str]:
    """Return the names of the inputs, all of which are known here."""
    names = [entry.name for entry in session.get_inputs()]
    shapes = {entry.name: entry.shape for entry in session.get_outputs() if entry.shape}
    if not INPUTS.issuperset(names) or len(shapes.get("logits", ())) != DIMENSIONS[kind]:
        raise InputError(f"{path} is no {GRAPHS[kind]}: it takes {names} and gives {shapes}; run 'dvc repro'")
    width = shapes["logits"][-1]
    if isinstance(width, int) and width != labels:
        raise InputError(f"{path} has {width} outputs, but config.json names {labels} labels; run 'dvc repro'")
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
