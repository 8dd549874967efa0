"""Draw test, validation and calibration rows by hash, so that a row stays in its place when data or prompts change."""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from distil.labels.near_duplicates import find_clusters
from distil.labels.params import SplitParams

Clusters = NDArray[np.int64]


def draw(ids: Iterable[str], share: float, salt: str) -> NDArray[np.bool_]:
    """Whether each id is drawn: its hash with the salt, as a number in [0, 1), lies under the share."""
    return np.array([_unit(f"{salt}:{text_id}") < share for text_id in ids], dtype=bool)


def _unit(key: str) -> float:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64


def assign(
    rows: pd.DataFrame,
    test_share: float,
    validation_share: float,
    salt: str,
    clusters: Clusters | None = None,
    calibration_share: float = 0.0,
) -> pd.Series:
    """Assign each row to test, validation, calibration, train, near or none.

    Args:
        rows: id, gold (or missing), split (of the source, or missing), label (or missing).
        test_share: of the rows with gold; of the labelled rows where no row has gold (the test set then measures
            agreement with the teacher). Not used where the source names test rows.
        validation_share: of the labelled rows outside test, unless the source names validation rows.
        salt: another salt draws another split.
        clusters: the number of each row's cluster of near-duplicates, if these are to stay together: a cluster is test
            where one of its rows is drawn, else validation where one is drawn, and never the reverse, so that test
            rows stay test rows when data grow. A row that the source puts elsewhere never becomes test.
        calibration_share: of the rows outside test and validation that have a label or gold. Where clusters stay
            together, one drawn row of each, by lot, since p-values take rows as independent; the others are near.

    Returns:
        A series like the rows: "test", "validation", "calibration", "train", "near" (kept out of training for a
        near-duplicate in test or calibration, where it cannot be itself), or "none" (not in test, and without a label).
    """
    testable = rows["gold"].notna() if rows["gold"].notna().any() else rows["label"].notna()
    test, near = _draw_test(rows, testable, test_share, salt, clusters)
    trainable = rows["label"].notna() & ~near & (rows["split"] != "test")
    if (rows["split"] == "validation").any():
        validation = trainable & (rows["split"] == "validation")
    else:
        validation = _draw_clusters(rows, trainable, validation_share, f"{salt}:validation", clusters)
    known = (trainable | testable) & ~near & (rows["split"] != "test") & ~validation  # also where the teacher abstained
    drawn = known & draw(rows["id"], calibration_share, f"{salt}:calibration")
    calibration = _keep_one(rows, drawn, clusters)
    kept_out = (near & rows["label"].notna()) | (known & _share_cluster(drawn, clusters))
    names = ["test", "validation", "calibration", "near", "train"]
    return pd.Series(np.select([test, validation, calibration, kept_out, trainable], names, "none"), index=rows.index)


def find_test(texts: pd.DataFrame, params: SplitParams, label: str | None = None) -> pd.Series:
    """Whether each row of `tables.TEXTS` is a test row for its gold or its source's word, which needs no label.

    `label`: taken for that of every text, so that rows which are drawn only once they have one count as well.
    """
    together = find_clusters(texts["text"].to_list()) if params.near_duplicates == "together" else None
    parts = assign(texts.assign(label=label), params.test_share, params.validation_share, params.salt, together)
    return parts == "test"


def _draw_test(
    rows: pd.DataFrame, testable: pd.Series, share: float, salt: str, clusters: Clusters | None
) -> tuple[pd.Series, pd.Series]:
    """The test rows, and those that are one or nearly the same as one."""
    named = rows["split"]
    if (named == "test").any():
        test = (named == "test") & testable
        return test, test | _share_cluster(test, clusters)
    test = testable & named.isna() & draw(rows["id"], share, f"{salt}:test")
    near = test | _share_cluster(test, clusters)
    return near & testable & named.isna(), near


def _draw_clusters(
    rows: pd.DataFrame, among: pd.Series, share: float, salt: str, clusters: Clusters | None
) -> pd.Series:
    """The rows among some that are drawn, or nearly the same as one that is."""
    drawn = among & draw(rows["id"], share, salt)
    return drawn | (among & _share_cluster(drawn, clusters))


def _keep_one(rows: pd.DataFrame, drawn: pd.Series, clusters: Clusters | None) -> pd.Series:
    """Of the rows that are drawn one a cluster, that of the least id: ids are hashes, so it is by lot."""
    if clusters is None:
        return drawn
    first = rows.assign(cluster=clusters)[drawn].sort_values("id").drop_duplicates("cluster")
    return drawn & rows["id"].isin(first["id"])


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
