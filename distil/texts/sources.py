"""Where texts come from: the section `fetch`, one model a source, and the reading of what it names.

Whatever the source, each row that comes out has a text that is not blank, a gold label of the task or null, and a split
or null.
"""

import fnmatch
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self, get_args

import pandas as pd
from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from distil.assets.references import resolve
from distil.core.errors import InputError
from distil.core.params import PARAMS_FILE, Number, Params, load_params
from distil.texts.hub_dataset import HubDataset, read_dataset
from distil.texts.readers import Columns, read_file
from distil.texts.reviews import read_reviews

Split = Literal["train", "validation", "test"]


def _as_mapping(value: Any) -> Any:
    if isinstance(value, dict):
        return value
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return dict.fromkeys(value)
    raise ValueError("write a list of names, or a mapping of names to train, validation, test or null")


SplitOf = Annotated[dict[str, Split | None], BeforeValidator(_as_mapping), Field(min_length=1)]
"""A list of names, or a mapping of names to the split that their rows belong to; null: the stage split draws."""


class SourceName(Params):
    """The one key that tells which model the section has."""

    model_config = ConfigDict(extra="ignore")
    source: Literal["reviews", "corpus", "url", "hub"]


class ReviewsParams(Params):
    """The built-in study."""

    source: Literal["reviews"]
    archive: str
    min_rating: Number = Field(gt=0, le=4)


class TableParams(Params):
    """What the other sources share: the user names columns and labels."""

    columns: Columns = Columns()
    gold_names: dict[str, str] = Field(default={})  # what stands in the gold column -> label of the task

    @model_validator(mode="after")
    def _check_gold_names(self) -> Self:
        if self.gold_names and not self.columns.gold:
            raise ValueError("gold_names needs columns.gold, the column that holds those names")
        return self


class CorpusParams(TableParams):
    """The user's own files in corpus/."""

    source: Literal["corpus"]
    files: SplitOf = Field(default={"*": None})  # names or patterns; * goes into sub-folders too


class UrlParams(TableParams):
    """Files to download, each pinned."""

    source: Literal["url"]
    files: SplitOf  # https://...#sha256=HEX


class HubParams(TableParams):
    """A dataset on the Hugging Face Hub."""

    source: Literal["hub"]
    dataset: str  # owner/name
    revision: str  # a commit; or a branch, which may hold other texts when fetch runs again
    config: str | None = None
    data_files: list[str] | dict[str, list[str]] | None = None  # patterns, or a mapping of its splits to patterns
    splits: SplitOf | None = None  # the dataset's splits to read


SourceParams = ReviewsParams | CorpusParams | UrlParams | HubParams


class Table(NamedTuple):
    """One file, or one split of a dataset: its name in messages, its rows as read, and the split they all belong to."""

    name: str
    rows: pd.DataFrame
    split: Split | None


class Reading(NamedTuple):
    """Rows of text, gold and split, each null or sound; and how many rows the source left out by its own rule."""

    rows: pd.DataFrame
    left_out: int


def load_source(path: Path = PARAMS_FILE) -> SourceParams:
    """Return the section `fetch` of the params file as the model of its source; raises `InputError`."""
    source = load_params("fetch", SourceName, path).source
    models: dict[str, type[SourceParams]] = {
        "reviews": ReviewsParams,
        "corpus": CorpusParams,
        "url": UrlParams,
        "hub": HubParams,
    }
    return load_params("fetch", models[source], path)


def read_source(params: SourceParams, labels: list[str], corpus: Path, pins: Path) -> Reading:
    """Read all rows of a source, in its own order, and check them against the task's labels.

    `corpus` is read for the source corpus only; `pins` is assets.txt. Raises `InputError` or `AssetError` for the first
    row or file that is not sound.
    """
    if isinstance(params, ReviewsParams):
        return _read_reviews(params, labels, pins)
    _check_labels("fetch.gold_names", list(params.gold_names.values()), labels)
    tables = [_check_rows(table, params.gold_names, labels) for table in _read_tables(params, corpus, pins)]
    return Reading(pd.concat(tables, ignore_index=True), left_out=0)


def _read_reviews(params: ReviewsParams, labels: list[str], pins: Path) -> Reading:
    _check_labels("the source reviews", ["negative", "positive"], labels)
    reviews = read_reviews(resolve(params.archive, pins), params.min_rating)
    if reviews.rows.empty:
        raise InputError(f"fetch.min_rating = {params.min_rating} leaves none of {reviews.left_out:,} texts; lower it")
    return Reading(reviews.rows, reviews.left_out)


