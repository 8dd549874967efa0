"""The longest input that an encoder takes, read from the two JSON files beside its weights."""

from collections.abc import Mapping
from typing import Any

COUNTS_FROM_PADDING = {
    *("roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "mpnet", "roberta-prelayernorm", "xmod"),
    *("data2vec-text", "esm", "ibert", "layoutlmv3", "lilt", "longformer", "luke", "markuplm"),
}
NAMES_OF_THE_LIMIT = ("max_position_embeddings", "n_positions")  # the latter is GPT-2's and its kin's


def find_token_limit(config: Mapping[str, Any], tokenizer_config: Mapping[str, Any]) -> int | None:
    """Tokens, special ones included; null if neither file states a limit.

    RoBERTa's kin number positions from the padding token's id + 1, so that of 514 positions 512 are of use.
    """
    limits = []
    for name in NAMES_OF_THE_LIMIT:
        positions = config.get(name)
        if positions is not None and positions > 0:
            unused = (config.get("pad_token_id") or 0) + 1 if config.get("model_type") in COUNTS_FROM_PADDING else 0
            limits.append(positions - unused)
    stated = tokenizer_config.get("model_max_length")
    if stated is not None and stated < 1e9:  # transformers writes 1e30 for "unknown"
        limits.append(int(stated))
    return min(limits, default=None)
