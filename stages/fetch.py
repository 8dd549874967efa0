"""Fetch: bring the texts, whatever their source, into one table where each text stands once.

Reads what the section `fetch` names (for the source corpus: the files in corpus/), writes id, text, gold label or null
and split or null. Exact duplicates are merged; a text whose gold labels disagree keeps none. Rows without a text are
left out and named, unless `fetch.blank` is error; any other row that is not sound stops the stage. `fetch.limit` takes
some of the texts, by lot.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pandas as pd

from distil.core.command import run
from distil.core.metrics import write_metrics
from distil.core.params import TaskParams, load_params
from distil.core.tables import TEXTS, write_rows
from distil.forms.labelling import load_labelling
from distil.forms.labels import LabelForm
from distil.texts.duplicates import SPLITS, Merged, merge_duplicates
from distil.texts.sample import draw_sample
from distil.texts.sources import Reading, load_source, read_source

MOST_NAMED = 5  # places, and notes on files


def main(
    corpus: Annotated[Path, "folder of your own files, for fetch.source: corpus"],
    assets: Annotated[Path, "packages that hold models or data, pinned by hash"],
    texts: Annotated[Path, "table: one row a text, with people's label where there is one"],
    metrics: Annotated[Path, "json: counts"],
) -> None:
    """Write one row a text, and counts."""
    task = load_params("task", TaskParams)
    params, labelling = load_source(), load_labelling(task.kind)
    reading = read_source(params, task.labels, labelling.gold, corpus, assets)
    merged = merge_duplicates(reading.rows, placed=labelling.gold.PLACED)
    sample = merged._replace(rows=draw_sample(merged.rows, params.limit))
    write_rows(texts, TEXTS, sample.rows)
    counts = count_rows(sample, task.labels, labelling.form) | {
        "left_out": reading.left_out,
        "blank": len(reading.blank),
        **({"synthetic": True} if params.source == "templates" else {}),
        **({"limit": params.limit, "in_all": len(merged.rows)} if params.limit else {}),
    }
    write_metrics(metrics, {"texts": counts["texts"]}, counts)
    for line in describe_reading(reading, merged.conflicts):
        print(f"fetch: {line}", file=sys.stderr)
    of_all = f" of {counts['in_all']:,}" if params.limit else ""
    print(
        f"fetch: {counts['texts']:,}{of_all} texts from {params.source}, {counts['with_gold']:,} with gold "
        f"({counts['duplicates_merged']:,} duplicates merged, {counts['gold_conflicts']:,} gold conflicts, "
        f"{counts['left_out'] + counts['blank']:,} left out) -> {texts}"
    )


def count_rows(merged: Merged, labels: list[str], form: LabelForm) -> dict[str, Any]:
    """Count texts by label and by split; `unassigned` are those whose split the stage split draws."""
    rows = merged.rows
    named = Counter(name for label in rows["gold"].dropna() for name in form.name_labels(label))
    return {
        "texts": len(rows),
        "with_gold": int(rows["gold"].notna().sum()),
        "duplicates_merged": merged.duplicates,
        "gold_conflicts": int(merged.conflicts["id"].nunique()),
        "by_label": {label: named[label] for label in labels},
        "by_split": {split: int((rows["split"] == split).sum()) for split in reversed(SPLITS)}
        | {"unassigned": int(rows["split"].isna().sum())},
    }


def describe_reading(reading: Reading, conflicts: pd.DataFrame) -> Iterator[str]:
    """Tell what was not taken as it stood, a line each: how files were read, blank rows, gold labels that disagree."""
    yield from reading.notes[:MOST_NAMED]
    if len(reading.notes) > MOST_NAMED:
        yield f"and {len(reading.notes) - MOST_NAMED:,} more such lines on other files"
    if reading.blank:
        more = f" and {len(reading.blank) - MOST_NAMED:,} more" * (len(reading.blank) > MOST_NAMED)
        yield (
            f"rows without a text, left out: {len(reading.blank):,} ({'; '.join(reading.blank[:MOST_NAMED])}{more}); "
            "fetch.blank: error stops there instead"
        )
    if not conflicts.empty:
        yield describe_conflicts(conflicts)


def describe_conflicts(conflicts: pd.DataFrame) -> str:
    """Tell in one line how many texts stand with different gold labels, and show the first."""
    first = conflicts.iloc[0]
    gold = conflicts.loc[conflicts["id"] == first["id"], "gold"].unique()
    return (
        f"texts that stand with different gold labels and keep none: {conflicts['id'].nunique():,}; "
        f"the first is {first['text'][:80]!r} ({', '.join(gold)})"
    )


if __name__ == "__main__":
    run(main)
