import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_bases import SIZES, make_base, write_tokenizer
from transformers import AutoConfig, AutoModelForSequenceClassification, T5EncoderModel

from distil.core.errors import InputError
from distil.encoders.bases import load_base
from distil.encoders.outputs import Outputs
from distil.encoders.torch_model import TorchEncoder, load_classifier, load_tokenizer

LABELS = ["negative", "positive"]
OUTPUTS = Outputs(tuple(LABELS))


def change(file: Path, **settings: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | settings))


def refuse(folder: Path, told: str) -> None:
    with pytest.raises(InputError, match=told) as error:
        load_base(folder, OUTPUTS)
    assert str(error.value).startswith(str(folder))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_weights_of_another_model(tmp_path: Path, kind: str) -> None:
    folder = make_base(tmp_path / "base", kind, padding=True)
    other = make_base(tmp_path / "other", "distilbert")
    (folder / "model.safetensors").write_bytes((other / "model.safetensors").read_bytes())
    refuse(folder, r"\d+ of the \d+ matrices that config.json asks for .* take all files from one model")


def test_weights_of_another_size_and_a_layer_too_few(tmp_path: Path) -> None:
    folder = make_base(tmp_path, "bert")
    change(folder / "config.json", intermediate_size=48)
    refuse(folder, "2 of the 9 matrices")
    change(folder / "config.json", intermediate_size=64, num_hidden_layers=2)
    refuse(folder, r"6 of the 15 matrices .* \(bert\.encoder\.layer\.1\.")


def test_a_base_without_pooler_is_one(tmp_path: Path) -> None:
    folder = make_base(tmp_path, "bert")
    weights = load_file(folder / "model.safetensors")
    kept = {name: tensor for name, tensor in weights.items() if "pooler" not in name}
    assert len(kept) < len(weights)
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    load_base(folder, OUTPUTS)


def test_tokens_that_the_model_does_not_know(tmp_path: Path) -> None:
    folder = make_base(tmp_path, "bert")
    write_tokenizer(folder, framed=True, padded=True, more=["unheard"])
    refuse(folder, rf"numbers its tokens up to {SIZES['vocab_size']}, and the model knows {SIZES['vocab_size']}; ")


def test_nothing_to_pad_with(tmp_path: Path) -> None:
    folder = make_base(tmp_path, "llama")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    refuse(folder, r"no token for padding .* name one of its tokens as pad_token in tokenizer_config\.json")


@pytest.mark.parametrize("kind", ["t5", "bart"])
def test_encoder_with_a_decoder(tmp_path: Path, kind: str) -> None:
    folder = make_base(tmp_path, kind)
    refuse(folder, f"is a {kind}, an encoder with a decoder, which cannot be exported")
    assert np.isfinite(TorchEncoder(folder, "cpu").encode(["good", ""])).all()


def test_encoder_cut_from_its_decoder(tmp_path: Path) -> None:
    folder = make_base(tmp_path, "t5")
    T5EncoderModel.from_pretrained(folder, trust_remote_code=False).save_pretrained(folder)
    refuse(folder, "is a t5, an encoder with a decoder")


def test_code_that_the_folder_brings_is_not_run(tmp_path: Path) -> None:
    folder = make_base(tmp_path, "bert")
    change(folder / "config.json", model_type="mine", auto_map={"AutoConfig": "mine.MyConfig"})
    (folder / "mine.py").write_text("raise SystemExit('run')")
    refuse(folder, "it needs the class MyConfig of code that comes with it, which is not run")


def test_pickle_that_would_run_code(tmp_path: Path) -> None:
    folder = make_base(tmp_path, "bert")
    (folder / "model.safetensors").unlink()
    torch.save({"pooler.dense.weight": print}, folder / "pytorch_model.bin")
    refuse(folder, r"a pickle that is damaged or would run code; take them as model\.safetensors")


@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_weights_of_less_precision_and_in_pickles(tmp_path: Path, file: str, dtype: torch.dtype) -> None:
    folder = make_base(tmp_path, "bert")
    weights = {name: tensor.to(dtype) for name, tensor in load_file(folder / "model.safetensors").items()}
    (folder / "model.safetensors").unlink()
    if file.endswith("bin"):
        torch.save(weights, folder / file)
    else:
        save_file(weights, folder / file, metadata={"format": "pt"})
    model, _ = load_base(folder, OUTPUTS)
    loaded = model.bert.encoder.layer[0].output.dense.weight
    assert loaded.dtype == torch.float32
    assert torch.equal(loaded, weights["encoder.layer.0.output.dense.weight"].float())


@pytest.mark.parametrize(("outputs", "problem"), [(1, "regression"), (2, None), (3, "multi_label_classification")])
def test_head_of_another_task_leaves_no_trace(tmp_path: Path, outputs: int, problem: str | None) -> None:
    folder = make_base(tmp_path / "base", "bert")
    config = AutoConfig.from_pretrained(folder, num_labels=outputs, problem_type=problem, trust_remote_code=False)
    classes = AutoModelForSequenceClassification
    classes.from_pretrained(folder, config=config, trust_remote_code=False).save_pretrained(folder)
    change(folder / "config.json", function_to_apply="sigmoid", finetuning_task="stars")
    model, tokenizer = load_base(folder, OUTPUTS)
    assert model(**tokenizer("good", return_tensors="pt")).logits.shape == (1, 2)
    model.save_pretrained(tmp_path / "student")
    saved = json.loads((tmp_path / "student" / "config.json").read_text())
    assert saved["id2label"] == {"0": "negative", "1": "positive"}
    assert not {"function_to_apply", "finetuning_task"} & saved.keys()
    assert saved.get("problem_type") is None


def test_student_names_no_code_of_its_base(tmp_path: Path) -> None:
    folder = make_base(tmp_path / "base", "bert")
    change(folder / "config.json", auto_map={"AutoModel": "other/base--mine.MyModel"})
    change(folder / "tokenizer_config.json", auto_map={"AutoTokenizer": ["mine.MyTokenizer", None]})
    for part in load_base(folder, OUTPUTS):
        part.save_pretrained(tmp_path / "student")
    for name in ("config.json", "tokenizer_config.json"):
        assert "auto_map" not in json.loads((tmp_path / "student" / name).read_text())


@pytest.mark.parametrize("padding", [False, True])
def test_decoder_and_its_tokenizer_agree_on_padding(tmp_path: Path, padding: bool) -> None:
    folder = make_base(tmp_path / "base", "gpt2", padding)
    change(folder / "tokenizer_config.json", padding_side="left", truncation_side="left", max_length=7)
    model, tokenizer = load_base(folder, OUTPUTS)
    assert model.config.pad_token_id == tokenizer.pad_token_id == (1 if padding else 2)  # else that of the end
    for part in (model, tokenizer):
        part.save_pretrained(tmp_path / "student")
    again, settings = load_tokenizer(tmp_path / "student"), load_classifier(tmp_path / "student").config
    assert (again.padding_side, again.truncation_side, again.pad_token_id) == ("right", "right", settings.pad_token_id)
    assert again(["", "good"])["input_ids"] == [[0], [0, *tokenizer.convert_tokens_to_ids(["good"])]]
    assert list(again("good")) == ["input_ids", "attention_mask"]