def _check_labels(origin: str, gold: list[str], labels: list[str]) -> None:
    for name in gold:
        if name not in labels:
            raise InputError(f"{origin} has the label {name!r}, which task.labels lacks: {', '.join(labels)}")


def _read_tables(params: CorpusParams | UrlParams | HubParams, corpus: Path, pins: Path) -> Iterator[Table]:
    match params:
        case CorpusParams():
            for path, split in _match_files(corpus, params.files).items():
                yield Table(str(path), read_file(path, str(path), params.columns), split)
        case UrlParams():
            for reference, split in params.files.items():
                name = reference.partition("#")[0]
                yield Table(name, read_file(resolve(reference, pins), name, params.columns), split)
        case HubParams():
            yield from _read_hub(params)


def _match_files(corpus: Path, files: SplitOf) -> dict[Path, Split | None]:
    """Return the files that the patterns name, each once; README.md and hidden files are never among them."""
    there = {path.relative_to(corpus).as_posix(): path for path in sorted(corpus.rglob("*")) if path.is_file()}
    names = [name for name in there if not _is_aside(name)]
    splits: dict[Path, Split | None] = {}
    for pattern, split in files.items():
        matched = [pattern] if pattern in names else fnmatch.filter(names, pattern)
        if not matched:
            shown = ", ".join(names[:20]) or "none"
            raise InputError(f"fetch.files: {pattern!r} matches no file in {corpus}; there: {shown}")
        for name in matched:
            if splits.setdefault(there[name], split) != split:
                raise InputError(f"fetch.files puts {there[name]} in two splits; name it once")
    return splits


def _is_aside(name: str) -> bool:
    parts = name.split("/")
    return parts[-1] == "README.md" or any(part.startswith(".") for part in parts)


def _read_hub(params: HubParams) -> Iterator[Table]:
    source = HubDataset(params.dataset, params.config, params.revision, params.data_files)
    tables = read_dataset(source, params.columns)
    names = ", ".join(tables)
    if params.splits is None and len(tables) > 1:
        raise InputError(
            f"{params.dataset} has the splits {names}; say which are read as what: fetch.splits: {{test: test}}"
        )
    for name, split in (params.splits or dict.fromkeys(tables)).items():
        if name not in tables:
            raise InputError(f"fetch.splits: {params.dataset} has no split {name!r}; it has: {names}")
        yield Table(f"{params.dataset}, split {name}", tables[name], split)


def _check_rows(table: Table, gold_names: dict[str, str], labels: list[str]) -> pd.DataFrame:
    """Return text, gold (by the task's names) and split; raises `InputError` for the first row that is not sound."""
    if table.split and "split" in table.rows:
        raise InputError(f"{table.name} has its split twice: beside its name and in fetch.columns.split; take one out")
    rows = table.rows.reindex(columns=["text", "gold", "split"]).astype("str")
    _refuse(table, "text", rows["text"].isna(), "is null; fill it in or take the row out")
    _refuse(table, "text", ~rows["text"].map(_has_content), "is blank; fill it in or take the row out")
    rows[["gold", "split"]] = rows[["gold", "split"]].mask(rows == "")  # an empty cell says nothing
    if gold_names:
        rows["gold"] = rows["gold"].map(gold_names).fillna(rows["gold"])
    remedy = "correct it, or name its label in fetch.gold_names"
    outside = rows["gold"].notna() & ~rows["gold"].isin(labels)
    _refuse(table, "gold", outside, f"is not in task.labels ({', '.join(labels)}); {remedy}")
    outside = rows["split"].notna() & ~rows["split"].isin(get_args(Split))
    _refuse(table, "split", outside, f"is none of {', '.join(get_args(Split))}")
    return rows.assign(split=table.split) if table.split else rows


def _has_content(text: str) -> bool:
    return bool(text.strip())


def _refuse(table: Table, role: str, wrong: pd.Series, complaint: str) -> None:
    """Raise an error that names the first of the wrong rows, its value unless it is a text, and how many there are."""
    if wrong.any():
        first = int(wrong.to_numpy().argmax())
        value = "" if role == "text" else f" {table.rows[role].iloc[first][:40]!r}"
        place = f"{table.name}, {table.rows.index.name} {table.rows.index[first]}"
        raise InputError(f"{place}: the {role}{value} {complaint} (such rows: {wrong.sum():,})")
