from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from distil.assets.references import sha256_of
from distil.compare.rows import choose_rows
from distil.core.errors import InputError
from distil.core.ids import text_id
from distil.labels.params import SplitParams

LONG = "the parcel came late again and nobody at the desk could say where it had been for all of the week"
TEXTS = [f"{LONG}{'!' * number}" for number in range(20)] + ["something else", "and another thing"]
TABLE = pd.DataFrame({"id": [text_id(text) for text in TEXTS], "text": TEXTS, "gold": "a", "split": None})


def choose(rows: str, **split: str) -> list[str]:
    chosen = choose_rows(TABLE, rows, SplitParams.model_validate(split), Path("assets.txt"))
    return list(chosen.table["text"])


def test_what_stays_with_a_test_row_is_no_dev_row() -> None:
    """Where near-duplicates stay together, they follow one into the test set, and no candidate is chosen by them."""
    assert any(text.startswith(LONG) for text in choose("dev"))
    assert any(text.startswith(LONG) for text in choose("test"))
    assert not any(text.startswith(LONG) for text in choose("dev", near_duplicates="together"))
    assert sum(text.startswith(LONG) for text in choose("test", near_duplicates="together")) == 20


@pytest.mark.parametrize(
    "columns",
    [{"text": [TEXTS[3], TEXTS[20]]}, {"id": TABLE["id"][[3, 20]]}, {"id": [1, 2], "text": [TEXTS[3], TEXTS[20]]}],
)
def test_the_rows_of_a_file_are_those_with_its_texts_or_else_its_ids(tmp_path: Path, columns: dict[str, Any]) -> None:
    path = tmp_path / "rows.csv"
    pd.DataFrame(columns).to_csv(path, index=False)
    assert choose(f"{path}#sha256={sha256_of(path)}") == [TEXTS[3], TEXTS[20]]


def test_rows_that_are_neither_a_name_nor_a_file_are_told_with_their_place() -> None:
    with pytest.raises(InputError, match=r"^compare.rows = 'Dev' is none of dev, test, gold, and as a file: Dev does"):
        choose("Dev")
