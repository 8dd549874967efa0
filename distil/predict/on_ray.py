"""The parts of a file labelled by Ray Data, on this machine or on a cluster: the package is distil's extra `ray`.

One task reads the file, here where it lies; actors label its parts, each with a student of its own, wherever the
cluster has processors; this process writes what they return. So the nodes need no folder in common: the student's files
travel to them too. Which part goes where, and what becomes of those of a node that is gone, Ray decides
(https://docs.ray.io/en/latest/data/data.html). The parts are the bytes that this process would write by itself, on
processors that round alike.
"""

import logging
import os
import pickle
import socket
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import ray
from ray.data import ActorPoolStrategy, DataContext, Datasource, ReadTask
from ray.data.block import BlockMetadata

from distil.classifiers.opening import open_onnx
from distil.core.errors import InputError
from distil.core.whole_files import written_whole
from distil.predict.job import MODEL_FILES, Model
from distil.predict.parts import COUNTS, REJECTED, UNSURE_ROWS, Counts, Task, cut_parts, label_part, name_part

CONNECT_S = 10
MOST_THREADS = 4  # of an actor, where nothing is said: more are better spent on another one


class PartsOf(Datasource):
    """The parts of a file that are not done, a row of bytes each."""

    def __init__(self, task: Task, done: Container[int]) -> None:
        """Take what is to be done, and the parts that are."""
        self._read = partial(_list_parts, task, done)

    def get_read_tasks(self, parallelism: int, *_: Any, **__: Any) -> list[ReadTask]:
        """One task: the parts of a file are found by reading it from its beginning."""
        return [ReadTask(self._read, BlockMetadata(None, None, None, None))]

    def estimate_inmemory_data_size(self) -> None:
        """Not known before it is read."""


class Labeller:
    """An actor: a student that labels the parts that it is given."""

    def __init__(self, task: Task, files: list[Any], model_file: str, threads: int) -> None:
        """Open the student; `files` has a reference to those of its folder."""
        self._task = task
        with TemporaryDirectory() as folder:
            _write_files(Path(folder), ray.get(files[0]))
            reads = task.unlike and task.unlike.reads
            self._student = open_onnx(Path(folder), model_file, device="cpu", threads=threads, reads=reads)

    def __call__(self, part: Mapping[str, Any]) -> dict[str, Any]:
        """Label a part; returns its number, and its files by their ends, or the fault as it came."""
        if part["fault"]:
            return dict(part)
        with TemporaryDirectory() as folder:
            place = name_part(Path(folder), part["number"])
            label_part(place, pickle.loads(part["rows"]), self._student, self._task)  # noqa: S301 (of this run)
            return {"number": part["number"], "fault": ""} | {
                path.suffix: path.read_bytes() for path in Path(folder).iterdir()
            }


def label_on_ray(
    task: Task, folder: Path, done: Container[int], model: Model, *, address: str | None, threads: int | None
) -> Iterator[tuple[int, Counts]]:
    """Label the parts that are not done on a cluster, and write them here; returns each when it is written.

    `address` is that of a cluster's head; without one Ray starts on this machine, or takes the cluster that the
    variable RAY_ADDRESS names. `threads` are those of each actor. Raises `InputError`.
    """
    with _cluster(address):
        threads = threads or min(MOST_THREADS, *(int(node["Resources"].get("CPU", 1)) or 1 for node in _list_nodes()))
        files = [ray.put({name: (model.folder / name).read_bytes() for name in (*MODEL_FILES, model.file)})]
        context = DataContext.get_current()
        context.enable_progress_bars = False
        context.target_max_block_size = 1  # bytes: so that each part is a block, and none waits for another
        parts = ray.data.read_datasource(PartsOf(task, done), num_cpus=0, label_selector=_this_node())
        labelled = parts.map(
            Labeller,
            fn_constructor_args=(task, files, model.file, threads),
            num_cpus=threads,
            compute=ActorPoolStrategy(min_size=1, max_size=_count_actors(threads)),
        )
        with _explained():
            for part in labelled.iter_rows():
                if part["fault"]:
                    raise InputError(part["fault"])
                yield part["number"], _write_part(folder, task, part)


@contextmanager
def _cluster(address: str | None) -> Iterator[None]:
    """Connect to a cluster, or start one here, for as long as it lasts."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # else it tells its makers what it is used for
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    if address:
        _check_reached(address)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise InputError(f"no Ray cluster at {address or 'this machine'} ({_shorten(error)})") from None
    try:
        yield
    finally:
        ray.shutdown()


def _check_reached(address: str) -> None:
    """Raise `InputError` if nobody answers at HOST:PORT: Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_S).close()
    except (OSError, ValueError, OverflowError) as error:
        raise InputError(
            f"no Ray cluster at {address!r} ({_shorten(error)}); --address is HOST:PORT of the head, as 'ray start "
            "--head' tells it"
        ) from None


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what ends a run of Ray into one line."""
    try:
        yield
    except ray.exceptions.RayError as error:
        raise InputError(
            f"the Ray cluster could not label a part ({_shorten(error)}); what is done is kept: run the command again"
        ) from None


def _shorten(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _list_parts(task: Task, done: Container[int]) -> Iterator[pa.Table]:
    """The parts; what is wrong with the input comes as one without rows, since Ray would put a traceback around it."""
    try:
        for number, rows in cut_parts(task, done):
            yield pa.table({"number": [number], "rows": [pickle.dumps(rows)], "fault": [""]})
    except InputError as error:
        yield pa.table({"number": [-1], "rows": [b""], "fault": [str(error)]})


def _list_nodes() -> list[Any]:
    return [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]


def _this_node() -> dict[str, str]:
    return {"ray.io/node-id": ray.get_runtime_context().get_node_id()}


def _count_actors(threads: int) -> int:
    return max(1, sum(int(node["Resources"].get("CPU", 0)) // threads for node in _list_nodes()))


def _write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def _write_part(folder: Path, task: Task, part: Mapping[str, Any]) -> Counts:
    """Write the files of a part, the counts last."""
    place = name_part(folder, part["number"])
    for end in (task.layout.kind, REJECTED, *([UNSURE_ROWS] if UNSURE_ROWS in part else []), COUNTS):
        with written_whole(place.with_suffix(end)) as half:
            half.write_bytes(part[end])
    return Counts.model_validate_json(part[COUNTS])
