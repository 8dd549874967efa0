"""A model's chat template, applied here for servers that take plain text."""

from collections.abc import Callable

from distil.errors import InputError


def load_renderer(model: str) -> Callable[[str], str]:
    """A function that puts a prompt into the model's chat template, as the user's turn, ready for the answer.

    `model` is a Hub repository or a folder. Raises `InputError` if it has no tokenizer or no template.
    """
    from transformers import AutoTokenizer  # seconds to import, and only this protocol needs it

    try:
        tokenizer = AutoTokenizer.from_pretrained(model)
    except (OSError, ValueError) as error:
        raise InputError(
            f"protocol tgi needs the tokenizer of annotate.model = {model!r}: {str(error).splitlines()[0]}"
        ) from None
    if not tokenizer.chat_template:
        raise InputError(
            f"the tokenizer of annotate.model = {model!r} has no chat template; use protocol chat or completion"
        )

    def render(prompt: str) -> str:
        turn = [{"role": "user", "content": prompt}]
        return str(tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True))

    return render
