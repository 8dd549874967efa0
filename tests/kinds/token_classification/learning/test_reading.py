from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kinds.token_classification.learning.odd_texts import TEXTS, draw_spans
from tiny_model import Kind, make_tiny_model

from distil.encoders.torch_model import load_tokenizer
from distil.kinds.token_classification.labelling.canonical.label import soften, write_label
from distil.kinds.token_classification.learning.probes import decode
from distil.kinds.token_classification.learning.reading import read_texts
from distil.kinds.token_classification.learning.targets import make_targets

LABELS = ["PER", "LOC"]
WHOLE = 10_000  # tokens


@pytest.fixture(scope="module", params=["bert", "roberta"])
def tokenizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    kind: Kind = request.param
    folder: Path = make_tiny_model(tmp_path_factory.mktemp(kind), kind=kind, layers=1)
    return load_tokenizer(folder)


@given(TEXTS, st.data())
def test_spans_at_the_bounds_of_words_come_back_from_the_targets(
    tokenizer: Any, text: str, data: st.DataObject
) -> None:
    (reading,) = read_texts(tokenizer, [text], data.draw(st.sampled_from([8, WHOLE])))
    label = write_label(data.draw(draw_spans(text, reading.words, LABELS)))
    rows = pd.DataFrame({"text": [text], "label": [label], "soft": [soften(label, LABELS)]})
    for kind in ("soft", "hard"):
        targets = make_targets(rows, [reading], LABELS, kind)
        assert decode(targets, [reading], LABELS, [text]) == [label]


@given(TEXTS, st.integers(3, 12))
def test_each_word_is_decided_once_where_its_first_piece_stands(tokenizer: Any, text: str, max_length: int) -> None:
    (whole,), (cut,) = (read_texts(tokenizer, [text], length) for length in (WHOLE, max_length))
    assert cut.words == whole.words
    assert [number for view in cut.views for number in range(view.first, view.last)] == list(range(len(cut.words)))
    ((all_ids, _, _, all_places),) = whole.views
    firsts = [view.ids[place] for view in cut.views for place in view.places]
    assert firsts == [all_ids[place] for place in all_places]
    for view in cut.views:
        assert len(view.ids) <= max_length
        assert (view.ids[0], view.ids[-1]) == (all_ids[0], all_ids[-1]), "special tokens stand around each window"


def test_nothing_of_a_long_text_is_unread(tokenizer: Any) -> None:
    text = " ".join(["a good product"] * 40)
    (reading,) = read_texts(tokenizer, [text], 16)
    assert [text[word.start : word.end] for word in reading.words] == text.split()
    assert len(reading.views) > 5
    assert np.ptp([len(view.ids) for view in reading.views]) == 0


def test_texts_of_nothing(tokenizer: Any) -> None:
    assert read_texts(tokenizer, [], 8) == []
    (reading,) = read_texts(tokenizer, [""], 8)
    assert (reading.words, [view.places for view in reading.views]) == ([], [[]])
