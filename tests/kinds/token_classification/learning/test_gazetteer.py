from distil.kinds.token_classification.labelling.canonical.label import write_label
from distil.kinds.token_classification.learning.gazetteer import Gazetteer


def learn(*rows: tuple[str, list[tuple[int, int, str]]]) -> Gazetteer:
    return Gazetteer([text for text, _ in rows], [write_label(spans) for _, spans in rows])


def test_the_longest_name_that_begins_at_a_word_is_taken() -> None:
    names = learn(("New York", [(0, 8, "city")]), ("York", [(0, 4, "duke")]), ("in New York Times", [(3, 17, "paper")]))
    assert names.label("York, New  York, Newark, new york") == write_label([(0, 4, "duke"), (6, 15, "city")])
    assert names.label("New York Times New") == write_label([(0, 14, "paper")])


def test_the_label_is_that_of_most_spans() -> None:
    names = learn(("Paris", [(0, 5, "name")]), *[("Paris", [(0, 5, "city")])] * 2)
    assert names.label("Paris") == write_label([(0, 5, "city")])


def test_a_word_that_is_seldom_a_name_is_none() -> None:
    once = ("May is here", [(0, 3, "name")])
    assert learn(once).label("May I") == write_label([(0, 3, "name")])
    assert learn(once, ("May I", []), ("May we", [])).label("May I") == "[]"


def test_names_may_hold_signs_and_none_may_be_known() -> None:
    names = learn(("@ \U0001f600 caf\u00e9", [(0, 8, "x")]), ("  ", [(0, 2, "x")]))
    assert names.label("so @\U0001f600caf\u00e9!") == write_label([(3, 9, "x")])
    assert Gazetteer([], []).label("Ann") == "[]"
