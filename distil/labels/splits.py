"""Draw test and validation rows by hash, so that a row's place never changes when data grow or prompts do."""

import hashlib
from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def draw(ids: Iterable[str], share: float, salt: str) -> NDArray[np.bool_]:
    """Whether each id is drawn: its hash with the salt, as a number in [0, 1), lies under the share."""
    return np.array([_unit(f"{salt}:{text_id}") < share for text_id in ids], dtype=bool)


def _unit(key: str) -> float:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64


def assign(rows: pd.DataFrame, test_share: float, validation_share: float, salt: str) -> pd.Series:
    """Assign each row to test, validation, train or none.

    Args:
        rows: id, gold (or missing), split (of the source, or missing), label (or missing).
        test_share: of the rows with gold; of the labelled rows where no row has gold (the test set then measures
            agreement with the teacher). Not used where the source names test rows.
        validation_share: of the labelled rows outside test, unless the source names validation rows.
        salt: another salt draws another split.

    Returns:
        A series like the rows: "test", "validation", "train", or "none" (not in test, and without a label).
    """
    testable = rows["gold"].notna() if rows["gold"].notna().any() else rows["label"].notna()
    named = rows["split"]
    if (named == "test").any():
        test = (named == "test") & testable
    else:
        test = testable & named.isna() & draw(rows["id"], test_share, f"{salt}:test")
    trainable = rows["label"].notna() & ~test & (named != "test")
    if (named == "validation").any():
        validation = trainable & (named == "validation")
    else:
        validation = trainable & draw(rows["id"], validation_share, f"{salt}:validation")
    parts = np.select([test, validation, trainable], ["test", "validation", "train"], "none")
    return pd.Series(parts, index=rows.index)
