"""Parts of a small batch, of texts of like length: padding is what small batches cost most.

The student cuts a batch into parts of so many tokens, the longest texts first. That is best where there are many; of 32
short ones a fifth of what is computed is padding then. Here the cuts are where padding and the cost of a part together
are least, found by dynamic programming.
"""

from collections.abc import Sequence

MOST_TEXTS = 64  # of more texts the student's own parts have little padding
TOKENS_A_PART = 16  # that would take as long as a part does by itself, measured (docs/serve.md)


def group_alike(lengths: Sequence[int], most_tokens: int) -> list[list[int]]:
    """The places of texts in parts, the longest texts first; a part with its padding has so many tokens at most.

    `lengths` are in tokens; a text of more tokens is a part by itself.
    """
    order = sorted(range(len(lengths)), key=lambda place: -lengths[place])
    costs, cuts = [0], [0]  # of the first n texts: the least cost, and where the last part begins
    for end in range(1, len(order) + 1):
        least, cut = costs[end - 1] + lengths[order[end - 1]], end - 1
        for start in range(end - 2, -1, -1):
            padded = lengths[order[start]] * (end - start)
            if padded > most_tokens:
                break  # and so has each that begins before it, since texts there are longer
            if costs[start] + padded < least:
                least, cut = costs[start] + padded, start
        costs.append(least + TOKENS_A_PART)
        cuts.append(cut)
    parts, end = [], len(order)
    while end:
        parts.append(order[cuts[end] : end])
        end = cuts[end]
    return parts[::-1]
