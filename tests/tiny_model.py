"""Tiny encoders made on the spot, laid out like models of the Hub: random weights, so small that a test can train them.

Written without torch or transformers, so that making one takes a moment.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from string import ascii_lowercase, digits, punctuation
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

Kind = Literal["bert", "roberta"]
Weights = dict[str, NDArray[np.float32]]

HIDDEN, HEADS, INTERMEDIATE = 32, 2, 64
MAX_TOKENS = 64
TEXTS = (
    "a good product, it works very well",
    "a bad product, it broke after a day",
    "the company reports a higher profit",
    "sales fell and the loss is larger than before",
)
READERS = tuple(f"{name}.weight" for name in ("query", "key", "value", "intermediate.dense", "pooler.dense"))
SPECIAL = {
    "bert": {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"},
    "roberta": {"cls": "<s>", "pad": "<pad>", "sep": "</s>", "unk": "<unk>", "mask": "<mask>"},
}


def make_tiny_model(
    folder: Path, texts: Sequence[str] = TEXTS, seed: int = 0, kind: Kind = "bert", layers: int = 2
) -> Path:
    """Write a base encoder (BertModel or RobertaModel, 64 tokens at most) with its tokenizer; returns the folder.

    Each layer adds a second to an export, and a training rehearses one.
    """
    size = _write_tokenizer(folder, texts, kind)
    _write_config(folder, kind, size, {"architectures": [f"{_class(kind)}Model"], "num_hidden_layers": layers})
    _save(folder, _encoder_weights(kind, size, np.random.default_rng(seed), layers))
    return folder


def make_tiny_student(
    folder: Path,
    labels: Sequence[str],
    texts: Sequence[str] = TEXTS,
    seed: int = 0,
    kind: Kind = "bert",
    **settings: object,
) -> Path:
    """Write an untrained classifier (Bert- or RobertaForSequenceClassification) over the labels; returns the folder.

    `settings` are for its config.json.
    """
    rng = np.random.default_rng(seed)
    size = _write_tokenizer(folder, texts, kind)
    names = {
        "id2label": {str(number): label for number, label in enumerate(labels)},
        "label2id": {label: number for number, label in enumerate(labels)},
    }
    _write_config(
        folder, kind, size, {"architectures": [f"{_class(kind)}ForSequenceClassification"], **names} | settings
    )
    encoder = {f"{kind}.{name}": value for name, value in _encoder_weights(kind, size, rng).items()}
    if kind == "roberta":  # its classifier reads the first token itself
        encoder = {name: value for name, value in encoder.items() if ".pooler." not in name}
    _save(folder, encoder | _head_weights(kind, len(labels), rng))
    return folder


def make_tiny_tagger(
    folder: Path, labels: Sequence[str], texts: Sequence[str] = TEXTS, seed: int = 0, kind: Kind = "bert"
) -> Path:
    """Write an untrained tagger (Bert- or RobertaForTokenClassification) of spans with labels; returns the folder."""
    tags = ["O", *(f"{prefix}-{label}" for label in labels for prefix in "BI")]
    make_tiny_student(folder, tags, texts, seed, kind, architectures=[f"{_class(kind)}ForTokenClassification"])
    weights = load_file(folder / "model.safetensors")
    kept = {name: value for name, value in weights.items() if "pooler" not in name and "classifier" not in name}
    _save(folder, kept | _linear(np.random.default_rng(seed + 1), "classifier", HIDDEN, len(tags)))
    return folder


def make_hard_to_round(student: Path, *parts: str) -> None:
    """Give products of a bert student, by parts of their names, weights that int8 cannot hold; fp32's answers are sane.

    A channel that is always zero gets weights so large that in steps of theirs all others are zero. No two biases are
    alike, as in a trained model: the exporter keeps one of several that are, under one name.
    """
    weights, rng = load_file(student / "model.safetensors"), np.random.default_rng(0)
    for name, values in weights.items():
        if values.ndim == 1:
            values += rng.normal(0, 0.02, values.shape).astype(np.float32)
        if "LayerNorm" in name:
            values[0] = 0
        elif name.endswith(READERS) and any(part in name for part in parts):
            values[:, 0] = 1e6
    _save(student, weights)


def _class(kind: Kind) -> str:
    return "Bert" if kind == "bert" else "Roberta"


def _positions(kind: Kind) -> int:
    return MAX_TOKENS + (2 if kind == "roberta" else 0)  # RoBERTa counts positions from the padding token's id + 1


def _write_tokenizer(folder: Path, texts: Sequence[str], kind: Kind) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _word_pieces(texts) if kind == "bert" else _byte_pairs(texts)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings: dict[str, object] = {f"{role}_token": token for role, token in SPECIAL[kind].items()}
    if kind == "roberta":
        settings |= {"bos_token": SPECIAL[kind]["cls"], "eos_token": SPECIAL[kind]["sep"]}
    settings |= {"tokenizer_class": f"{_class(kind)}Tokenizer", "model_max_length": MAX_TOKENS}
    _write_json(folder / "tokenizer_config.json", settings)
    return int(tokenizer.get_vocab_size())


def _word_pieces(texts: Sequence[str]) -> Tokenizer:
    letters = ascii_lowercase + digits
    normalizer, splitter = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    words = {word for text in texts for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text))}
    names = [*SPECIAL["bert"].values(), *letters, *punctuation, *(f"##{letter}" for letter in letters)]
    vocabulary = {token: number for number, token in enumerate(dict.fromkeys([*names, *sorted(words)]))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer, tokenizer.decoder = normalizer, splitter, decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    return tokenizer


def _byte_pairs(texts: Sequence[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=list(SPECIAL["roberta"].values()),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return tokenizer


def _write_config(folder: Path, kind: Kind, vocabulary_size: int, more: dict[str, object]) -> None:
    config = {
        "model_type": kind,
        "vocab_size": vocabulary_size,
        "hidden_size": HIDDEN,
        "num_hidden_layers": 2,
        "num_attention_heads": HEADS,
        "intermediate_size": INTERMEDIATE,
        "hidden_act": "gelu",
        "max_position_embeddings": _positions(kind),
        "type_vocab_size": 2 if kind == "bert" else 1,
        "pad_token_id": list(SPECIAL[kind]).index("pad"),
        "layer_norm_eps": 1e-12 if kind == "bert" else 1e-5,
    }
    if kind == "roberta":
        config |= {"bos_token_id": 0, "eos_token_id": 2}
    _write_json(folder / "config.json", config | more)


def _encoder_weights(kind: Kind, vocabulary_size: int, rng: np.random.Generator, layers: int = 2) -> Weights:
    weights: Weights = {}
    tables = {"word": vocabulary_size, "position": _positions(kind), "token_type": 2 if kind == "bert" else 1}
    for name, rows in tables.items():
        weights[f"embeddings.{name}_embeddings.weight"] = _draw(rng, rows, HIDDEN)
    weights |= _norm("embeddings.LayerNorm")
    for number in range(layers):
        layer = f"encoder.layer.{number}"
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            weights |= _linear(rng, f"{layer}.attention.{part}", HIDDEN, HIDDEN)
        weights |= _norm(f"{layer}.attention.output.LayerNorm")
        weights |= _linear(rng, f"{layer}.intermediate.dense", HIDDEN, INTERMEDIATE)
        weights |= _linear(rng, f"{layer}.output.dense", INTERMEDIATE, HIDDEN)
        weights |= _norm(f"{layer}.output.LayerNorm")
    return weights | _linear(rng, "pooler.dense", HIDDEN, HIDDEN)


def _head_weights(kind: Kind, labels: int, rng: np.random.Generator) -> Weights:
    if kind == "bert":
        return _linear(rng, "classifier", HIDDEN, labels)
    return _linear(rng, "classifier.dense", HIDDEN, HIDDEN) | _linear(rng, "classifier.out_proj", HIDDEN, labels)


def _linear(rng: np.random.Generator, name: str, inputs: int, outputs: int) -> Weights:
    return {f"{name}.weight": _draw(rng, outputs, inputs), f"{name}.bias": np.zeros(outputs, np.float32)}


def _norm(name: str) -> Weights:
    return {f"{name}.weight": np.ones(HIDDEN, np.float32), f"{name}.bias": np.zeros(HIDDEN, np.float32)}


def _draw(rng: np.random.Generator, rows: int, columns: int) -> NDArray[np.float32]:
    return rng.normal(0.0, 0.2, (rows, columns)).astype(np.float32)  # wide, so that texts get different logits


def _save(folder: Path, weights: Weights) -> None:
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def _write_json(path: Path, content: dict[str, object]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
