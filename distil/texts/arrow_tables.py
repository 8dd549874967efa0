"""Read columns that Arrow holds, in parquet files and in datasets of the Hub, as strings."""

import io
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from distil.assets.bounds import check_unpacked
from distil.core.errors import InputError
from distil.texts.cells import find_column, write_json
from distil.texts.conll_files import join_tagged
from distil.texts.opening import open_to_seek

BATCH_ROWS = 1024


def read_parquet(path: Path, name: str, wanted: dict[str, str]) -> pd.DataFrame:
    """Return the columns `wanted` (role -> column) by role; `data.body` is a field of a column of structures."""
    with open_to_seek(path) as stream:
        try:
            file = pq.ParquetFile(stream)
            there = _names(file.schema_arrow)
            for role, column in wanted.items():
                find_column(name, role, column, there)
            table = _read_bounded(file, list(wanted.values()), name, stream.seek(0, io.SEEK_END))
        except (pa.ArrowInvalid, OSError) as error:  # OSError: a page that cannot be unpacked, a torn footer
            remedy = "copy, download or write it anew"
            raise InputError(f"{name} is not a sound parquet file ({str(error).splitlines()[0]}); {remedy}") from None
    return read_arrow({role: pick_column(table, column) for role, column in wanted.items()}, name)


def pick_column(table: pa.Table, column: str) -> pa.ChunkedArray:
    """A column by its name, or of `data.body` the field `body` of the column `data`."""
    if column in table.column_names:
        return table[column]
    above = max((name for name in table.column_names if column.startswith(f"{name}.")), key=len)
    return pick_column(table.select([above]).flatten(), column)


def _read_bounded(file: pq.ParquetFile, columns: list[str], name: str, packed: int) -> pa.Table:
    """Read columns piece by piece: one text that is named a million times takes little in the file.

    What a page unpacks to is not known before; pages are small where a writer is honest, and a file may say otherwise.
    """
    groups = map(file.metadata.row_group, range(file.metadata.num_row_groups))
    declared = sum(group.total_byte_size for group in groups)  # not of its parts: Arrow dies of broken ones
    check_unpacked(name, packed, declared)
    batches, size = [], 0
    for batch in file.iter_batches(BATCH_ROWS, columns=columns):
        batches.append(batch)
        size += batch.nbytes
        check_unpacked(name, packed, size)
    return pa.Table.from_batches(batches, schema=batches[0].schema) if batches else file.read(columns=columns)


def _names(fields: pa.Schema | pa.StructType, above: str = "") -> list[str]:
    """The names of columns, those of fields in them with a dot."""
    names = []
    for field in fields:
        names.append(f"{above}{field.name}")
        if pa.types.is_struct(field.type):
            names += _names(field.type, f"{above}{field.name}.")
    return names


def read_arrow(columns: dict[str, pa.ChunkedArray], name: str) -> pd.DataFrame:
    """Return Arrow columns, by role, as rows of strings numbered from 1.

    Labels may be numbers or truth values, and gold what has parts, lists and structures, which is written as JSON. A
    text may be a list of tokens, and gold then that of their tags, which become spans in the text that the tokens make.
    """
    if _holds_words(columns["text"].type):
        columns = columns | _join_tokens(columns, name)
    strings = {role: _as_strings(column, role, name) for role, column in columns.items()}
    rows: pd.DataFrame = pa.table(strings).to_pandas()
    rows.index = pd.RangeIndex(1, len(rows) + 1, name="row")
    return rows


def _holds_words(kind: pa.DataType) -> bool:
    return (pa.types.is_list(kind) or pa.types.is_large_list(kind)) and _is_text(kind.value_type)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _join_tokens(columns: dict[str, pa.ChunkedArray], name: str) -> dict[str, pa.ChunkedArray]:
    """The text and gold of rows of tokens, and of their tags if there are any."""
    tokens, tags = columns["text"].to_pylist(), [None] * len(columns["text"])
    if "gold" in columns:
        if not _holds_words(columns["gold"].type):
            raise InputError(
                f"{name}: the text column holds tokens, and the gold column no tags such as B-PER for them"
            )
        tags = columns["gold"].to_pylist()
    joined = [
        (None if words is None else " ".join(words), None)
        if words is None or of_words is None
        else join_tagged(words, of_words, f"{name}, row {number}")
        for number, (words, of_words) in enumerate(zip(tokens, tags, strict=True), start=1)
    ]
    texts, gold = ([row[part] for row in joined] for part in (0, 1))
    made = {"text": pa.chunked_array([pa.array(texts, pa.large_string())])}
    return made | ({"gold": pa.chunked_array([pa.array(gold, pa.large_string())])} if "gold" in columns else {})


def _as_strings(column: pa.ChunkedArray, role: str, name: str) -> pa.ChunkedArray:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_nested(kind) and role == "gold":
        written = (None if value is None else write_json(value) for value in column.to_pylist())
        column = pa.chunked_array([pa.array(written, pa.large_string())])
    elif not _is_text(kind) and (role == "text" or pa.types.is_nested(kind)):
        raise InputError(f"{name}: the {role} column holds {kind}, not strings")
    strings = column.cast(pa.large_string())  # pa.string() ends at 2 GB
    try:
        strings.validate(full=True)  # Arrow itself reads whatever bytes are there
    except pa.ArrowInvalid as error:
        raise InputError(f"{name}: the {role} column is not UTF-8 ({str(error).splitlines()[0]})") from None
    return strings
