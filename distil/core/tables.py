"""The tables that the stages hand on: their Arrow schemas, and reading and writing them as parquet.

Files are canonical: rows sorted by the schema's first columns, nothing in the metadata but the schema, so the same rows
give the same bytes and DVC sees that nothing changed. Files are replaced whole, never left half written.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from distil.core.errors import InputError
from distil.core.whole_files import written_whole

KEYS = ("rank", "id", "system", "scenario", "setting", "teacher", "vote", "number")  # in this order rows are sorted
MOST_NAMES = 20  # columns in a message
SHARES = pa.list_(pa.float64())  # one value per label, in the order of task.labels

TEXTS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("gold", pa.string()),
        pa.field("split", pa.string()),
    ]
)
ANNOTATIONS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("teacher", pa.string(), nullable=False),
        pa.field("vote", pa.int32(), nullable=False),  # 1, 2, ...
        pa.field("request", pa.string(), nullable=False),  # hash of all that the answer depends on
        pa.field("reply", pa.string()),
        pa.field("label", pa.string()),  # what the reply says, or null
        pa.field("reason", pa.string()),
        pa.field("label_logprobs", SHARES),
        pa.field("status", pa.string(), nullable=False),
        pa.field("finish_reason", pa.string()),
        pa.field("input_tokens", pa.int64()),
        pa.field("cached_tokens", pa.int64()),
        pa.field("output_tokens", pa.int64()),
        pa.field("reasoning_tokens", pa.int64()),
    ]
)
LABELS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("teacher_label", pa.string()),
        pa.field("label", pa.string()),  # teacher_label after people's corrections
        pa.field("soft", SHARES),
        pa.field("votes", pa.int32(), nullable=False),  # the usable ones
        pa.field("reason", pa.string()),
        pa.field("abstained", pa.string()),  # why there is no teacher_label
        pa.field("source", pa.string(), nullable=False),  # teacher, human, or adjudicated
    ]
)
TRAIN = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        pa.field("soft", SHARES, nullable=False),
        pa.field("source", pa.string(), nullable=False),
    ]
)
SUSPECTS = pa.schema(
    [
        pa.field("rank", pa.int64(), nullable=False),  # 1: the least credible label
        pa.field("id", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        pa.field("suggested", pa.string(), nullable=False),  # the most probable label by held-out predictions
        pa.field("quality", pa.float64(), nullable=False),  # held-out probability of `label`
        pa.field("probabilities", SHARES, nullable=False),
    ]
)
TEST = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("gold", pa.string()),
    ]
)
CALIBRATION = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("gold", pa.string()),
        pa.field("teacher_label", pa.string()),  # null: the teacher abstained
    ]
)
PREDICTIONS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("system", pa.string(), nullable=False),
        pa.field("label", pa.string()),  # null: the system abstained
        pa.field("probabilities", SHARES),
        pa.field("right", pa.bool_()),  # null: nothing to compare with
    ]
)
TIMINGS = pa.schema(
    [
        pa.field("system", pa.string(), nullable=False),
        pa.field("scenario", pa.string(), nullable=False),  # single_stream, offline, offline_encoded, batches, server
        pa.field("setting", pa.float64()),  # batches: texts in each; server: share of the rate it answers one by one
        pa.field("round", pa.int64(), nullable=False),
        pa.field("number", pa.int64(), nullable=False),  # 0, 1, ... within system, scenario and setting
        pa.field("texts", pa.int64(), nullable=False),  # handled in this measurement
        pa.field("arrived_s", pa.float64()),  # server only: from the scenario's start
        pa.field("waited_s", pa.float64()),  # server only: from arrival to the start of work
        pa.field("seconds", pa.float64(), nullable=False),  # from arrival (server) or start (others) to the answer
    ]
)


def read_rows(path: Path, schema: pa.Schema) -> pd.DataFrame:
    """Read a stage's table; lists come out as numpy arrays, a missing value as pandas has it (ask `isna`).

    Raises `InputError` if the file is missing, is not parquet, is damaged or is of another schema.
    """
    with _open(path, schema) as file:
        frame: pd.DataFrame = file.read().to_pandas()
    return frame


def read_labelled(
    path: Path,
    schema: pa.Schema,
    column: str,
    labels: Sequence[str],
    name_labels: Callable[[str], list[str]] = lambda label: [label],
) -> pd.DataFrame:
    """Read a table and check that the labels in a column are the task's; raises `InputError` at the first other one.

    `name_labels` says which of them a label of the column names; `ValueError` or `LookupError` of it is such a one too.
    """
    rows = read_rows(path, schema)
    sound = [label for label in rows[column].dropna().unique() if _names_these(label, labels, name_labels)]
    others = rows.loc[rows[column].notna() & ~rows[column].isin(sound), column]
    if not others.empty:
        raise InputError(
            f"{path} has {column} = {others.iloc[0]!r} in {len(others):,} rows, but task.labels is {list(labels)}; "
            "add it there, or run 'dvc repro', which writes the file anew"
        )
    return rows


def _names_these(label: str, labels: Sequence[str], name_labels: Callable[[str], list[str]]) -> bool:
    try:
        return set(labels).issuperset(name_labels(label))
    except (LookupError, TypeError, ValueError):
        return False


def iter_rows(path: Path, schema: pa.Schema, size: int) -> Iterator[list[dict[str, Any]]]:
    """Read a stage's table in lists of at most `size` rows, in file order; errors as `read_rows`."""
    with _open(path, schema) as file:
        for batch in file.iter_batches(batch_size=size):
            yield batch.to_pylist()


