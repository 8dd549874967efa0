"""Which texts count as nearly the same, whatever the language, and that a cluster never falls apart when texts come."""

import numpy as np
import pytest

from distil.labels.near_duplicates import BATCH, LONGEST, find_clusters

WORDS = ["the quarterly report", "rose", "sales of paper", "in the north", "more than last year", "said the company"]
NEAR = [
    (
        "Operating profit rose to EUR 13.1 mn from EUR 8.7 mn in 2007.",
        "operating profit rose to EUR 13.1 mn from EUR 8.7 mn, in 2007",
    ),
    ("I love this phone!!!", "i love  this phone."),
    (
        "\u3053\u306e\u96fb\u8a71\u306f\u3068\u3066\u3082\u3088\u304f\u3066\u6bce\u65e5\u4f7f\u3063\u3066\u3044\u307e\u3059\u3002",
        "\u3053\u306e\u96fb\u8a71\u306f\u3068\u3066\u3082\u3088\u304f\u3066\u6bce\u65e5\u4f7f\u3063\u3066\u3044\u307e\u3059\uff01",
    ),
    ("wow!", "Wow..."),
    ("\U0001f600\U0001f600", " \U0001f600\U0001f600 "),
]
FAR = [
    "good",
    "bad",
    "not good",
    "!!!",
    "...",
    "Operating profit fell to EUR 1.2 mn.",
    "I hate this phone",
    "",
    "\U0001f622",
]


def are_near(one: str, other: str) -> bool:
    first, second = find_clusters([one, other])
    return bool(first == second)


@pytest.mark.parametrize(("one", "other"), NEAR)
def test_case_blanks_and_punctuation_make_no_other_text(one: str, other: str) -> None:
    assert are_near(one, other)


def test_other_texts_stand_alone() -> None:
    texts = [*(one for one, _ in NEAR), *FAR]
    assert len(set(find_clusters(texts))) == len(texts)
    assert find_clusters([]).tolist() == []


def test_clusters_are_numbered_from_zero_by_their_first_text_and_hold_over_others() -> None:
    """The first and the last text share too little to be linked themselves."""
    words = [f"word{number}" for number in range(80)]
    chain = [" ".join(words[start : start + 50]) for start in range(30)]
    assert find_clusters(["alone", *chain, "other"]).tolist() == [0, *[1] * len(chain), 2]
    assert not are_near(chain[0], chain[-1])
    assert find_clusters(["a text", "another", "a text", "a text"]).tolist() == [0, 1, 0, 0]


def test_texts_of_different_batches_are_compared() -> None:
    texts = [f"{number:05d} {number * 7919:09d}" for number in range(BATCH + 1)]
    clusters = find_clusters([*texts, texts[0], texts[BATCH]])
    assert clusters.tolist() == [*range(BATCH + 1), 0, BATCH]


def test_short_texts_differ_by_any_letter_and_by_their_order() -> None:
    texts = ["abcd", "abce", "abcde", "abcdf", "abcdef", "bcdefa"]
    assert len(set(find_clusters(texts))) == len(texts)


def make_texts(count: int, seed: int) -> list[str]:
    """Sentences of which many are nearly the same."""
    chance = np.random.default_rng(seed)
    return [" ".join(chance.choice(WORDS, 12)) + f" {chance.integers(9)}" for _ in range(count)]


def test_clusters_only_grow_when_texts_are_added() -> None:
    few = make_texts(150, seed=0)
    before, after = find_clusters(few), find_clusters([*make_texts(150, seed=1), *few])[150:]
    linked = before[:, None] == before
    assert linked.sum() > 150, "no near-duplicates in the example"
    assert (after[:, None] == after)[linked].all()


def test_the_share_of_common_pieces_decides() -> None:
    """Pairs of texts of 200 characters, of which a part is replaced; the docstring has the chances."""
    chance = np.random.default_rng(0)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    found = {}
    for common in (0.95, 0.5):
        kept = round(200 * 2 * common / (1 + common))  # pieces in both, of the pieces in either
        texts = ["".join(chance.choice(letters, 200)) for _ in range(100)]
        others = [text[:kept] + "".join(chance.choice(letters, 200 - kept)) for text in texts]
        clusters = find_clusters([*texts, *others])
        found[common] = (clusters[:100] == clusters[100:]).sum()
    assert found[0.95] >= 97
    assert found[0.5] <= 3


def test_what_a_student_does_not_read_makes_no_difference() -> None:
    start = " ".join(str(number) for number in range(LONGEST))
    assert are_near(start + " good", start + " bad " * 500)


def test_what_is_linked_hangs_on_the_texts_alone_and_stays_from_release_to_release() -> None:
    rng = np.random.default_rng(0)
    letters = list("abcdefghijklmnopqrstuvwxyz ")
    pairs = []
    for _ in range(24):
        one = rng.choice(letters, 200)
        other = np.where(rng.random(200) < 0.02, rng.choice(letters, 200), one)
        pairs.append(("".join(one), "".join(other)))
    linked = "".join("x" if are_near(one, other) else "." for one, other in pairs)
    assert linked == ".......x.xx.xxxxxx.xxxx."
    clusters = find_clusters([text for pair in pairs for text in pair])
    assert "".join("x" if one == other else "." for one, other in clusters.reshape(-1, 2)) == linked
