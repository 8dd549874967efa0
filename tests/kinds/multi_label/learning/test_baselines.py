from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from distil.core.errors import InputError
from distil.kinds.multi_label.learning.baselines import (
    MostFrequentSet,
    OneVersusRest,
    load_baselines,
    make_baselines,
    train_baselines,
)
from distil.linear.features import make_tfidf
from distil.linear.trained_files import write_trained

LABELS = ["joy", "anger", "never", "always"]
KINDS = {
    "sunny warm day": '["joy", "always"]',
    "broken rude service": '["anger", "always"]',
    "sunny but rude": '["joy", "anger", "always"]',
    "a grey table": '["always"]',
}
TEXTS = [f"{text} {number}" for number in range(12) for text in KINDS]
SETS = list(KINDS.values()) * 12


@pytest.fixture(scope="module")
def trained() -> OneVersusRest:
    return OneVersusRest(make_tfidf(), LABELS).fit(TEXTS, SETS)


def test_it_learns_each_label_by_itself(trained: OneVersusRest) -> None:
    assert trained.predict(["broken service", "a warm day", "sunny but rude"]) == [
        '["anger", "always"]',
        '["joy", "always"]',
        '["joy", "anger", "always"]',
    ]
    shares = trained.predict_proba(TEXTS)
    assert shares.shape == (48, 4)
    assert (shares[:, 2] == 0).all()
    assert (shares[:, 3] == 1).all()
    assert trained.predict([]) == []


def test_what_is_saved_answers_alike_and_has_the_same_bytes(trained: OneVersusRest, tmp_path: Path) -> None:
    write_trained(tmp_path / "one.safetensors", {"tfidf": trained})
    found = load_baselines(tmp_path / "one.safetensors", "cpu")["tfidf"]
    np.testing.assert_array_equal(found.predict_proba(TEXTS), trained.predict_proba(TEXTS))
    assert found.predict(TEXTS) == trained.predict(TEXTS)
    write_trained(tmp_path / "two.safetensors", {"tfidf": found})
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "two.safetensors").read_bytes()


def test_embeddings_are_saved_by_their_reference(tmp_path: Path) -> None:
    made = make_baselines(LABELS, "folder#sha256=0", Path("assets.txt"), "cpu")["embeddings"]
    made.weights = np.ones((4, 8))
    write_trained(tmp_path / "file", {"embeddings": made})
    found = load_baselines(tmp_path / "file", "cpu")["embeddings"]
    assert found.features.place == ("folder#sha256=0", Path("assets.txt"))
    assert found.weights.shape == (4, 8)


def test_a_file_that_is_missing_or_damaged_is_told(trained: OneVersusRest, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is missing; 'dvc repro' writes it"):
        load_baselines(tmp_path / "file", "cpu")
    damaged = OneVersusRest(trained.features, LABELS)
    for weights in (np.ones((4, 3)), np.full(trained.weights.shape, np.nan)):
        damaged.weights = weights
        write_trained(tmp_path / "file", {"tfidf": damaged})
        with pytest.raises(InputError, match="is damaged"):
            load_baselines(tmp_path / "file", "cpu")
    (tmp_path / "file").write_bytes((tmp_path / "file").read_bytes()[:100])
    with pytest.raises(InputError, match="is damaged"):
        load_baselines(tmp_path / "file", "cpu")


def test_the_most_frequent_set_is_said_of_every_text() -> None:
    found = MostFrequentSet(LABELS).fit(["a", "b", "c", "d"], ['["joy"]', "[]", '["joy"]', "[]"])
    assert found.predict(["x", "y"]) == ['["joy"]', '["joy"]']  # of equals the first
    assert found.predict_proba(["x"]).tolist() == [[1, 0, 0, 0]]
    assert MostFrequentSet(LABELS).fit(["a"], ["[]"]).predict(["x"]) == ["[]"]


def test_all_learn_from_the_student_s_rows_and_from_nothing_else() -> None:
    lessons, few = pd.DataFrame({"text": TEXTS, "label": SETS}), pd.DataFrame({"text": ["x"], "gold": ['["never"]']})
    timed = {"tfidf": OneVersusRest(make_tfidf(), LABELS)}
    found = train_baselines(timed, lessons, few, LABELS)
    assert list(found) == ["most_frequent_set", "tfidf"]
    assert found["tfidf"] is timed["tfidf"] and timed["tfidf"].predict(["a warm day"]) == ['["joy", "always"]']
    assert found["most_frequent_set"].predict_proba(["x"]).tolist() == [[0, 0, 0, 1]]
    assert found["most_frequent_set"].thresholds.tolist() == [0.5] * 4
