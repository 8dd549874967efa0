"""Tiny untrained bases of many architectures, made from transformers' configurations, with a tokenizer of words."""

import json
from collections.abc import Sequence
from pathlib import Path
from string import ascii_letters
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import Unigram, WordPiece
from transformers import AutoConfig, AutoModel

WORDS = [
    "a",
    "it",
    "is",
    "was",
    "very",
    "so",
    "good",
    "bad",
    "nice",
    "poor",
    "works",
    "broke",
    "the",
    "camera",
    "phone",
]
WORDS += [".", ",", "!"]
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]  # padding is number 1, as in RoBERTa's kin
SIZES: dict[str, Any] = {
    "vocab_size": len(SPECIAL) + len(WORDS),
    "hidden_size": 32,
    "num_hidden_layers": 1,  # to export a second one takes a second
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 66,
    "bos_token_id": 0,
    "eos_token_id": 2,
}
LEFT_OUT = object()  # a size that a kind does not have
ENCODERS: dict[str, dict[str, Any]] = {
    "bert": {},
    "roberta": {},
    "distilbert": {"hidden_dim": 64},
    "xlm-roberta": {},
    "deberta-v2": {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 8},
    "electra": {"embedding_size": 16},
    "albert": {"embedding_size": 16},
    "modernbert": {"num_hidden_layers": 2, "cls_token_id": 0, "sep_token_id": 2, "local_attention": 8},
    "camembert": {},
    "big_bird": {},
    "mpnet": {},
    "funnel": {
        "architectures": ["FunnelModel"],
        "num_hidden_layers": LEFT_OUT,
        "block_sizes": [1, 1],
        "d_head": 16,
        "d_inner": 64,
    },
    "xlnet": {"max_position_embeddings": LEFT_OUT, "d_head": 16, "d_inner": 64},
    "longformer": {"attention_window": 8},
}
DECODERS: dict[str, dict[str, Any]] = {
    "gpt2": {},
    "llama": {"num_key_value_heads": 1},
    "opt": {"ffn_dim": 64, "word_embed_proj_dim": 32},
}
BOTH: dict[str, dict[str, Any]] = {"t5": {"d_kv": 16, "d_ff": 64}, "bart": {"d_model": 32}}
KINDS = ENCODERS | DECODERS | BOTH


def make_base(folder: Path, kind: str, padding: bool | None = None, seed: int = 0, **changes: Any) -> Path:
    """Write a base of a kind of `KINDS`; a decoder has a padding token only if asked for. Returns the folder."""
    padded = kind not in DECODERS if padding is None else padding
    torch.manual_seed(seed)
    settings = SIZES | {"pad_token_id": 1 if padded else None} | KINDS[kind] | changes
    config = AutoConfig.for_model(kind, **{name: value for name, value in settings.items() if value is not LEFT_OUT})
    models: Any = AutoModel  # carries no types
    model = models.from_config(config)
    with torch.no_grad():
        for weights in model.parameters():
            if weights.ndim > 1:
                weights.normal_(std=0.3)  # wide, so that texts get different logits
    model.save_pretrained(folder)
    write_tokenizer(folder, kind not in DECODERS, padded)
    return folder


def write_tokenizer(folder: Path, framed: bool, padded: bool, more: Sequence[str] = ()) -> None:
    """Write a tokenizer of words; `framed` puts <s> and </s> around each text, `more` are words beyond the model's."""
    tokenizer = Tokenizer(
        WordPiece({word: number for number, word in enumerate([*SPECIAL, *WORDS, *more])}, unk_token="<unk>")
    )
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.BertPreTokenizer()
    _save_tokenizer(folder, tokenizer, framed, padded)


def write_sentence_pieces(folder: Path) -> None:
    """Write a tokenizer as sentencepiece makes them: pieces of words, of which the first has the blank before it."""
    pieces = [*SPECIAL, "\u2581", *(f"\u2581{word}" for word in [*WORDS, *ascii_letters]), *ascii_letters, *".,'"]
    pieces = list(dict.fromkeys(pieces))
    tokenizer = Tokenizer(
        Unigram([(piece, -float(len(piece) == 1)) for piece in pieces], unk_id=3, byte_fallback=False)
    )
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    _save_tokenizer(folder, tokenizer, framed=True, padded=True)


def _save_tokenizer(folder: Path, tokenizer: Tokenizer, framed: bool, padded: bool) -> None:
    tokenizer.add_special_tokens(SPECIAL)
    if framed:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A </s>", pair="<s> $A </s> $B:1 </s>:1", special_tokens=[("<s>", 0), ("</s>", 2)]
        )
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>"}
    settings |= {"unk_token": "<unk>"} | ({"pad_token": "<pad>"} if padded else {})
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
