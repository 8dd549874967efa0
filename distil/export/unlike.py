"""Find what training texts are like, so that a text that is unlike them can be told: `distil/selective/unlike.py`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf

from distil.core.errors import InputError
from distil.export.onnx_files import FP32
from distil.selective.unlike import Unlike

Floats = NDArray[np.float32]
NOT_FOUND = "export.unlike: what the head of this student reads is not plain in its graph; set it to false"


def name_read(folder: Path, file: str) -> str:
    """The tensor that the head reads, in fp32 and in an ONNX file beside it: int8 has other nodes for a product.

    Raises `InputError` where there is no such one.
    """
    found = _find_read(onnx.load(folder / FP32).graph)
    if found is None or all(found not in node.output for node in onnx.load(folder / file).graph.node):
        raise InputError(NOT_FOUND)
    return found


def fit_unlike(
    file: str, reads: str, read: Callable[[Sequence[str]], Floats], training: Sequence[str], validation: Sequence[str]
) -> Unlike:
    """The distance of texts from the training texts, and how far the validation texts lie off.

    `read` returns what the student's head reads of texts; a text without words is passed over. The covariance is
    shrunk, since texts may be fewer than numbers (Ledoit & Wolf 2004). Raises `InputError` where there are too few.
    """
    learnt, held_out = (_keep_finite(read(texts)) if len(texts) else None for texts in (training, validation))
    if learnt is None or held_out is None or not len(learnt) or not len(held_out):
        raise InputError("export.unlike needs training texts and validation texts; set it to false")
    try:
        fitted = LedoitWolf().fit(learnt.astype(np.float64))
        axes = np.linalg.cholesky(fitted.precision_)
    except np.linalg.LinAlgError:
        raise InputError(
            f"export.unlike: {len(learnt):,} training texts differ too little to tell what is unlike; set it to false"
        ) from None
    found = Unlike(
        file, reads, fitted.location_.astype(np.float32), axes.astype(np.float32), np.zeros(0, dtype=np.float32)
    )
    return found._replace(known=np.sort(found.measure(held_out)))


def _keep_finite(read: Floats) -> Floats:
    kept: Floats = read[np.isfinite(read).all(axis=1)]
    return kept


def _find_read(graph: Any) -> str | None:
    """The name of the tensor that the head reads: what is multiplied to make the logits; None where it is not plain."""
    makers = {name: node for node in graph.node for name in node.output}
    weights = {tensor.name for tensor in graph.initializer}
    name = "logits"
    while node := makers.get(name):
        if node.op_type in ("Gemm", "MatMul"):
            return str(node.input[0])
        rest = [given for given in node.input if given not in weights]
        if len(rest) != 1:
            return None
        (name,) = rest
    return None
