"""Texts that are labelled by two nodes of a Ray cluster on loopback."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from predicting import predict, refuse, write_many

from distil.predict.parts import PART_ROWS

ray = pytest.importorskip("ray")
cluster_utils = pytest.importorskip("ray.cluster_utils")
NODE = {"num_cpus": 1, "object_store_memory": 100 * 2**20}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        made = cluster_utils.Cluster(initialize_head=True, head_node_args=NODE | {"include_dashboard": False})
        yield made
        made.shutdown()


@pytest.mark.long  # minutes on a busy machine, until Ray gives up the node
def test_two_nodes_write_the_bytes_of_one_process_also_when_one_is_lost(cluster: Any, model: Path) -> None:
    write_many("in.csv", 12 * PART_ROWS + 5)
    predict(model, "in.csv", "here.csv")
    node = cluster.add_node(**NODE)

    def lose() -> None:
        while not list(Path("there.csv.parts").glob("*.counts")):
            time.sleep(0.01)
        cluster.remove_node(node, allow_graceful=False)

    threading.Thread(target=lose, daemon=True).start()
    predict(model, "in.csv", "there.csv", "--engine", "ray", "--address", cluster.address)
    assert node not in cluster.list_all_nodes()
    assert Path("there.csv").read_bytes() == Path("here.csv").read_bytes()
    assert "written before" in predict(model, "in.csv", "there.csv")


@pytest.mark.slow
def test_a_node_writes_the_bytes_that_one_process_writes(cluster: Any, model: Path) -> None:
    write_many("in.csv", PART_ROWS + 5)
    predict(model, "in.csv", "here.csv")
    predict(model, "in.csv", "there.csv", "--engine", "ray", "--address", cluster.address)
    assert Path("there.csv").read_bytes() == Path("here.csv").read_bytes()


@pytest.mark.long
def test_what_the_reader_finds_wrong_is_one_line(cluster: Any, model: Path) -> None:
    lines = ['{"text": "good thing"}\n'] * (PART_ROWS + 1) + ['{"text": "bad thing", "label": "mine"}\n']
    Path("in.jsonl").write_text("".join(lines))
    said = refuse(model, "in.jsonl", "out.jsonl", "--engine", "ray", "--address", cluster.address)
    assert said.endswith(
        f"in.jsonl, line {PART_ROWS + 2} has a key 'label' already; have --prefix put something before those that are "
        "added"
    )


def test_an_address_without_a_cluster_and_one_without_the_engine_are_refused(model: Path) -> None:
    write_many("in.csv", 3)
    assert "--address a:1 is of a Ray cluster; add --engine ray" in refuse(
        model, "in.csv", "out.csv", "--address", "a:1"
    )
    said = refuse(model, "in.csv", "out.csv", "--engine", "ray", "--address", "127.0.0.1:1")
    assert said.startswith("no Ray cluster at '127.0.0.1:1' ([Errno 111] Connection refused); --address is HOST:PORT")
    assert "no Ray cluster at 'ray'" in refuse(model, "in.csv", "out.csv", "--engine", "ray", "--address", "ray")
