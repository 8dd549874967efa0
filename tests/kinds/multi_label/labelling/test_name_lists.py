import re

from distil.kinds.multi_label.labelling.name_lists import NameList, count_pieces, cut_names

COMMA = re.compile(r"\s*,\s*")


def cut(line: str, *names: str) -> set[NameList]:
    longest = max(count_pieces(name, COMMA) for name in names)
    return cut_names(line, COMMA, longest, {name: name for name in names}.get)


def test_a_line_is_cut_into_names_that_may_hold_the_separator() -> None:
    assert cut("a, b", "a", "b") == {NameList(frozenset("ab"), 2)}
    assert cut("a, b, c", "a, b", "c") == {NameList(frozenset(["a, b", "c"]), 2)}
    assert cut("a, b", "a", "c") == cut("a,", "a", "b") == set()
    assert cut("a, a", "a", "b") == {NameList(frozenset("a"), 2)}


def test_of_several_ways_more_than_one_is_told() -> None:
    assert len(cut("a, b, c", "a", "b", "c", "a, b", "b, c")) > 1


def test_many_repeats_are_cut_in_no_time() -> None:
    assert cut(", ".join(["a"] * 20_000), "a", "a, a, b") == {NameList(frozenset("a"), 20_000)}
