"""How unlike the texts that a student learned from a text is, by what the student's head reads of it.

The distance is that of Mahalanobis from the mean of training texts: how far a text lies off, in each direction
reckoned by how far these do. It is the same for every kind of task, since it knows of no labels; of spans it is that of
the mean over the words. From which distance on a text is unlike, validation texts say, of which the student learned
nothing: so many of them lie further off as one is ready to pass on. Sources: Lee et al. 2018 (arXiv 1807.03888);
docs/cascade.md has what else was tried, and what this catches.
"""

import math
import zipfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from distil.core.errors import InputError

FILE = "unlike.npz"  # in a student's folder
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError)
FOREIGN = (ValueError, LookupError, TypeError, MemoryError, OverflowError, RuntimeError)
Floats = NDArray[np.float32]


class Unlike(NamedTuple):
    """What a folder holds of it: for which ONNX file it was found, and which tensor of its graph the head reads.

    A distance is the length of what was read, less the `centre`, times `axes`. `known` are the distances of validation
    texts, the least first.
    """

    model_file: str
    reads: str
    centre: Floats
    axes: Floats
    known: Floats

    def measure(self, read: Floats) -> Floats:
        """The distance of each text, of what the head read of it, of shape (texts, numbers)."""
        distances: Floats = np.linalg.norm((read - self.centre) @ self.axes, axis=1)
        return distances

    def find_threshold(self, share: float) -> float:
        """The distance beyond which lies at most that share of the texts that are like the validation texts.

        That holds in the mean over the draws of these. Raises `InputError` where they are too few to tell.
        """
        count = len(self.known)
        rank = math.ceil((count + 1) * (1 - share) - 1e-9) if 0 < share < 1 else 0
        if not 0 < rank <= count:
            raise InputError(
                f"--unlike {share:g} is no share that {count:,} validation texts can tell; give one from "
                f"{math.ceil(10_000 / (count + 1)) / 10_000:g} to below 1, or raise split.validation_share"
            )
        return float(self.known[rank - 1])

    @property
    def is_sound(self) -> bool:
        """Whether the arrays can be what export writes: numbers that fit one another."""
        arrays = (self.centre, self.axes, self.known)
        numbers = all(one.dtype == np.float32 and bool(np.isfinite(one).all()) for one in arrays)
        shapes = self.centre.ndim == self.known.ndim == 1 and self.axes.shape == (len(self.centre),) * 2
        return numbers and shapes and len(self.known) > 0 and bool((np.diff(self.known, prepend=0) >= 0).all())


def write_unlike(folder: Path, found: Unlike) -> None:
    """Put it into a student's folder; the same gives the same bytes."""
    arrays: dict[str, Any] = {name: np.asarray(value) for name, value in found._asdict().items()}
    np.savez(folder / FILE, **arrays)


def read_unlike(folder: Path, file: str) -> Unlike:
    """What a folder holds for that ONNX file; raises `InputError` where that is nothing."""
    path = folder / FILE
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays: dict[str, Any] = {name: stored[name] for name in Unlike._fields}
        found = Unlike(**arrays)._replace(model_file=str(arrays["model_file"]), reads=str(arrays["reads"]))
        sound = found.is_sound
    except FileNotFoundError:
        raise InputError(
            f"{path} is missing, which says what the training texts are like; set export.unlike: true in params.yaml "
            "and run 'dvc repro export'"
        ) from None
    except (*DAMAGED, *FOREIGN):
        sound = False
    if not sound:
        raise InputError(f"{path} does not hold what export writes there; run 'dvc repro -s -f export'")
    if found.model_file != file:
        raise InputError(f"{path} is of {found.model_file}, not of {file}; leave out --file")
    return found
