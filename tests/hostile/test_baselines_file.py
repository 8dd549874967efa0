"""A file of baselines from another hand: numbers and words are read, and no code."""

import pickle
from pathlib import Path

import pytest
from hostile_cases import Trap
from mutations import CASES, mutate
from toy_rows import LABELS, make_rows, make_texts

from distil.core.errors import InputError
from distil.linear.baselines import Baseline, load_baselines
from distil.linear.features import make_tfidf
from distil.linear.trained_files import write_trained

ROWS = make_rows(make_texts())


def test_pickle_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "baselines").write_bytes(pickle.dumps({"tfidf": Trap(tmp_path / "trace")}))
    with pytest.raises(InputError, match="is damaged"):
        load_baselines(tmp_path / "baselines", "cpu")
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("cases", CASES)
def test_any_damage(tmp_path: Path, cases: int) -> None:
    """It is read, and answers, or is refused in one line."""
    path = tmp_path / "baselines"
    write_trained(path, {"tfidf": Baseline(make_tfidf(), LABELS).fit(["good one", "bad two"] * 2, list(LABELS) * 2)})
    refused = 0
    for damaged in mutate(path.read_bytes(), cases):
        path.write_bytes(damaged)
        try:
            assert load_baselines(path, "cpu")["tfidf"].predict_proba(["a good one"]).shape[0] == 1
        except InputError as error:
            refused += 1
            assert "\n" not in str(error)
        except KeyError:
            assert b'tfidf\\"' not in damaged  # it is another's name by now
    assert refused > cases / 10
