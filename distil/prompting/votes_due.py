"""How many votes a text needs: a few where they agree, more where they do not.

Adaptive consistency (Aggarwal et al. 2023, arXiv 2305.11860) stops sampling when the majority is unlikely to change.
Here a text is decided when its first label is `min` votes ahead of the second, so unanimous votes stop at once, or when
the votes that may still be asked for cannot make it catch up. Of sets and spans no part is decided by less than half of
the votes: there the first also needs more than half, unless all that may be asked for could not give it that.
"""

from collections import Counter
from collections.abc import Callable

from distil.prompting.params import VotesParams


def count_votes_due(votes: VotesParams, label_of: Callable[[int], str | None], *, majority: bool = False) -> int:
    """Return how many votes the text needs, as far as the answers tell.

    `label_of(n)` is the label of vote n = 1, 2, ..., or None where its answer names none; it raises `LookupError` for a
    vote that has no answer yet, and that vote is then the last one due (or vote `min`, if that is later). `majority`
    says that half of the votes decides nothing.
    """
    if votes.fixed:
        return votes.min
    named: Counter[str] = Counter()
    for number in range(1, votes.max + 1):
        try:
            label = label_of(number)
        except LookupError:
            return max(number, votes.min)
        if label is not None:
            named[label] += 1
        short = majority and _may_reach_half(named, votes.max - number)
        if number >= votes.min and not short and _is_decided(named, votes.min, votes.max - number):
            return number
    return votes.max


def _may_reach_half(named: Counter[str], left: int) -> bool:
    """Whether the first label has no more than half of the readable votes, and may come to have it."""
    first, total = max(named.values(), default=0), named.total()
    return 0 < 2 * first <= total and 2 * (first + left) > total + left


def _is_decided(named: Counter[str], lead: int, left: int) -> bool:
    """Whether more votes are of no use; where no vote could be read nothing disagrees, and more would cost in vain."""
    first, second = ([count for _, count in named.most_common(2)] + [0, 0])[:2]
    return not named or first - second >= lead or first - second > left
