"""A model's chat template, applied here for servers that take plain text."""

from collections.abc import Callable, Sequence

from distil.core.errors import InputError
from distil.prompting.requests import Message

Renderer = Callable[[Sequence[Message]], str]

_PROBE = "Is a system message shown?"


def load_renderer(model: str) -> Renderer:
    """A function that puts messages into the model's chat template, ready for the answer.

    A template that refuses a system message, or leaves it out, gets it at the head of the first user's turn. `model` is
    a Hub repository or a folder. Raises `InputError` if it has no tokenizer or no template.
    """
    from transformers import AutoTokenizer  # seconds to import, and only this protocol needs it

    from distil.encoders.foreign import explain_loading

    with explain_loading(model, "the tokenizer, which protocol tgi needs,"):
        tokenizer = AutoTokenizer.from_pretrained(model, trust_remote_code=False)
    if not tokenizer.chat_template:
        raise InputError(
            f"the tokenizer of annotate.model = {model!r} has no chat template; use protocol chat or completion"
        )

    def render(messages: Sequence[Message]) -> str:
        turns = [{"role": role, "content": content} for role, content in messages]
        with explain_loading(model, "the chat template, which protocol tgi needs,"):
            return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))

    try:
        shows_system = _PROBE in render([("system", _PROBE), ("user", "?")])
    except InputError:
        shows_system = False
    return render if shows_system else lambda messages: render(fold_system(messages))


def fold_system(messages: Sequence[Message]) -> Sequence[Message]:
    """Put a system message at the head of the first user's turn, a blank line between them."""
    (first, system), *turns = messages
    if first != "system":
        return messages
    (role, content), *rest = turns
    return [(role, f"{system}\n\n{content}"), *rest]
