from pathlib import Path

import torch
from tiny_model import make_tiny_model

from distil.encoders.bases import load_base
from distil.encoders.outputs import Outputs
from distil.export.rehearsal import find_fault


def test_a_tagger_is_rehearsed_with_the_logits_of_all_its_tokens(tmp_path: Path) -> None:
    outputs = Outputs(("O", "B-a", "I-a"), per_token=True)
    model, tokenizer = load_base(make_tiny_model(tmp_path, layers=1), outputs)
    assert find_fault(model, tokenizer) is None
    encoded = tokenizer("a good product", return_tensors="pt")
    with torch.inference_mode():
        assert model(**encoded).logits.shape == (1, encoded["input_ids"].shape[1], 3), "nothing was cut for the graph"
