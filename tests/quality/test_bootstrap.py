import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binomtest

from distil.quality.bootstrap import Bootstrap
from distil.quality.scores import score_labels, score_tables, tabulate

LABELS = ("a", "b", "c")
ROWS = 200
EVERY = ("accuracy", "balanced_accuracy", "precision", "recall", "macro_f1", "micro_f1")


def make_answers() -> tuple[list[str], list[str | None]]:
    rng = np.random.default_rng(1)
    actual = rng.choice(LABELS, ROWS, p=[0.6, 0.3, 0.1]).tolist()
    answers: list[str | None] = ["a", "b", "c", None]
    return actual, [label if rng.random() < 0.7 else answers[rng.integers(4)] for label in actual]


def test_intervals_are_those_of_resampled_rows() -> None:
    actual, predicted = make_answers()
    found = Bootstrap(4000, 0.9, 0).bound(tabulate(actual, predicted, LABELS), score_tables)
    rng = np.random.default_rng(2)
    drawn: dict[str, list[float]] = {name: [] for name in EVERY}
    for rows in rng.integers(0, ROWS, (1500, ROWS)):
        scores = score_labels([actual[row] for row in rows], [predicted[row] for row in rows], LABELS)
        for name, values in drawn.items():
            values.append(scores[name])
    assert set(found) == set(EVERY)
    for name, values in drawn.items():
        assert found[name] == pytest.approx(np.quantile(values, [0.05, 0.95]), abs=0.008)


def test_the_difference_of_two_systems_is_that_of_resampled_rows() -> None:
    rng = np.random.default_rng(3)
    one, other = rng.random(ROWS) < 0.8, rng.random(ROWS) < 0.7
    found = Bootstrap(4000, 0.95, 0).bound_difference(int((one & ~other).sum()), int((other & ~one).sum()), ROWS)
    rows = rng.integers(0, ROWS, (4000, ROWS))
    differences = one[rows].mean(axis=1) - other[rows].mean(axis=1)
    assert found == pytest.approx(np.quantile(differences, [0.025, 0.975]), abs=0.008)


def test_bounds_depend_on_the_seed_alone() -> None:
    table = tabulate(*make_answers(), LABELS)
    one, again, other = (Bootstrap(200, 0.95, seed).bound(table, score_tables) for seed in (0, 0, 1))
    assert one == again != other


def test_many_rows_are_drawn_in_parts_with_the_same_outcome() -> None:
    rows = 30_000
    values = np.random.default_rng(0).random(rows)
    shapes = []

    def score(drawn: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
        shapes.append(drawn.shape)
        return {"mean": drawn @ values / rows}

    found = Bootstrap(200, 0.95, 7).bound(np.ones(rows, dtype=np.int64), score)["mean"]
    assert len(shapes) > 1
    assert sum(samples for samples, _ in shapes) == 200
    at_once = np.random.default_rng(7).multinomial(rows, np.ones(rows) / rows, size=200)
    assert found == pytest.approx(np.quantile(at_once @ values / rows, [0.025, 0.975]))


def test_samples_that_all_score_alike_tell_nothing() -> None:
    def count(drawn: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
        return {"first": drawn[:, 0] / 10, "all": drawn.sum(axis=1) / 10}

    found = Bootstrap(100, 0.95, 0).bound(np.array([4, 6]), count)
    assert found["all"] == (None, None)
    low, high = found["first"]
    assert low is not None
    assert high is not None
    assert low < 0.4 < high


@pytest.mark.parametrize("right", [0, 5])
def test_a_share_of_all_or_none_has_the_exact_bounds(right: int) -> None:
    exact = binomtest(right, 5).proportion_ci(0.95, "exact")
    assert Bootstrap(100, 0.95, 0).bound_all_or_none(right / 5, 5) == pytest.approx((exact.low, exact.high))


@pytest.mark.parametrize(
    ("cells", "expected"),
    [((0, 0, 5), (-0.5218, 0.5218)), ((5, 0, 5), (1 - 2 * 0.5218, 1)), ((0, 5, 5), (-1, -1 + 2 * 0.5218))],
)
def test_systems_that_never_differ_may_do_so_on_other_rows(
    cells: tuple[int, int, int], expected: tuple[float, float]
) -> None:
    assert Bootstrap(100, 0.95, 0).bound_difference(*cells) == pytest.approx(expected, abs=1e-4)  # 1 - 0.025 ** (1 / 5)
