from pathlib import Path

import pandas as pd

from distil.compare.rows import choose_rows
from distil.core.ids import text_id
from distil.labels.params import SplitParams

LONG = "the parcel came late again and nobody at the desk could say where it had been for all of the week"
TEXTS = [f"{LONG}{'!' * number}" for number in range(20)] + ["something else", "and another thing"]


def test_what_stays_with_a_test_row_is_no_dev_row() -> None:
    """Where near-duplicates stay together, they follow one into the test set, and no candidate is chosen by them."""
    texts = pd.DataFrame({"id": [text_id(text) for text in TEXTS], "text": TEXTS, "gold": "a", "split": None})

    def choose(rows: str, **split: str) -> list[str]:
        chosen = choose_rows(texts, rows, SplitParams.model_validate(split), ["a"], Path("assets.txt"))
        return list(chosen.table["text"])

    assert any(text.startswith(LONG) for text in choose("dev"))
    assert any(text.startswith(LONG) for text in choose("test"))
    assert not any(text.startswith(LONG) for text in choose("dev", near_duplicates="together"))
    assert sum(text.startswith(LONG) for text in choose("test", near_duplicates="together")) == 20
