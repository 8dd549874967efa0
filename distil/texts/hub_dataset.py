"""Read texts from a dataset on the Hugging Face Hub, through the library `datasets`.

The library's own cache, endpoint (HF_ENDPOINT) and token (HF_TOKEN or `hf auth login`) hold.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from huggingface_hub import HfApi

from distil.assets.bounds import check_coming
from distil.assets.hub import HUB_ERRORS, explain_absence, follow_no_plain_http
from distil.core.errors import AssetError
from distil.core.runtime import cache_folder
from distil.core.whole_files import scratch_beside
from distil.texts.arrow_tables import read_arrow
from distil.texts.cells import Columns, find_column, gather_gold

if TYPE_CHECKING:
    from datasets import Dataset, DatasetBuilder

WITHOUT_NETWORK = (
    "without a network take its files: download them where there is one, and put them into corpus/ (source: corpus) or "
    "pin them (source: url, files: [PATH#sha256=HEX]); see docs/offline.md"
)
ASKED = 500  # paths, of whose sizes the Hub is asked at once


class HubDataset(NamedTuple):
    """What names a dataset, in the words of `datasets.load_dataset`."""

    dataset: str
    config: str | None
    revision: str
    data_files: list[str] | dict[str, list[str]] | None


def read_dataset(source: HubDataset, columns: Columns) -> dict[str, pd.DataFrame]:
    """Return the rows of each of the dataset's splits, class numbers turned into their names.

    Raises `AssetError` if the Hub or the library refuses, `InputError` if a column is missing or holds no strings.
    """
    # A cache of this run's own: where the Hub fails, `datasets` would fall back on any revision that its cache has.
    with scratch_beside(cache_folder() / "dataset") as scratch:
        builder = _prepare(source, str(scratch))
        return {
            split: pd.DataFrame(columns=list(columns.named()), dtype=str)  # the library opens no split without rows
            if about.num_examples == 0
            else _read_split(builder.as_dataset(split=split), f"{source.dataset}, split {split}", columns)
            for split, about in builder.info.splits.items()
        }


def _prepare(source: HubDataset, scratch: str) -> "DatasetBuilder":
    """Download the dataset, at the commit that the revision stands for now."""
    import datasets  # here, since it takes two seconds that no other source needs

    follow_no_plain_http()
    try:
        commit = HfApi().dataset_info(source.dataset, revision=source.revision).sha
        words = {"name": source.config, "revision": commit, "data_files": source.data_files, "cache_dir": scratch}
        builder = datasets.load_dataset_builder(source.dataset, **words)
        if hasattr(builder.config, "keep_default_na"):  # csv: "None" and "n/a" are text
            builder = datasets.load_dataset_builder(source.dataset, **words, keep_default_na=False)
        _check_size(source, builder, commit)
        builder.download_and_prepare()
    except (*HUB_ERRORS, RuntimeError, StopIteration, datasets.exceptions.DatasetsError) as error:
        raise AssetError(f"{source.dataset}@{source.revision}: {_explain(error)}") from None
    return builder


def _check_size(source: HubDataset, builder: "DatasetBuilder", commit: str | None) -> None:
    """Raise `TooMuchError` where the dataset's files, which the library is about to fetch, are more than any has."""
    name, start = f"{source.dataset}@{source.revision}", f"hf://datasets/{source.dataset}@{commit}/"
    files = [file for some in (builder.config.data_files or {}).values() for file in some]
    check_coming(name, [None] * len(files))
    paths = [file.removeprefix(start) for file in files if file.startswith(start)]
    sizes: list[int | None] = []
    for at in range(0, len(paths), ASKED):
        found = HfApi().get_paths_info(source.dataset, paths[at : at + ASKED], revision=commit, repo_type="dataset")
        sizes += [getattr(one, "size", None) for one in found]
    check_coming(name, sizes)


def _explain(error: Exception) -> str:
    if isinstance(error, StopIteration):  # where the library looks for the columns of json files
        return "its files have no rows; name others in fetch.data_files"
    if error.__cause__ and "while generating the dataset" in str(error):  # the cause alone says why
        cause = " ".join(str(error.__cause__).split())
        return f"its files cannot be read ({cause}); name others in fetch.data_files"
    if "scripts are no longer supported" in str(error):
        return (
            "made by a script, which is not run; set revision: refs/convert/parquet and "
            "data_files: [CONFIG/SPLIT/*.parquet], the Hub's own conversion"
        )
    return explain_absence(error, WITHOUT_NETWORK)


def _read_split(dataset: "Dataset", name: str, columns: Columns) -> pd.DataFrame:
    wanted = columns.named()
    if not set(wanted.values()) <= set(dataset.column_names):
        dataset = dataset.flatten()  # data.body: a field of a column of structures
    for role, column in wanted.items():
        find_column(name, role, column, dataset.column_names)
    table: pa.Table = dataset.with_format("arrow")[:]
    decoded = {role: _decode(table[column], dataset.features[column]) for role, column in wanted.items()}
    return gather_gold(read_arrow(decoded, name), columns)


def _decode(column: pa.ChunkedArray, feature: Any) -> pa.ChunkedArray:
    """Turn class numbers into names, also those in lists; -1 is the library's way to say that there is none."""
    names = getattr(feature, "names", None)
    if names is None:
        inner = getattr(getattr(feature, "feature", None), "names", None)
        if inner is None:
            return column
        rows = [
            None
            if row is None or any(number is None or number < 0 for number in row)
            else [inner[number] for number in row]
            for row in column.to_pylist()
        ]
        return pa.chunked_array([pa.array(rows, pa.list_(pa.string()))])
    return pc.take(pa.array(names), pc.if_else(pc.less(column, 0), None, column))
