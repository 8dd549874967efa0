"""The curve of risk, against figures that are reckoned by hand."""

import numpy as np
import pytest

from distil.selective.coverage import draw_curve, measure_area


def test_the_curve_and_its_area() -> None:
    sureness, right = np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, True, False, True])
    points = draw_curve(sureness, right, 0.95)
    assert [(point.kept, point.right, point.threshold) for point in points] == [
        (0.25, 1.0, 0.9),
        (0.5, 1.0, 0.8),
        (0.75, pytest.approx(2 / 3), 0.7),
        (1.0, 0.75, 0.6),
    ]
    assert all(point.low < point.right <= point.high for point in points)
    assert measure_area(sureness, right) == pytest.approx((0 + 0 + 1 / 3 + 1 / 4) / 4)
    assert measure_area(np.ones(4), right) == pytest.approx(0.25), "sureness that tells nothing has the error rate"
