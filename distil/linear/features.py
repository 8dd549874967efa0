"""What the linear baselines read of a text: its words and their pieces, or its vector by an encoder."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import FeatureUnion

from distil.assets.references import resolve
from distil.core.errors import InputError
from distil.encoders.torch_model import TorchEncoder

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


def make_tfidf() -> FeatureUnion:
    """Return untrained TF-IDF features: words and pairs of them, and pieces of words of two to five characters."""
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=WORD_OR_SIGN)
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    return FeatureUnion([("words", words), ("characters", characters)])


Features = FeatureUnion | FrozenEncoder
