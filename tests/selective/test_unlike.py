"""The distance from the training texts: what it is, where its threshold lies, and files that hold no such thing."""

from pathlib import Path

import numpy as np
import pytest

from distil.core.errors import InputError
from distil.selective.unlike import FILE, Unlike, read_unlike, write_unlike

FOUND = Unlike(
    "onnx/model.onnx",
    "tanh",
    np.array([1, 1], dtype=np.float32),
    np.diag([1, 2]).astype(np.float32),
    np.arange(1, 100, dtype=np.float32),
)


def test_a_distance_is_reckoned_from_the_centre_along_the_axes() -> None:
    read = np.array([[1, 1], [4, 1], [1, 3], [np.nan, np.nan]], dtype=np.float32)
    np.testing.assert_allclose(FOUND.measure(read), [0, 3, 4, np.nan])


@pytest.mark.parametrize(("share", "threshold"), [(0.05, 95), (0.01, 99), (0.5, 50), (0.051, 95), (0.99, 1)])
def test_at_most_that_share_of_texts_like_the_validation_texts_lies_beyond(share: float, threshold: float) -> None:
    assert FOUND.find_threshold(share) == threshold


@pytest.mark.parametrize("share", [0.0099, 0, -1, 1, 1.5, float("nan"), float("inf")])
def test_a_share_that_they_cannot_tell_is_refused(share: float) -> None:
    with pytest.raises(
        InputError, match=r"is no share that 99 validation texts can tell; give one from 0\.01 to below"
    ):
        FOUND.find_threshold(share)


@pytest.mark.parametrize("count", [104, 150, 234])
def test_the_least_share_that_is_offered_is_taken(count: int) -> None:
    few = FOUND._replace(known=np.arange(count, dtype=np.float32))
    with pytest.raises(InputError) as refused:
        few.find_threshold(0.001)
    assert few.find_threshold(float(str(refused.value).split("give one from ")[1].split()[0])) == count - 1


def test_over_draws_no_more_than_the_share_is_lost() -> None:
    rng = np.random.default_rng(0)
    lost = []
    for _ in range(2000):
        known, others = np.sort(rng.normal(size=60).astype(np.float32)), rng.normal(size=200)
        lost.append((others > FOUND._replace(known=known).find_threshold(0.05)).mean())
    assert 0.04 < np.mean(lost) <= 0.051


def test_a_file_that_is_missing_damaged_or_of_another_model_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is missing, which says what the training texts are like; set export.unlike"):
        read_unlike(tmp_path, "onnx/model.onnx")
    write_unlike(tmp_path, FOUND)
    assert read_unlike(tmp_path, "onnx/model.onnx").model_file == FOUND.model_file
    with pytest.raises(InputError, match=r"is of onnx/model.onnx, not of onnx/model_fp16.onnx; leave out --file"):
        read_unlike(tmp_path, "onnx/model_fp16.onnx")
    whole = (tmp_path / FILE).read_bytes()
    for content in (whole[:200], b"", b"not a file of numbers", whole[:-100]):
        (tmp_path / FILE).write_bytes(content)
        with pytest.raises(InputError, match="does not hold what export writes there"):
            read_unlike(tmp_path, "onnx/model.onnx")
    changes = [
        {"axes": FOUND.axes[:1]},
        {"known": FOUND.axes},
        {"known": FOUND.known[::-1]},
        {"known": FOUND.known[:0]},
        {"axes": FOUND.axes * np.float32(np.nan)},
        {"centre": FOUND.axes},
        {"axes": FOUND.axes.astype(complex)},
        {"known": FOUND.known.astype(str)},
    ]
    for changed in (FOUND._replace(**change) for change in changes):  # type: ignore[arg-type]
        write_unlike(tmp_path, changed)
        with pytest.raises(InputError, match="does not hold what export writes there"):
            read_unlike(tmp_path, "onnx/model.onnx")
