"""Where texts come from: the section `fetch`, one model a source, and the reading of what it names.

Whatever the source, each row that comes out has a text that is not blank, a gold label of the task or null, and a split
or null.
"""

import fnmatch
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

import pandas as pd
from pydantic import BeforeValidator, ConfigDict, Field, model_validator
from tqdm import tqdm

from distil.assets.references import resolve
from distil.core.errors import InputError
from distil.core.links import leads_out
from distil.core.params import PARAMS_FILE, Number, Params, load_params
from distil.forms.gold import GoldForm
from distil.texts.cells import Columns
from distil.texts.checks import Blank, Rules, Split, Table, check_rows
from distil.texts.hub_dataset import HubDataset, read_dataset
from distil.texts.readers import Format, Layout, read_file, read_whole
from distil.texts.reviews import read_reviews
from distil.texts.templates import FieldParams, list_made, make_texts, read_templates


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
    source: Literal["reviews", "corpus", "url", "hub", "templates"]


class SampleParams(Params):
    """What all sources share."""

    limit: int | None = Field(default=None, ge=1)  # so many texts of those there are, always the same; null: all


class ReviewsParams(SampleParams):
    """The built-in study."""

    source: Literal["reviews"]
    archive: str
    min_rating: Number = Field(gt=0, le=4)


class TableParams(SampleParams):
    """What the other sources share: the user names columns and labels."""

    columns: Columns = Columns()
    gold_names: dict[str, str] = Field(default={})  # what stands in the gold column -> label of the task
    label_names: str | None = None  # a pinned file of labels, one a line: what 0, 1, 2 in the gold column stand for
    blank: Blank = "leave_out"  # rows without a text: leave_out (they are counted and named), or error

    @model_validator(mode="after")
    def _check_gold_names(self) -> Self:
        for name in ("gold_names", "label_names"):
            if getattr(self, name) and not self.columns.gold:
                raise ValueError(f"{name} needs columns.gold, the column that holds those names")
        return self


class FileParams(TableParams):
    """What the sources of files share."""

    format: Format | None = None  # of all files; null: each by its suffix
    header: bool = True  # false: csv and tsv files begin with a row, and columns are called "1", "2", "3"
    quotes: bool = True  # false: in csv and tsv files a quotation mark is a sign like any other
    sheet: str | None = None  # of .xlsx files; null: the first
    txt: Literal["line", "file"] = "line"  # what one text of a .txt is: a line, or the file


class CorpusParams(FileParams):
    """The user's own files in corpus/."""

    source: Literal["corpus"]
    files: SplitOf = Field(default={"*": None})  # names or patterns; * goes into sub-folders too


class UrlParams(FileParams):
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


class TemplatesParams(SampleParams):
    """Texts that are made on the spot, with what they hold: spans."""

    source: Literal["templates"]
    templates: str  # an asset or path#sha256=...: a template a line, with holes such as {{name}}
    fields: dict[str, FieldParams] = Field(min_length=1)  # by the name of the hole
    rows: int = Field(ge=1)  # duplicates among them are merged
    locales: list[str] = Field(default=["en_US"], min_length=1)
    test_share: Number = Field(default=0.3, gt=0, lt=1)  # of the templates
    seed: int = 0


SourceParams = ReviewsParams | CorpusParams | UrlParams | HubParams | TemplatesParams


class File(NamedTuple):
    """A file to read: what messages call it, where it is, and the split that all its rows belong to."""

    name: str
    path: Path
    split: Split | None


class Reading(NamedTuple):
    """Rows of text, gold and split, each null or sound, and what was not taken as it stood."""

    rows: pd.DataFrame
    left_out: int  # rows that the source leaves out by its own rule
    blank: list[str]  # where the rows stand that have no text
    notes: list[str]  # how files were read, where that is not plain: a sentence each


def load_source(path: Path = PARAMS_FILE) -> SourceParams:
    """Return the section `fetch` of the params file as the model of its source; raises `InputError`."""
    source = load_params("fetch", SourceName, path).source
    models: dict[str, type[SourceParams]] = {
        "reviews": ReviewsParams,
        "corpus": CorpusParams,
        "url": UrlParams,
        "hub": HubParams,
        "templates": TemplatesParams,
    }
    return load_params("fetch", models[source], path)


def read_source(params: SourceParams, labels: list[str], form: GoldForm, corpus: Path, pins: Path) -> Reading:
    """Read all rows of a source, in its own order, and check them against the task's labels, which `form` reads.

    `corpus` is read for the source corpus only; `pins` is assets.txt. Raises `InputError` or `AssetError` for the first
    row or file that is not sound.
    """
    if isinstance(params, ReviewsParams):
        return _read_reviews(params, labels, form, pins)
    if isinstance(params, TemplatesParams):
        return _make_texts(params, labels, form, pins)
    numbered = _read_label_names(params, pins)
    for origin, some in (("fetch.label_names", numbered), ("fetch.gold_names", params.gold_names)):
        _check_labels(origin, list(some.values()), labels)
    rules = Rules(numbered | params.gold_names, labels, params.blank, form)
    tables = [check_rows(table, rules) for table in _read_tables(params, corpus, pins)]
    rows = pd.concat([table.rows for table in tables], ignore_index=True)
    blank = [place for table in tables for place in table.blank]
    if rows.empty:
        raise InputError(
            f"none of {len(blank):,} rows has a text (the first is {blank[0]}); look at fetch.columns.text"
        )
    return Reading(rows, 0, blank, [note for table in tables for note in table.notes])


