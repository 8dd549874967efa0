"""Temperature scaling: one number that logits are divided by, so that probabilities can be believed.

Source: Guo, Pleiss, Sun & Weinberger 2017, On Calibration of Modern Neural Networks (arXiv 1706.04599).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Loss = Callable[[float], float]
LEAST, MOST = 0.1, 10.0  # rows that are all right would have it go to zero


def fit_softmax(logits: NDArray[np.floating], shares: Floats) -> float:
    """The temperature of outputs of which one applies; both of shape (rows, outputs), each row of shares sums to 1."""
    exact = logits.astype(np.float64)

    def measure(temperature: float) -> float:
        scaled = exact / temperature
        above = scaled - scaled.max(axis=1, keepdims=True)
        return float((np.log(np.exp(above).sum(axis=1)) - (shares * above).sum(axis=1)).mean())

    return _minimise(measure, len(exact))


def fit_sigmoid(logits: NDArray[np.floating], shares: Floats) -> float:
    """The temperature of outputs that apply each by itself; both of shape (rows, outputs)."""
    exact = logits.astype(np.float64)

    def measure(temperature: float) -> float:
        scaled = exact / temperature
        return float((np.logaddexp(0, scaled) - shares * scaled).mean())

    return _minimise(measure, len(exact))


def _minimise(measure: Loss, rows: int) -> float:
    """Where the cross-entropy is least; 1 without rows."""
    from scipy.optimize import minimize_scalar  # not above: who only runs a student should not wait for it

    if not rows:
        return 1.0
    bounds = (np.log(LEAST), np.log(MOST))
    found = minimize_scalar(lambda log: measure(float(np.exp(log))), bounds=bounds, method="bounded")
    return float(np.exp(found.x))
