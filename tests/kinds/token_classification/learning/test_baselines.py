import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kinds.token_classification.learning.toy_spans import LABELS, make_rows
from safetensors.numpy import load_file, save_file
from tiny_model import make_tiny_model

from distil.assets.references import sha256_of
from distil.core.errors import InputError
from distil.kinds.token_classification.labelling.canonical.label import write_label
from distil.kinds.token_classification.learning.baselines import (
    load_baselines,
    make_baselines,
    train_baselines,
    write_baselines,
)

ROWS = make_rows()
TEXTS = [*ROWS["text"][:4], "mr zoe is in oslo \U0001f600", ""]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    folder = tmp_path_factory.mktemp("baselines")
    base = make_tiny_model(folder / "base", ROWS["text"].to_list(), layers=1)
    timed = make_baselines(LABELS, f"{base}#sha256={sha256_of(base)}", folder / "assets.txt", "cpu")
    systems = train_baselines(timed, ROWS, ROWS[:0], LABELS)
    write_baselines(folder / "baselines.safetensors", timed)
    return systems, folder / "baselines.safetensors"


def test_all_find_what_they_have_learnt(trained: tuple[dict[str, Any], Path]) -> None:
    systems, _ = trained
    assert list(systems) == ["gazetteer", "crf", "embeddings"]
    text, label = ROWS["text"][0], ROWS["label"][0]
    for name, system in systems.items():
        (found,) = system.predict([text])
        assert all(0 < span.probability <= 1 and span.text == text[span.start : span.end] for span in found), name
        if name != "gazetteer":  # which does not look around: half of the places of each name are no spans
            assert write_label(span[:3] for span in found) == label, name


def test_what_is_kept_answers_the_same(trained: tuple[dict[str, Any], Path], tmp_path: Path) -> None:
    systems, path = trained
    read = load_baselines(path, "cpu")
    assert list(read) == ["crf", "embeddings"]
    for name, system in read.items():
        assert system.predict(TEXTS) == systems[name].predict(TEXTS)
    write_baselines(tmp_path / "again", read)
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("part", "values"),
    [
        ("crf.names", np.frombuffer(b'["a", "a"]', dtype=np.uint8)),
        ("crf.names", np.frombuffer(b"[1]", dtype=np.uint8)),
        ("crf.names", np.frombuffer(b"[\xff", dtype=np.uint8)),
        ("crf.weights", np.zeros((1, 2), np.float32)),
        ("crf.transitions", np.full((5, 5), np.nan, np.float32)),
        ("embeddings.weights", np.zeros((4, 32))),
        ("embeddings.bias", np.full(5, 1e12)),
    ],
)
def test_a_damaged_file_is_one_line(
    trained: tuple[dict[str, Any], Path], tmp_path: Path, part: str, values: np.ndarray[Any, Any]
) -> None:
    _, path = trained
    damaged = tmp_path / "baselines.safetensors"
    from safetensors import safe_open

    with safe_open(path, "np") as file:
        about = file.metadata()
    save_file(load_file(path) | {part: values}, damaged, about)
    with pytest.raises(InputError, match=r"baselines\.safetensors is damaged \("):
        load_baselines(damaged, "cpu")


def test_a_file_that_is_cut_off(trained: tuple[dict[str, Any], Path], tmp_path: Path) -> None:
    shutil.copy(trained[1], tmp_path / "cut")
    whole = (tmp_path / "cut").read_bytes()
    (tmp_path / "cut").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="cut is damaged"):
        load_baselines(tmp_path / "cut", "cpu")
