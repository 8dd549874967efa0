"""The rows that all candidates label: those that people labelled, by where `split` puts them, or those of a file."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pandas as pd

from distil.assets.references import resolve
from distil.core.errors import InputError
from distil.core.ids import text_id
from distil.labels.params import SplitParams
from distil.labels.splits import find_test

DEV, TEST, GOLD = "dev", "test", "gold"
NAMED = (DEV, TEST, GOLD)


@dataclass(frozen=True)
class ComparedRows:
    """The rows (id, text, gold), what they are called, how many of them are test rows, and how many have no gold."""

    table: pd.DataFrame
    name: str
    test_rows: int
    without_gold: int


def choose_rows(texts: pd.DataFrame, rows: str, split: SplitParams, assets: Path) -> ComparedRows:
    """The rows that `compare.rows` names, of a table of texts; those without people's label are left out.

    Raises `InputError` if no row is left, or a file's row is not among the texts.
    """
    has_gold = texts["gold"].notna()
    is_test = find_test(texts, split)
    named = {DEV: has_gold & ~is_test, TEST: is_test, GOLD: has_gold}
    wanted = named[rows] if rows in named else _find_rows_of_file(texts, rows, assets)
    chosen = wanted & has_gold
    if not chosen.any():
        raise InputError(
            f"compare.rows = {rows!r} in params.yaml has no row that people labelled ({int(has_gold.sum()):,} of "
            f"{len(texts):,} texts are, {int(is_test.sum()):,} of them test rows), and candidates are compared by "
            f"people's labels; name other rows ({', '.join(NAMED)} or a file), or have some labelled"
        )
    table = texts.loc[chosen, ["id", "text", "gold"]].reset_index(drop=True)
    called = rows if rows in named else PurePosixPath(rows.partition("#")[0]).name
    return ComparedRows(table, called, int((chosen & is_test).sum()), int((wanted & ~has_gold).sum()))


def _find_rows_of_file(texts: pd.DataFrame, rows: str, assets: Path) -> pd.Series:
    """Whether each text is in the file that is named, by its text, or by its id where the file has no text."""
    try:
        path = resolve(rows, assets)
    except InputError as error:
        raise InputError(f"compare.rows = {rows!r} is none of {', '.join(NAMED)}, and as a file: {error}") from None
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except (OSError, ValueError) as error:  # the second: not UTF-8, no csv, empty
        raise InputError(f"compare.rows: {path} cannot be read as csv: {error}") from None
    if not {"id", "text"} & set(table.columns):
        raise InputError(f"compare.rows: {path} has no column id or text; it has: {', '.join(table.columns)}")
    ids = table["text"].map(text_id) if "text" in table.columns else table["id"]
    strange = ids[~ids.isin(texts["id"])]
    if not strange.empty:
        shown = table.loc[strange.index[0], "text" if "text" in table.columns else "id"]
        raise InputError(
            f"compare.rows: {len(strange):,} of {len(ids):,} rows of {path} are not among the study's texts, the first "
            f"is {shown[:60]!r}; bring them by section fetch, or leave them out"
        )
    return texts["id"].isin(ids)
