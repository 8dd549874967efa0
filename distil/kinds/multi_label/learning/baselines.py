"""What a student has to beat: classifiers of several labels a text that are trained in seconds on the same labels.

The first says the set that most texts have; `tfidf` is a logistic regression a label over words, pairs of words and
pieces of words, `embeddings` the same over the sentence vectors of an encoder that is not fine-tuned. Thresholds are
chosen by cross-validation among the training texts. On disk they are numbers and words in a safetensors file, which
holds no code.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion

from distil.core.errors import InputError
from distil.kinds.multi_label.labelling.form import soften
from distil.kinds.multi_label.learning.thresholds import HALF, choose_thresholds, decide
from distil.linear.baselines import (
    BEYOND_HONEST,
    INVERSE_REGULARISATION,
    UNREADABLE,
    FrozenEncoder,
    load_terms,
    make_tfidf,
)

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LEARNED = ("weights", "bias", "thresholds")
FOLDS = 5
ALWAYS = 1e3  # logit of a label that all training texts have; of one that none has, it is minus that


class MostFrequentSet:
    """Answers every text with the set of labels that most training texts have, of equals the first in the alphabet."""

    def __init__(self, labels: Sequence[str]) -> None:
        """Set up, untrained; `labels` gives the order of the outputs."""
        self.labels = list(labels)
        self.label = "[]"

    def fit(self, texts: Sequence[str], labels: Sequence[str]) -> "MostFrequentSet":
        """Count the sets, which are given in their canonical form."""
        counts = Counter(labels)
        self.label = min(counts, key=lambda label: (-counts[label], label))
        return self

    def predict_proba(self, texts: Sequence[str]) -> Floats:
        """Return 1 for each label in the set, else 0, of shape (texts, labels)."""
        return np.tile(soften(self.label, self.labels), (len(texts), 1))

    def predict(self, texts: Sequence[str]) -> list[str]:
        """Return the set for each text."""
        return [self.label] * len(texts)


class OneVersusRest:
    """A logistic regression for each label over features of the texts, each with its threshold."""

    def __init__(self, features: FeatureUnion | FrozenEncoder, labels: Sequence[str], seed: int = 0) -> None:
        """Set up, untrained; `labels` gives the order of the outputs, `seed` the draw of folds."""
        self.labels = list(labels)
        self.features = features
        self.seed = seed
        self.weights: Floats = np.zeros((len(labels), 0))
        self.bias: Floats = np.zeros(len(labels))
        self.thresholds: Floats = np.full(len(labels), HALF)

    def fit(self, texts: Sequence[str], labels: Sequence[str]) -> "OneVersusRest":
        """Train on texts and their labels in their canonical form, and choose thresholds on texts held out."""
        known = np.array([soften(label, self.labels) for label in labels]) > 0
        features = self.features.fit_transform(list(texts))
        self.thresholds = choose_thresholds(known, self._hold_out(features, known), FOLDS, self.seed).values
        self.weights, self.bias = _fit_labels(features, known)
        return self

    def predict_proba(self, texts: Sequence[str]) -> Floats:
        """Return the probability of each label, of shape (texts, labels)."""
        if not texts:
            return np.zeros((0, len(self.labels)))
        return _predict(self.features.transform(list(texts)), self.weights, self.bias)

    def predict(self, texts: Sequence[str]) -> list[str]:
        """Return the labels of each text in their canonical form."""
        return decide(self.predict_proba(texts), self.thresholds, self.labels)

    def _hold_out(self, features: Any, known: Bools) -> Floats:
        """Probabilities of texts by regressions that did not see them."""
        shares = np.zeros(known.shape)
        groups = np.random.default_rng(self.seed).permutation(len(known)) % min(FOLDS, max(len(known), 1))
        for fold in set(groups.tolist()):
            inside, outside = np.flatnonzero(groups != fold), np.flatnonzero(groups == fold)
            shares[outside] = _predict(features[outside], *_fit_labels(features[inside], known[inside]))
        return shares


def make_baselines(labels: Sequence[str], reference: str, pins: Path, device: str) -> dict[str, OneVersusRest]:
    """Return the untrained baselines by name; `reference` is that of the encoder."""
    encoder = FrozenEncoder(reference, pins, device)
    return {"tfidf": OneVersusRest(make_tfidf(), labels), "embeddings": OneVersusRest(encoder, labels)}


def save_baselines(path: Path, baselines: Mapping[str, OneVersusRest]) -> None:
    """Write trained baselines to one file; the same baselines give the same bytes in every process."""
    about: dict[str, dict[str, Any]] = {}
    arrays: dict[str, NDArray[Any]] = {}
    for name, baseline in baselines.items():
        about[name] = {"labels": baseline.labels}
        arrays |= {f"{name}.{part}": np.ascontiguousarray(getattr(baseline, part)) for part in LEARNED}
        if isinstance(baseline.features, FrozenEncoder):
            reference, pins = baseline.features.place
            about[name] |= {"encoder": reference, "pins": pins.as_posix()}
            continue
        for kind, vectorizer in baseline.features.transformer_list:
            terms = json.dumps(vectorizer.get_feature_names_out().tolist(), ensure_ascii=False)
            arrays[f"{name}.{kind}.terms"] = np.frombuffer(terms.encode(), dtype=np.uint8)
            arrays[f"{name}.{kind}.idf"] = vectorizer.idf_
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(save(arrays, {"baselines": json.dumps(about)}))  # of several keys the order is left to chance


def load_baselines(path: Path, device: str) -> dict[str, OneVersusRest]:
    """Read what `save_baselines` wrote; `device` is the one to use.

    Raises `InputError` if it is missing or damaged.
    """
    try:
        with safe_open(path, "np") as file:
            about = json.loads(file.metadata()["baselines"])
            return {name: _load_baseline(file, name, told, device) for name, told in about.items()}
    except FileNotFoundError:
        raise InputError(f"{path} is missing; 'dvc repro' writes it") from None
    except UNREADABLE as error:
        raise InputError(f"{path} is damaged ({error!r}); 'dvc repro' writes it anew") from None


def _load_baseline(file: Any, name: str, told: Mapping[str, Any], device: str) -> OneVersusRest:
    width: int | None = None
    features: FeatureUnion | FrozenEncoder
    if "encoder" in told:
        features = FrozenEncoder(told["encoder"], Path(told["pins"]), device)
    else:
        features = make_tfidf()
        width = sum(load_terms(file, f"{name}.{kind}", part) for kind, part in features.transformer_list)
    baseline = OneVersusRest(features, [str(label) for label in told["labels"]])
    weights, bias, thresholds = (file.get_tensor(f"{name}.{part}") for part in LEARNED)
    count = len(baseline.labels)
    if weights.shape != (count, width or weights.shape[-1]) or {bias.shape, thresholds.shape} != {(count,)}:
        raise ValueError(f"weights of {name} have the shapes {weights.shape}, {bias.shape} and {thresholds.shape}")
    if not all((np.abs(values) < BEYOND_HONEST).all() for values in (weights, bias, thresholds)):
        raise ValueError(f"weights of {name} are no numbers, or far too large")
    baseline.weights, baseline.bias, baseline.thresholds = weights, bias, thresholds
    return baseline


def _fit_labels(features: Any, known: Bools) -> tuple[Floats, Floats]:
    """Weights of shape (labels, features) and a bias a label; one that all texts have, or none, is told by its bias."""
    weights = np.zeros((known.shape[1], features.shape[1]))
    bias = np.where(known.any(axis=0), ALWAYS, -ALWAYS)
    for label in np.flatnonzero(known.any(axis=0) & ~known.all(axis=0)):
        regression = LogisticRegression(C=INVERSE_REGULARISATION, solver="liblinear").fit(features, known[:, label])
        weights[label], bias[label] = regression.coef_[0], regression.intercept_[0]
    return weights, bias


def _predict(features: Any, weights: Floats, bias: Floats) -> Floats:
    shares: Floats = expit(features @ weights.T + bias)
    return shares
