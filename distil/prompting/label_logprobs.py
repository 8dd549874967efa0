"""Log-probabilities of the labels, read from the likeliest first tokens of an answer."""

from collections.abc import Sequence

from distil.core.errors import InputError

Token = tuple[str, float]  # text and natural log-probability


def find_label_logprobs(top_logprobs: Sequence[Token], labels: Sequence[str]) -> list[float] | None:
    """One natural log-probability a label, in the order of `labels`; None if no label is among the tokens.

    A label is found by its first token: the longest returned token that begins it and no other label, a leading blank
    aside. A label that is not among the tokens gets the lowest log-probability that was returned, which is an upper
    bound of its own. Raises `InputError` if a token that begins two labels is likelier than what tells them apart.
    """
    tokens = [(token.removeprefix(" "), logprob) for token, logprob in top_logprobs]
    begun = [(token, [label for label in labels if token[0] and label.startswith(token[0])]) for token in tokens]
    own = {label: _longest([token for token, begins in begun if begins == [label]]) for label in labels}
    for (text, logprob), begins in begun:
        if len(begins) > 1 and logprob > max(own[label][1] for label in begins):
            both = " and ".join(map(repr, begins))
            raise InputError(
                f"the labels {both} share the first token {text!r} in this model: rename one of task.labels, "
                "or set annotate.method: generate"
            )
    if not any(token for token, _ in own.values()):
        return None
    floor = min(logprob for _, logprob in tokens)
    return [logprob if token else floor for token, logprob in own.values()]


def _longest(tokens: Sequence[Token]) -> Token:
    """The longest token, of two spellings the likelier; an impossible one if there is none."""
    return max(tokens, key=lambda token: (len(token[0]), token[1]), default=("", float("-inf")))
