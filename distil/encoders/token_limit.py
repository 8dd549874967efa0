"""The longest input that an encoder takes, read from the two JSON files beside its weights."""

from collections.abc import Mapping
from typing import Any

COUNTS_FROM_PADDING = {
    *("roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "mpnet", "roberta-prelayernorm", "xmod"),
    *("data2vec-text", "esm", "ibert", "layoutlmv3", "lilt", "longformer", "luke", "markuplm"),
}
NAMES_OF_THE_LIMIT = ("max_position_embeddings", "n_positions")  # the latter is GPT-2's and its kin's


def find_token_limit(config: Mapping[str, Any], tokenizer_config: Mapping[str, Any]) -> int | None:
    """Tokens, special ones included; null if neither file states a limit. What is no number states none.

    RoBERTa's kin number positions from the padding token's id + 1, so that of 514 positions 512 are of use.
    """
    limits = []
    for name in NAMES_OF_THE_LIMIT:
        positions = _number(config.get(name))
        if positions > 0:
            unused = _number(config.get("pad_token_id")) + 1 if _counts_from_padding(config) else 0
            limits.append(positions - unused)
    stated = _number(tokenizer_config.get("model_max_length"))
    if 0 < stated < 1e9:  # transformers writes 1e30 for "unknown"
        limits.append(stated)
    return min(limits, default=None)


def _counts_from_padding(config: Mapping[str, Any]) -> bool:
    return str(config.get("model_type")) in COUNTS_FROM_PADDING


def _number(value: Any) -> int:
    """A whole number as it is written, also as 512.0 or 1e30; 0 for anything else."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")
    return int(value) if is_number else 0
