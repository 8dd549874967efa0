"""What a student has to beat: classifiers that are trained in seconds on the same labels.

`majority` says the commonest label, `tfidf` is logistic regression over words, pairs of words and pieces of words,
`embeddings` the same over the sentence vectors of an encoder that is not fine-tuned. On disk they are numbers and words
in a safetensors file, which holds no code.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion

from distil.assets.references import resolve
from distil.core.errors import InputError
from distil.encoders.torch_model import TorchEncoder

LEARNED = ("coef_", "intercept_", "classes_")  # of a logistic regression
UNREADABLE = (SafetensorError, LookupError, TypeError, ValueError, AttributeError, RecursionError, OSError)
BEYOND_HONEST = 1e9  # no weight comes near it, and what does would overflow
INVERSE_REGULARISATION = 10.0
MOST_ITERATIONS = 1000
WORD_OR_SIGN = r"\w+|[^\w\s]"  # so that a text of single letters or emoji has features too


class FrozenEncoder:
    """Sentence vectors of a pinned encoder, which is loaded at first use."""

    def __init__(self, reference: str, pins: Path, device: str) -> None:
        """Note where the encoder is to be found; see `distil.assets.references.resolve` for the form of a reference."""
        self.place = reference, pins
        self.device = device
        self._encoder: TorchEncoder | None = None

    def fit_transform(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return what `transform` does; there is nothing to fit."""
        return self.transform(texts)

    def transform(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return sentence vectors of shape (texts, hidden size); raises `InputError` if the encoder answers NaN."""
        reference, pins = self.place
        if self._encoder is None:
            self._encoder = TorchEncoder(resolve(reference, pins), self.device)
        vectors = self._encoder.encode(texts)
        if broken := int((~np.isfinite(vectors)).any(axis=1).sum()):
            raise InputError(
                f"the encoder {reference} answers NaN to {broken:,} of {len(texts):,} texts; "
                "name another one in evaluate.embeddings"
            )
        return vectors


class Baseline:
    """A logistic regression over features of the texts; a label without training rows has probability 0."""

    def __init__(self, features: FeatureUnion | FrozenEncoder, labels: Sequence[str]) -> None:
        """Set up, untrained; `labels` gives the order of the outputs."""
        self.labels = list(labels)
        self.features = features
        self.regression = LogisticRegression(C=INVERSE_REGULARISATION, max_iter=MOST_ITERATIONS)

    def fit(self, texts: Sequence[str], labels: Sequence[str]) -> "Baseline":
        """Train on texts and their labels."""
        numbers = [self.labels.index(label) for label in labels]
        self.regression.fit(self.features.fit_transform(list(texts)), numbers)
        return self

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return probabilities of shape (texts, labels)."""
        shares = np.zeros((len(texts), len(self.labels)))
        if len(texts):
            shares[:, self.regression.classes_] = self.regression.predict_proba(self.features.transform(list(texts)))
        return shares


class MajorityClass:
    """Answers every text alike: the shares of the labels in the training rows, of which the highest is the label."""

    def __init__(self, labels: Sequence[str]) -> None:
        """Set up, untrained; `labels` gives the order of the outputs."""
        self.labels = list(labels)
        self._shares = np.zeros(len(labels))

    def fit(self, texts: Sequence[str], labels: Sequence[str]) -> "MajorityClass":
        """Count the labels."""
        counts = np.array([list(labels).count(label) for label in self.labels])
        self._shares = counts / len(texts)
        return self

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return probabilities of shape (texts, labels)."""
        return np.tile(self._shares, (len(texts), 1))


def make_tfidf() -> FeatureUnion:
    """Return untrained TF-IDF features: words and pairs of them, and pieces of words of two to five characters."""
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=WORD_OR_SIGN)
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    return FeatureUnion([("words", words), ("characters", characters)])


def make_baselines(labels: Sequence[str], reference: str, pins: Path, device: str) -> dict[str, Baseline]:
    """Return the untrained baselines by name; `reference` is that of the encoder."""
    words = make_tfidf()
    encoder = FrozenEncoder(reference, pins, device)
    return {"tfidf": Baseline(words, labels), "embeddings": Baseline(encoder, labels)}


def save_baselines(path: Path, baselines: Mapping[str, Baseline]) -> None:
    """Write trained baselines to one file; the same baselines give the same bytes in every process."""
    about: dict[str, dict[str, Any]] = {}
    arrays: dict[str, NDArray[Any]] = {}
    for name, baseline in baselines.items():
        about[name] = {"labels": baseline.labels}
        for part in LEARNED:
            arrays[f"{name}.{part}"] = np.ascontiguousarray(getattr(baseline.regression, part))
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


def load_baselines(path: Path, device: str) -> dict[str, Baseline]:
    """Read what `save_baselines` wrote, on a machine where the encoder's reference can be resolved.

    The file names no device, so it is also read where that of its training is missing; `device` is the one to use.
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


def _load_baseline(file: Any, name: str, told: Mapping[str, Any], device: str) -> Baseline:
    width: int | None = None
    features: FeatureUnion | FrozenEncoder
    if "encoder" in told:
        features = FrozenEncoder(told["encoder"], Path(told["pins"]), device)
    else:
        features = make_tfidf()
        width = sum(load_terms(file, f"{name}.{kind}", part) for kind, part in features.transformer_list)
    baseline = Baseline(features, told["labels"])
    coefficients, intercepts, classes = (file.get_tensor(f"{name}.{part}") for part in LEARNED)
    rows = 1 if len(classes) == 2 else len(classes)
    if coefficients.shape != (rows, width or coefficients.shape[-1]) or intercepts.shape != (rows,):
        raise ValueError(f"weights of {name} have the shapes {coefficients.shape} and {intercepts.shape}")
    if not all((np.abs(values) < BEYOND_HONEST).all() for values in (coefficients, intercepts)):
        raise ValueError(f"weights of {name} are no numbers, or far too large")
    if not set(classes.tolist()) <= set(range(len(baseline.labels))):
        raise ValueError(f"{name} knows other labels than it names")
    for part, values in zip(LEARNED, (coefficients, intercepts, classes), strict=True):
        setattr(baseline.regression, part, values)
    return baseline


def load_terms(file: Any, name: str, vectorizer: TfidfVectorizer) -> int:
    """Give a vectorizer its words and their weights; returns how many there are."""
    terms = json.loads(file.get_tensor(f"{name}.terms").tobytes())
    vectorizer.set_params(vocabulary=[str(term) for term in terms])
    vectorizer.idf_ = file.get_tensor(f"{name}.idf")
    if not (np.abs(vectorizer.idf_) < BEYOND_HONEST).all():
        raise ValueError(f"weights of words in {name} are no numbers, or far too large")
    return len(terms)
