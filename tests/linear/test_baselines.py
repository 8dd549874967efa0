import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from safetensors.numpy import load_file, save_file
from tiny_model import TEXTS, make_tiny_model
from toy_rows import LABELS, make_rows, make_texts

from distil.assets.references import sha256_of
from distil.core.errors import InputError
from distil.linear.baselines import Baseline, load_baselines, make_baselines
from distil.linear.trained_files import write_trained

ROWS = make_rows(make_texts())
PINS = Path("assets.txt")


def make(folder: Path, labels: tuple[str, ...] = LABELS) -> dict[str, Baseline]:
    make_tiny_model(folder / "base", [*TEXTS, *make_texts()])
    return make_baselines(labels, f"{folder / 'base'}#sha256={sha256_of(folder / 'base')}", PINS, "cpu")


def test_learn_a_word_that_tells_the_label(tmp_path: Path) -> None:
    baselines = make(tmp_path)
    assert list(baselines) == ["tfidf", "embeddings"]
    for baseline in baselines.values():
        shares = baseline.fit(ROWS["text"], ROWS["label"]).predict_proba(["this camera looks bad", "my lens is good"])
        assert shares.shape == (2, 2)
        assert shares.argmax(axis=1).tolist() == [0, 1]


def test_outputs_are_in_the_order_of_the_task_even_if_a_label_is_missing(tmp_path: Path) -> None:
    for baseline in make(tmp_path, ("positive", "neutral", "negative")).values():
        shares = baseline.fit(ROWS["text"], ROWS["label"]).predict_proba(["it is bad", "it is good"])
        assert shares[:, 1].tolist() == [0, 0]
        assert shares.argmax(axis=1).tolist() == [2, 0]
        np.testing.assert_allclose(shares.sum(axis=1), 1)
        assert baseline.predict_proba([]).shape == (0, 3)


def test_kept_on_disk_without_the_encoder(tmp_path: Path) -> None:
    baselines = make(tmp_path)
    expected = {
        name: baseline.fit(ROWS["text"], ROWS["label"]).predict_proba(TEXTS) for name, baseline in baselines.items()
    }
    write_trained(tmp_path / "baselines.safetensors", baselines)
    write_trained(tmp_path / "embeddings", {"embeddings": baselines["embeddings"]})
    assert (tmp_path / "embeddings").stat().st_size < (tmp_path / "base/model.safetensors").stat().st_size / 10
    loaded = load_baselines(tmp_path / "baselines.safetensors", "cpu")
    for name, shares in expected.items():
        np.testing.assert_allclose(loaded[name].predict_proba(TEXTS), shares)


def test_texts_without_words(tmp_path: Path) -> None:
    tfidf = make(tmp_path)["tfidf"].fit(["🙂", "🙁", "🙂 !", "🙁 ?"], ["positive", "negative"] * 2)
    assert tfidf.predict_proba(["🙂", ""])[0].argmax() == 1


def test_an_encoder_that_answers_nan(tmp_path: Path) -> None:
    base = make_tiny_model(tmp_path / "base", [*TEXTS, *make_texts()])
    weights = load_file(base / "model.safetensors")
    weights["embeddings.word_embeddings.weight"][:] = np.nan
    save_file(weights, base / "model.safetensors", metadata={"format": "pt"})
    baseline = make_baselines(LABELS, f"{base}#sha256={sha256_of(base)}", PINS, "cpu")["embeddings"]
    with pytest.raises(InputError, match=r"answers NaN to 80 of 80 texts; .* evaluate\.embeddings"):
        baseline.fit(ROWS["text"], ROWS["label"])


@pytest.mark.parametrize("content", [None, b"", b"\x80\x04nonsense"])
def test_damaged_file(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "baselines.safetensors").write_bytes(content)
    with pytest.raises(InputError, match=r"baselines\.safetensors is (missing|damaged)"):
        load_baselines(tmp_path / "baselines.safetensors", "cpu")


def test_the_device_is_that_of_the_reader_and_not_in_the_file(tmp_path: Path) -> None:
    embeddings = make(tmp_path)["embeddings"].fit(ROWS["text"], ROWS["label"])
    for name, device in (("one", "cuda:7"), ("two", "cpu")):
        embeddings.features.device = device
        write_trained(tmp_path / name, {"embeddings": embeddings})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert load_baselines(tmp_path / "one", "cuda:3")["embeddings"].features.device == "cuda:3"


def test_another_process_writes_the_same_bytes(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from distil.linear.baselines import make_baselines\n"
        "from distil.linear.trained_files import write_trained\n"
        "words = {'tfidf': make_baselines(['a', 'b'], 'x', Path('x'), 'cpu')['tfidf']}\n"
        "words['tfidf'].fit(['one two', 'three four'], ['a', 'b'])\n"
        "write_trained(Path(sys.argv[1]), words)\n"
    )
    for name in ("one", "two"):
        subprocess.run([sys.executable, "-c", code, str(tmp_path / name)], check=True, cwd=ROOT)
    words = {"tfidf": make_baselines(["a", "b"], "x", Path("x"), "cpu")["tfidf"]}
    words["tfidf"].fit(["one two", "three four"], ["a", "b"])
    write_trained(tmp_path / "here", words)
    assert len({(tmp_path / name).read_bytes() for name in ("one", "two", "here")}) == 1
