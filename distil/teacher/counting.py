"""Count the tokens of a prompt and a reply where nobody told them, with a tokenizer that is named.

Counted is what the tokenizer's chat template makes of the messages, up to where the answer begins, and the reply's own
words. A tokenizer without a template, as every single file is, counts the words of the messages alone: what the model's
template adds, some tokens a message, is then left out.
"""

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

from distil.assets.references import resolve
from distil.core.errors import AssetError, InputError
from distil.prompting.params import STAND_IN
from distil.prompting.requests import Message
from distil.teacher.chat_template import Renderer, load_renderer

STAND_IN_TOKENIZER = "pypi:mistral-common==1.13.1/mistral_common/data/tokenizer.model.v1"
MESSAGES_KEPT = 1000  # the votes of a text ask the same

CountText = Callable[[str], int]


class TokenCounter:
    """Counts with one tokenizer: `count_text` has no template and no special tokens."""

    def __init__(self, count_text: CountText, render: Renderer | None = None) -> None:
        self.count_text = count_text
        self.count_messages = lru_cache(MESSAGES_KEPT)(self._count_messages)
        self._render = render

    def _count_messages(self, messages: Sequence[Message]) -> int:
        if self._render:
            return self.count_text(self._render(messages))
        return sum(self.count_text(content) for _, content in messages)


def name_tokenizer(tokenizer: str) -> str:
    """The reference that `annotate.recording.tokenizer` stands for."""
    return STAND_IN_TOKENIZER if tokenizer == STAND_IN else tokenizer


def load_counter(tokenizer: str, assets: Path) -> TokenCounter:
    """Load what `annotate.recording.tokenizer` names: a model's folder, a tokenizer.json, or a file of SentencePiece.

    Raises `InputError` if it is none of these, and as `resolve` does.
    """
    try:
        path = resolve(name_tokenizer(tokenizer), assets)
    except AssetError as error:
        raise AssetError(f"{error}; or set annotate.recording.tokenizer to null, to count no tokens") from None
    if path.is_dir():
        return _load_folder(path)
    return TokenCounter(_load_json(path) if path.suffix == ".json" else _load_sentencepiece(path))


def _load_folder(folder: Path) -> TokenCounter:
    from distil.encoders.torch_model import load_tokenizer  # seconds to import

    tokenizer = load_tokenizer(folder)
    render = load_renderer(str(folder)) if tokenizer.chat_template else None
    return TokenCounter(lambda text: len(tokenizer.encode(text, add_special_tokens=False, verbose=False)), render)


def _load_json(path: Path) -> CountText:
    from tokenizers import Tokenizer

    from distil.encoders.foreign import explain_loading

    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise _refuse(path, str(error)) from None
    if not isinstance(content, dict) or "model" not in content:
        raise _refuse(path, "it has no model")
    with explain_loading(path, "annotate.recording.tokenizer"):
        tokenizer = Tokenizer.from_file(str(path))
        tokenizer.no_truncation()
        tokenizer.no_padding()
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False))


def _load_sentencepiece(path: Path) -> CountText:
    from sentencepiece import SentencePieceProcessor

    try:
        processor = SentencePieceProcessor(model_file=str(path))
    except (RuntimeError, OSError) as error:
        raise _refuse(path, str(error)) from None
    return lambda text: len(processor.encode(text))


def _refuse(path: Path, reason: str) -> InputError:
    return InputError(
        f"annotate.recording.tokenizer: {path} is neither a tokenizer.json nor a file of SentencePiece "
        f"({reason.splitlines()[0]}); name one of these or a model's folder, or null to count no tokens"
    )
