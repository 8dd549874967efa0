"""Draw test and validation rows by hash, so that a row's place never changes when data grow or prompts do."""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Clusters = NDArray[np.int64]


def draw(ids: Iterable[str], share: float, salt: str) -> NDArray[np.bool_]:
    """Whether each id is drawn: its hash with the salt, as a number in [0, 1), lies under the share."""
    return np.array([_unit(f"{salt}:{text_id}") < share for text_id in ids], dtype=bool)


def _unit(key: str) -> float:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64


def assign(
    rows: pd.DataFrame, test_share: float, validation_share: float, salt: str, clusters: Clusters | None = None
) -> pd.Series:
    """Assign each row to test, validation, train, near or none.

    Args:
        rows: id, gold (or missing), split (of the source, or missing), label (or missing).
        test_share: of the rows with gold; of the labelled rows where no row has gold (the test set then measures
            agreement with the teacher). Not used where the source names test rows.
        validation_share: of the labelled rows outside test, unless the source names validation rows.
        salt: another salt draws another split.
        clusters: the number of each row's cluster of near-duplicates, if these are to stay together: a cluster is test
            where one of its rows is drawn, else validation where one is drawn, and never the reverse, so that test
            rows stay test rows when data grow. A row that the source puts elsewhere never becomes test.

    Returns:
        A series like the rows: "test", "validation", "train", "near" (kept out of training for a near-duplicate in
        test, where it cannot be itself), or "none" (not in test, and without a label).
    """
    testable = rows["gold"].notna() if rows["gold"].notna().any() else rows["label"].notna()
    named = rows["split"]
    if (named == "test").any():
        test = (named == "test") & testable
        near = test | _share_cluster(test, clusters)
    else:
        test = testable & named.isna() & draw(rows["id"], test_share, f"{salt}:test")
        near = test | _share_cluster(test, clusters)
        test = near & testable & named.isna()
    trainable = rows["label"].notna() & ~near & (named != "test")
    if (named == "validation").any():
        validation = trainable & (named == "validation")
    else:
        validation = trainable & draw(rows["id"], validation_share, f"{salt}:validation")
        validation |= trainable & _share_cluster(validation, clusters)
    kept_out = near & rows["label"].notna()
    parts = np.select([test, validation, trainable, kept_out], ["test", "validation", "train", "near"], "none")
    return pd.Series(parts, index=rows.index)


def keep_out(rows: pd.DataFrame, audited: pd.Series, clusters: Clusters | None = None) -> pd.Series:
    """The `part` of each row once those with audited ids, whose labels estimate, train and validate nothing.

    They are "audit", and where clusters stay together what is near them is "near". A test row stays one.
    """
    chosen = rows["id"].isin(audited)
    learns = rows["part"].isin(["train", "validation"])
    near = learns & _share_cluster(chosen, clusters)
    return rows["part"].mask(near, "near").mask(chosen & (learns | (rows["part"] == "near")), "audit")


def _share_cluster(chosen: pd.Series, clusters: Clusters | None) -> NDArray[np.bool_]:
    """Whether each row is in the cluster of a chosen one."""
    if clusters is None:
        return np.zeros(len(chosen), dtype=bool)
    return np.isin(clusters, clusters[chosen.to_numpy(bool)])


class Straddling(NamedTuple):
    """Near-duplicates that stand on both sides of a split: whether each row is one."""

    test: NDArray[np.bool_]
    learnt: NDArray[np.bool_]  # those in train and validation


def find_straddling(parts: pd.Series, clusters: Clusters) -> Straddling:
    """Find the test rows that have a near-duplicate in train or validation, and these."""
    test, learnt = (parts == "test").to_numpy(), parts.isin(["train", "validation"]).to_numpy()
    shared = np.isin(clusters, np.intersect1d(clusters[test], clusters[learnt]))
    return Straddling(test & shared, learnt & shared)
