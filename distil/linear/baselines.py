"""What a student has to beat: classifiers that are trained in seconds on the same labels.

`majority` says the commonest label, `tfidf` is logistic regression over words, pairs of words and pieces of words,
`embeddings` the same over the sentence vectors of an encoder that is not fine-tuned.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion

from distil.assets.references import resolve
from distil.core.errors import InputError
from distil.encoders.torch_model import TorchEncoder

INVERSE_REGULARISATION = 10.0
MOST_ITERATIONS = 1000
WORD_OR_SIGN = r"\w+|[^\w\s]"  # so that a text of single letters or emoji has features too


class FrozenEncoder:
    """Sentence vectors of a pinned encoder; it is loaded at first use, and neither it nor its device is pickled."""

    def __init__(self, reference: str, pins: Path, device: str) -> None:
        """Note where the encoder is to be found; see `distil.assets.references.resolve` for the form of a reference."""
        self._place = reference, pins
        self.device = device
        self._encoder: TorchEncoder | None = None

    def fit_transform(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return what `transform` does; there is nothing to fit."""
        return self.transform(texts)

    def transform(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return sentence vectors of shape (texts, hidden size); raises `InputError` if the encoder answers NaN."""
        reference, pins = self._place
        if self._encoder is None:
            self._encoder = TorchEncoder(resolve(reference, pins), self.device)
        vectors = self._encoder.encode(texts)
        if broken := int((~np.isfinite(vectors)).any(axis=1).sum()):
            raise InputError(
                f"the encoder {reference} answers NaN to {broken:,} of {len(texts):,} texts; "
                "name another one in evaluate.embeddings"
            )
        return vectors

    def __getstate__(self) -> dict[str, Any]:
        return {"_place": self._place, "device": "auto", "_encoder": None}


class Baseline:
    """A logistic regression over features of the texts; a label without training rows has probability 0."""

    def __init__(self, features: FeatureUnion | FrozenEncoder, labels: Sequence[str]) -> None:
        """Set up, untrained; `labels` gives the order of the outputs."""
        self.labels = list(labels)
        self.features = features
        self._regression = LogisticRegression(C=INVERSE_REGULARISATION, max_iter=MOST_ITERATIONS)

    def fit(self, texts: Sequence[str], labels: Sequence[str]) -> "Baseline":
        """Train on texts and their labels."""
        numbers = [self.labels.index(label) for label in labels]
        self._regression.fit(self.features.fit_transform(list(texts)), numbers)
        return self

    def forget_addresses(self) -> None:
        """Drop where in memory scikit-learn saw its stop words: another process would write other bytes."""
        if isinstance(self.features, FeatureUnion):
            for _, part in self.features.transformer_list:
                vars(part).pop("_stop_words_id", None)

    def use_device(self, device: str) -> None:
        """Let the encoder, where there is one, run on this device of the machine at hand."""
        if isinstance(self.features, FrozenEncoder):
            self.features.device = device

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return probabilities of shape (texts, labels)."""
        shares = np.zeros((len(texts), len(self.labels)))
        if len(texts):
            shares[:, self._regression.classes_] = self._regression.predict_proba(self.features.transform(list(texts)))
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
    path.parent.mkdir(parents=True, exist_ok=True)
    for baseline in baselines.values():
        baseline.forget_addresses()
    joblib.dump(dict(baselines), path)


def load_baselines(path: Path, device: str) -> dict[str, Baseline]:
    """Read what `save_baselines` wrote, on a machine where the encoder's reference can be resolved.

    The file names no device, so it is also read where that of its training is missing; `device` is the one to use. It
    is a pickle: load only your own. Raises `InputError` if it is missing or damaged.
    """
    try:
        baselines: dict[str, Baseline] = joblib.load(path)
    except FileNotFoundError:
        raise InputError(f"{path} is missing; 'dvc repro' writes it") from None
    except (EOFError, LookupError, ValueError, ImportError, AttributeError, UnpicklingError) as error:
        raise InputError(f"{path} is damaged ({error}); 'dvc repro' writes it anew") from None
    for baseline in baselines.values():
        baseline.use_device(device)
    return baselines