def _read_label_names(params: TableParams, pins: Path) -> dict[str, str]:
    """The labels of the file that `label_names` pins, by their number in it, from 0."""
    if params.label_names is None:
        return {}
    path = resolve(params.label_names, pins)
    names = read_file(path, params.label_names.partition("#")[0], Columns(), Layout("txt")).rows["text"]
    return {str(number): name.strip() for number, name in enumerate(names)}


def _read_reviews(params: ReviewsParams, labels: list[str], form: GoldForm, pins: Path) -> Reading:
    _check_labels("the source reviews", ["negative", "positive"], labels)
    reviews = read_reviews(resolve(params.archive, pins), params.min_rating)
    if reviews.rows.empty:
        raise InputError(f"fetch.min_rating = {params.min_rating} leaves none of {reviews.left_out:,} texts; lower it")
    gold = form.read_gold(reviews.rows["gold"], reviews.rows["text"], labels, {})
    if gold.fault:
        raise InputError("the source reviews has one label a text, and no spans; set task.kind: classification")
    return Reading(reviews.rows.assign(gold=gold.gold), reviews.left_out, [], [])


def _make_texts(params: TemplatesParams, labels: list[str], form: GoldForm, pins: Path) -> Reading:
    _check_labels("fetch.fields", [field.label for field in params.fields.values() if field.label], labels)
    name = params.templates.partition("#")[0]
    content = read_whole(resolve(params.templates, pins), name)
    templates = read_templates(content, params.fields, name)
    rows = list_made(make_texts(templates, params.rows, params.locales, params.seed), params.test_share)
    gold = form.read_gold(rows["gold"], rows["text"], labels, {})
    if gold.fault:
        raise InputError("the source templates has spans with a label; set task.kind: token_classification")
    notes = [f"texts are made from {len(templates.usable):,} templates of {name}: they are synthetic"]
    if templates.left_out:
        holes = ", ".join(sorted(set(templates.left_out.values())))
        count = len(templates.left_out)
        notes.append(f"templates left out, since fetch.fields does not fill all of their holes: {count:,} ({holes})")
    return Reading(rows.assign(gold=gold.gold), 0, [], [*notes, *gold.notes])


def _check_labels(origin: str, gold: list[str], labels: list[str]) -> None:
    for name in gold:
        if name not in labels:
            raise InputError(f"{origin} has the label {name!r}, which task.labels lacks: {', '.join(labels)}")


def _read_tables(params: CorpusParams | UrlParams | HubParams, corpus: Path, pins: Path) -> Iterator[Table]:
    match params:
        case CorpusParams():
            yield from _read_files(_match_files(corpus, params.files), params)
        case UrlParams():
            local = ((reference, resolve(reference, pins), split) for reference, split in params.files.items())
            yield from _read_files((File(name.partition("#")[0], path, split) for name, path, split in local), params)
        case HubParams():
            yield from _read_hub(params)


def _read_files(files: Iterable[File], params: FileParams) -> Iterator[Table]:
    """One table a file; of .txt files that are a text each, one table for all that stand together: they may be many."""
    layout = Layout(params.format, params.header, params.quotes, params.sheet)
    told = tqdm(files, desc="reading", unit=" files", delay=5, disable=None)
    for (whole, split), group in groupby(told, lambda file: (_is_one_text(file, params), file.split)):
        if whole:
            texts = {file.name: read_whole(file.path, file.name) for file in group}
            yield Table("", pd.DataFrame({"text": texts.values()}, index=list(texts), dtype=str), split, [])
        else:
            for file in group:
                read = read_file(file.path, file.name, params.columns, layout)
                yield Table(file.name, read.rows, split, read.notes)


def _is_one_text(file: File, params: FileParams) -> bool:
    return params.txt == "file" and Layout(params.format).kind_of(file.path) == ".txt"


def _match_files(corpus: Path, files: SplitOf) -> list[File]:
    """Return the files that the patterns name, each once; README.md and hidden files are never among them."""
    there = _list_files(corpus)
    names = list(there)
    splits: dict[Path, Split | None] = {}
    for pattern, split in files.items():
        matched = [pattern] if pattern in names else fnmatch.filter(names, pattern)
        if not matched:
            shown = ", ".join(names[:20]) or "none"
            raise InputError(f"fetch.files: {pattern!r} matches no file in {corpus}; there: {shown}")
        for name in matched:
            if splits.setdefault(there[name], split) != split:
                raise InputError(f"fetch.files puts {there[name]} in two splits; name it once")
    return [File(str(path), path, split) for path, split in splits.items()]


def _list_files(corpus: Path) -> dict[str, Path]:
    """Return the files of the folder by their names in it; raises `InputError` for a link that leads out of it."""
    there = {path.relative_to(corpus).as_posix(): path for path in sorted(corpus.rglob("*"))}
    there = {name: path for name, path in there.items() if not _is_aside(name)}
    for path in there.values():
        if path.is_symlink() and leads_out(path, corpus):
            raise InputError(
                f"{path} is a link to {path.readlink()}, which is not a file of {corpus}; put the file itself there"
            )
    return {name: path for name, path in there.items() if path.is_file()}


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
    chosen = params.splits or dict.fromkeys(tables)
    for name in chosen:
        if name not in tables:
            raise InputError(f"fetch.splits: {params.dataset} has no split {name!r}; it has: {names}")
    if all(tables[name].empty for name in chosen):
        raise InputError(f"{params.dataset} has no rows in: {', '.join(chosen)}; name others in fetch.splits")
    for name, split in chosen.items():
        yield Table(f"{params.dataset}, split {name}", tables[name], split, [])