def count_rows(path: Path, schema: pa.Schema) -> int:
    """The number of rows of a stage's table, from its footer; errors as `read_rows`."""
    with _open(path, schema) as file:
        return int(file.metadata.num_rows)


@contextmanager
def _open(path: Path, schema: pa.Schema) -> Iterator[pq.ParquetFile]:
    """The file while it is read; what is wrong with it, in its footer or in its rows, is one line."""
    again = "'dvc repro' writes it anew"
    try:
        with pq.ParquetFile(path) as file:
            found = file.schema_arrow
            if found.names != schema.names:
                names = ", ".join(map(str, found.names[:MOST_NAMES])) + (", ..." * (len(found.names) > MOST_NAMES))
                raise InputError(f"{path} has the columns {names} instead of {', '.join(schema.names)}; {again}")
            for field in schema:
                if (other := found.field(field.name)) != field:
                    raise InputError(f"{path} has {_describe(other)} instead of {_describe(field)}; {again}")
            yield file
    except FileNotFoundError:
        raise InputError(f"{path} is missing; 'dvc repro' writes it") from None
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        fault = str(error).partition("\n")[0]
        raise InputError(f"{path} is not a parquet file, or a damaged one ({fault}); {again}") from None


def _describe(field: pa.Field) -> str:
    return f"{field.name} as {field.type}{'' if field.nullable else ' not null'}"


def write_rows(path: Path, schema: pa.Schema, rows: pd.DataFrame | Iterable[dict[str, object]]) -> None:
    """Write rows in the schema's columns, sorted by its leading key columns, replacing the file in one step."""
    if isinstance(rows, pd.DataFrame):
        table = pa.Table.from_pandas(rows, schema=schema, preserve_index=False)
    else:
        table = pa.Table.from_pylist(list(rows), schema=schema)
    keys = [name for name in KEYS if name in schema.names]
    table = table.sort_by([(name, "ascending") for name in keys]).replace_schema_metadata(None)
    with row_writer(path, schema) as writer:
        writer.write_table(table)


@contextmanager
def row_writer(path: Path, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    """Write a table piece by piece, in order; the file appears when all is written, not at all after an error.

    Raises `InputError` as `written_whole` does.
    """
    with written_whole(path) as half, pq.ParquetWriter(half, schema) as writer:
        yield writer
