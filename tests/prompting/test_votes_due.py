"""How many votes a text needs, by the labels that the votes so far have given."""

import pytest

from distil.prompting.params import VotesParams
from distil.prompting.votes_due import count_votes_due


def due(said: str, least: int, most: int, *, majority: bool = False) -> int:
    """Votes due after such labels, a letter each; - is an answer that names none."""

    def label_of(vote: int) -> str | None:
        if vote > len(said):
            raise LookupError
        return None if said[vote - 1] == "-" else said[vote - 1]

    return count_votes_due(VotesParams(min=least, max=most), label_of, majority=majority)


@pytest.mark.parametrize(
    ("said", "votes"),
    [
        ("", 2),  # none has come yet
        ("a", 2),
        ("aa", 2),  # two ahead
        ("ab", 3),
        ("aba", 4),  # one ahead, two to come
        ("abaa", 4),  # two ahead
        ("abab", 5),
        ("ababa", 5),
        ("ababc", 5),
        ("abac", 5),  # one ahead, one to come, which can still make it a tie
        ("abc", 4),
        ("--", 2),  # nothing disagrees
        ("-a", 3),  # one is not two ahead, though nothing is beside it
        ("a-", 3),
        ("a-a", 3),
        ("a--", 4),
        ("a---", 5),
        ("-", 2),
    ],
)
def test_from_two_to_five(said: str, votes: int) -> None:
    assert due(said, 2, 5) == votes


def test_votes_that_cannot_change_the_lead_are_not_asked_for() -> None:
    assert due("aab", 3, 4) == 4, "one ahead, one to come"
    assert due("aaab", 4, 5) == 4, "two ahead, one to come"
    assert due("aabba", 3, 5) == 5


def test_a_fixed_number_is_due_whatever_is_said() -> None:
    assert due("", 3, 3) == due("aab", 3, 3) == 3


@pytest.mark.parametrize(
    ("said", "votes"),
    [
        ("aa", 2),
        ("bcdaaa", 7),  # a leads by two, and half of the votes say otherwise
        ("bcdaaaa", 7),  # now it has more than half
        ("bcdea", 6),
        ("--", 2),
    ],
)
def test_half_of_the_votes_decide_nothing_where_a_majority_does(said: str, votes: int) -> None:
    assert due(said, 2, 9, majority=True) == votes


def test_a_majority_that_is_out_of_reach_is_not_waited_for() -> None:
    assert due("bcdefaaa", 2, 9, majority=True) == 8, "two ahead, and one more makes it four of nine"
    assert due("bcdefaaa", 2, 12, majority=True) == 9, "four more make it seven of twelve"
