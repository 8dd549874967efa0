"""Trained baselines in one file: numbers and words in the format safetensors, which holds no code.

The file may be another's: what is not sound in it is one line.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from sklearn.feature_extraction.text import TfidfVectorizer

from distil.core.errors import InputError
from distil.linear.features import Features, FrozenEncoder, make_tfidf

UNREADABLE = (SafetensorError, LookupError, TypeError, ValueError, AttributeError, RecursionError, OSError)
BEYOND_HONEST = 1e9  # no weight comes near it, and what does would overflow

Arrays = dict[str, NDArray[Any]]


class Trained(Protocol):
    """A baseline that can be kept."""

    LEARNED: tuple[str, ...]  # the names of the arrays that it learned
    labels: list[str]

    @property
    def features(self) -> Features | None:
        """What it reads of a text; null if it reads it by itself."""

    def list_learned(self) -> Arrays:
        """What it learned, by these names."""

    def take_learned(self, arrays: Arrays, width: int | None) -> None:
        """Become trained by it; `width` is the number of features, if it is known. Raises `ValueError`."""


Kept = TypeVar("Kept", bound=Trained)


def write_trained(path: Path, baselines: Mapping[str, Trained]) -> None:
    """Write trained baselines to one file; the same baselines give the same bytes in every process."""
    about: dict[str, dict[str, Any]] = {}
    arrays: Arrays = {}
    for name, baseline in baselines.items():
        about[name] = {"labels": baseline.labels}
        arrays |= {f"{name}.{part}": np.ascontiguousarray(array) for part, array in baseline.list_learned().items()}
        if isinstance(baseline.features, FrozenEncoder):
            reference, pins = baseline.features.place
            about[name] |= {"encoder": reference, "pins": pins.as_posix()}
            continue
        if baseline.features is None:
            about[name] |= {"features": None}
            continue
        for kind, vectorizer in baseline.features.transformer_list:
            terms = json.dumps(vectorizer.get_feature_names_out().tolist(), ensure_ascii=False)
            arrays[f"{name}.{kind}.terms"] = np.frombuffer(terms.encode(), dtype=np.uint8)
            arrays[f"{name}.{kind}.idf"] = vectorizer.idf_
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(save(arrays, {"baselines": json.dumps(about)}))  # of several keys the order is left to chance


def read_trained(path: Path, device: str, make: Callable[[Any, list[str]], Kept]) -> dict[str, Kept]:
    """Read what `write_trained` wrote, on a machine where the encoder's reference can be resolved.

    The file names no device, so it is also read where that of its training is missing; `device` is the one to use, and
    `make` makes an untrained baseline of its features, which may be null, and its labels. Raises `InputError` if the
    file is missing or damaged.
    """
    try:
        with safe_open(path, "np") as file:
            about = json.loads(file.metadata()["baselines"])
            return {name: _read_one(file, name, told, device, make) for name, told in about.items()}
    except FileNotFoundError:
        raise InputError(f"{path} is missing; 'dvc repro' writes it") from None
    except UNREADABLE as error:
        raise InputError(f"{path} is damaged ({error!r}); 'dvc repro' writes it anew") from None


def _read_one(
    file: Any, name: str, told: Mapping[str, Any], device: str, make: Callable[[Any, list[str]], Kept]
) -> Kept:
    width: int | None = None
    features: Features | None = None
    if "encoder" in told:
        features = FrozenEncoder(told["encoder"], Path(told["pins"]), device)
    elif "features" not in told:
        features = make_tfidf()
        width = sum(_read_terms(file, f"{name}.{kind}", part) for kind, part in features.transformer_list)
    baseline = make(features, [str(label) for label in told["labels"]])
    arrays = {part: file.get_tensor(f"{name}.{part}") for part in baseline.LEARNED}
    if not all((np.abs(values) < BEYOND_HONEST).all() for values in arrays.values()):
        raise ValueError(f"weights of {name} are no numbers, or far too large")
    baseline.take_learned(arrays, width)
    return baseline


def _read_terms(file: Any, name: str, vectorizer: TfidfVectorizer) -> int:
    """Give a vectorizer its words and their weights; returns how many there are."""
    terms = json.loads(file.get_tensor(f"{name}.terms").tobytes())
    vectorizer.set_params(vocabulary=[str(term) for term in terms])
    vectorizer.idf_ = file.get_tensor(f"{name}.idf")
    if not (np.abs(vectorizer.idf_) < BEYOND_HONEST).all():
        raise ValueError(f"weights of words in {name} are no numbers, or far too large")
    return len(terms)
