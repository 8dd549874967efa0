"""Read people's labels where a text has one."""

from collections.abc import Mapping, Sequence

import pandas as pd

from distil.forms.gold import Fault, GoldRead

WHOLE_NUMBER = r"(-?\d+)\.0+"
LISTS = ("[", "{")
PLACED = False


def read_gold(cells: pd.Series, texts: pd.Series, labels: Sequence[str], names: Mapping[str, str]) -> GoldRead:
    """The labels by the task's names.

    Where a column of whole numbers has gaps, pandas writes 1 as 1.0: if only the former is known, that is meant.
    """
    known = [*names, *labels]
    whole = cells.str.extract(f"^{WHOLE_NUMBER}$", expand=False)
    meant = ~cells.isin(known) & whole.isin(known)
    gold, notes = cells, []
    if meant.any():
        first = meant.idxmax()
        notes = [
            f"gold labels such as {cells[first]!r} are read as {whole[first]!r}, which is known (rows: {meant.sum():,})"
        ]
        gold = gold.mask(meant, whole)
    if names:
        gold = gold.map(names).fillna(gold)
    outside = (gold.notna() & ~gold.isin(labels)).to_numpy()
    if not outside.any():
        return GoldRead(gold, notes, None)
    remedy = "correct it, or name its label in fetch.gold_names"
    if cells[outside].str.startswith(LISTS).all():
        remedy += "; for several labels a text, or spans, set task.kind"
    return GoldRead(gold, notes, Fault(outside, f"is not in task.labels ({', '.join(labels)}); {remedy}"))
