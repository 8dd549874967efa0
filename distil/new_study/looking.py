"""Look at a file of texts: which column is the text, what people said of it, how long, how often, in what language."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd

from distil.core.errors import InputError
from distil.core.ids import text_id
from distil.core.params import Kind
from distil.new_study.gold import Gold, choose_gold, read_kind
from distil.new_study.language import tell_language
from distil.new_study.user_file import UserFile
from distil.texts.checks import Split, has_content
from distil.texts.readers import Layout

NO_COLUMN = "none"  # of --gold-column: there is none
MADE_BY_MACHINES = re.compile(  # numbers, dates and times, addresses, hashes
    r"[\d\s.,:;/+%$\u20ac-]+|https?://\S+|\S+@\S+\.\S+|[0-9a-fA-F-]{16,}|\d{4}-\d\d-\d\dT\S+"
)
BYTES_A_TOKEN = 4
LENGTHS = (128, 256, 512)  # of train.max_length
READ_WHOLE = 0.99  # share of the texts that the student is to read to their end


@dataclass(frozen=True)
class Wishes:
    """What the user says of the file, where nothing is to be guessed."""

    text: str | None = None
    gold: str | None = None  # NO_COLUMN: there is none
    kind: Kind | None = None
    header: bool = True


@dataclass(frozen=True)
class Found:
    """What is in a file; lengths are of its distinct texts."""

    columns: list[str]
    text: str | None  # None: the file has no columns
    gold: Gold | None
    split: str | None
    rows: int
    blank: int
    texts: int  # distinct ones
    words: tuple[int, int]  # the median, and of the longest
    characters: int  # of all distinct texts
    max_length: int  # for train.max_length
    language: str
    notes: list[str]  # how the file was read, and what was assumed


def look(path: Path, name: str, wishes: Wishes) -> Found:
    """Look at a file; `name` is what messages call it.

    Raises `InputError` if it cannot be read, has no text, or leaves in doubt what only the user can know.
    """
    file = UserFile(path, name, Layout(header=wishes.header))
    columns = _read_columns(file)
    text = _choose_text(file, columns, wishes.text)
    read = file.read_texts(text)
    texts = [one for one in read.rows["text"].dropna() if has_content(one)]
    if not texts:
        raise InputError(f"{name} has no text in column {text!r}; name another: --text-column")
    others = {other: cells for other, cells in columns.items() if other != text}
    split = next((other for other, cells in others.items() if _is_split(cells)), None)
    distinct = list({text_id(one): one for one in texts}.values())
    words = [len(one.split()) for one in distinct]
    return Found(
        columns=list(columns),
        text=text,
        gold=_find_gold(file, text, [other for other in others if other != split], wishes),
        split=split,
        rows=len(read.rows),
        blank=len(read.rows) - len(texts),
        texts=len(distinct),
        words=(int(np.median(words)), max(words)),
        characters=sum(map(len, distinct)),
        max_length=_fit_length(distinct),
        language=tell_language(distinct),
        notes=read.notes,
    )


def _read_columns(file: UserFile) -> dict[str, pd.Series | None]:
    """Each column as texts, in the file's order; null for one that holds anything else."""
    columns = {column: file.read_column(column) for column in file.columns}
    if columns and all(cells is None for cells in columns.values()):
        file.read_texts(file.columns[0])  # which tells what is wrong with it
    return columns


def _choose_text(file: UserFile, columns: Mapping[str, pd.Series | None], wish: str | None) -> str | None:
    """The column of the longest texts that people wrote; null in a file that has no columns."""
    if not file.has_columns:
        return None
    if not columns:
        file.read_texts(wish)  # which tells what is wrong with the file
    if wish is not None:
        if wish not in columns:
            raise InputError(f"{file.name} has no column {wish!r}; --text-column takes one of: {', '.join(columns)}")
        return wish
    lengths = {column: _mean_length(cells) for column, cells in columns.items() if cells is not None}
    best = max(lengths, key=lambda column: lengths[column], default=None)
    if best is None or not lengths[best]:
        raise InputError(f"{file.name} has no column of texts; name it with --text-column: {', '.join(columns)}")
    return best


def _mean_length(cells: pd.Series) -> float:
    """Characters of the cells that a person wrote; 0 if most of the column was made by machines, or is empty."""
    filled = cells.dropna().str.strip()
    filled = filled[filled != ""]
    written = filled[~filled.map(lambda cell: bool(MADE_BY_MACHINES.fullmatch(cell))).astype(bool)]
    return float(written.str.len().mean()) if len(written) > len(filled) / 2 else 0.0


def _is_split(cells: pd.Series | None) -> bool:
    values = set() if cells is None else set(cells.dropna()) - {""}
    return len(values) > 1 and values <= set(get_args(Split))


def _find_gold(file: UserFile, text: str | None, others: Sequence[str], wishes: Wishes) -> Gold | None:
    """The column of people's labels, as the user or the file says."""
    if wishes.gold == NO_COLUMN:
        return None
    if not file.has_columns:  # and yet may have spans, as CoNLL files do
        cells = file.read_gold(None, "gold")
        return None if cells is None else read_kind("gold", cells, "token_classification")
    if wishes.gold is None:
        read = {column: file.read_gold(text, column) for column in others}
        return choose_gold({column: cells for column, cells in read.items() if cells is not None}, wishes.kind)
    if wishes.gold not in others:
        raise InputError(f"{file.name} has no column {wishes.gold!r}; --gold-column takes none or: {', '.join(others)}")
    cells = file.read_gold(text, wishes.gold)
    found = None if cells is None else read_kind(wishes.gold, cells, wishes.kind)
    if found is None and cells is not None and wishes.kind is None:  # whatever it looks like, the user has said so
        found = read_kind(wishes.gold, cells, "classification")
    if found is None:
        said = f"{file.name}: the column {wishes.gold!r} holds no labels"
        raise InputError(f"{said} of the kind {wishes.kind}; --kind names another" if wishes.kind else f"{said} at all")
    return found


def _fit_length(texts: Sequence[str]) -> int:
    """The least of `LENGTHS` in which nearly all texts fit, at so many bytes a token."""
    needed = float(np.quantile([len(text.encode()) for text in texts], READ_WHOLE)) / BYTES_A_TOKEN
    return next((length for length in LENGTHS if needed <= length), LENGTHS[-1])
