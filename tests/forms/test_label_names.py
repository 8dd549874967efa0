"""Where the names of labels stand in a text, and which of them is meant."""

import pytest

from distil.forms.label_names import WINDOW, LabelNames, Mention

TONES = LabelNames(["negative", "positive", "very positive"])


def found(names: LabelNames, text: str) -> list[tuple[str, bool, bool]]:
    """Each mention in order: its labels, whether it leads, whether it is denied."""
    return [("/".join(sorted(one.labels)), one.leads, one.denied) for one in names.find(text)]


def only(names: LabelNames, text: str, *, leading: bool = False) -> str | None:
    return names.only(names.find(text), leading=leading)


def test_a_label_as_it_stands_is_told_from_its_other_spellings() -> None:
    assert "positive" in TONES and "very positive" in TONES
    assert "Positive" not in TONES and "" not in TONES


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("positive", "positive"),
        (" 'Positive'. ", "positive"),
        ("[very_positive]", "very positive"),
        ("VERY - positive", "very positive"),
        ("\u00abpositive\u00bb", "positive"),
        ("posi tive", None),
        ("quite positive", None),
        ("", None),
    ],
)
def test_what_a_whole_text_spells(text: str, label: str | None) -> None:
    assert TONES.spelled(text) == label


def test_a_label_with_marks_of_its_own_is_itself() -> None:
    names = LabelNames(["(a)", "a", "US", "us", "'"])
    assert [names.spelled(text) for text in ("(a)", " (a) ", "((a)", "a", "US", "'US'", "uS", "'")] == [
        *("(a)", "(a)", "a", "a", "US", "US", None, "'"),
    ]


def test_a_text_that_is_longer_than_any_spelling_is_not_looked_at() -> None:
    names = LabelNames(["ab", "abcd"])
    most = 2 * 4 + WINDOW
    assert names.spelled("ab".ljust(most)) == "ab"
    assert names.spelled("ab".ljust(most + 1)) is None


def test_names_are_whole_words_and_of_names_within_one_another_the_longest() -> None:
    assert found(TONES, "positively, xpositive, positive_ and positive\u0301") == []
    assert [labels for labels, _, _ in found(TONES, "A very  positive one, then positive-negative")] == [
        "very positive",
        "positive",
        "negative",
    ]
    cities = LabelNames(["new york", "york city", "york"])
    assert [labels for labels, _, _ in found(cities, "in new york city")] == ["new york", "york city"]
    assert [labels for labels, _, _ in found(LabelNames(["US", "us", "uk"]), "us uk")] == ["US/us", "uk"]
    assert [labels for labels, _, _ in found(LabelNames(["c++", "c"]), "c++ c")] == ["c++", "c"]
    assert found(LabelNames(["caf\u00e9"]), "the cafe\u0301") == [("caf\u00e9", False, False)]


@pytest.mark.parametrize(
    ("text", "leads"),
    [
        ("positive", True),
        ("Positive. It is so", True),
        ("'positive' - it is", True),
        ("(positive), so", True),
        ("positive\nit is", True),
        ("label: positive", True),
        ("label = positive", True),
        ("it is positive", False),
        ("a positive", False),
        ("positive thing", False),
        ("positive.thing", False),
        (" " * WINDOW + "positive", True),
        (" " * (WINDOW + 1) + "positive", False),  # what is before that is not looked at
        ("a:" + " " * (WINDOW - 1) + "positive", True),
        ("a:" + " " * WINDOW + "positive", False),
    ],
)
def test_what_leads(text: str, leads: bool) -> None:
    assert found(TONES, text) == [("positive", leads, False)]


def test_a_number_leads_only_alone_or_before_a_dash() -> None:
    stars = LabelNames(["1", "2"])
    assert [found(stars, text)[0][1] for text in ("1", "1.", "2)\nso", "2 (two)", "1. So", "1, so", "rated: 2")] == [
        *(True, True, True, True, False, False, True),
    ]


@pytest.mark.parametrize(
    ("text", "denied"),
    [
        ("not positive", True),
        ("it isn\u2019t a very clearly positive", True),
        ("not so. it is positive", False),
        ("not of the kind one could ever call positive", False),  # more than four words between
        ("positive is wrong", True),
        ("positive isn't it", True),
        ("positive or not", True),
        ("positive?", True),
        ("positive is right", False),
        ("positive, not least for its tone", False),
        ("rather than positive", True),
        ("not" + " " * (WINDOW - 3) + "positive", True),
        ("not" + " " * (WINDOW - 2) + "positive", False),
        ("positive" + " " * (WINDOW - 4) + " or not so", False),
    ],
)
def test_what_is_denied(text: str, denied: bool) -> None:
    assert [one.denied for one in TONES.find(text)] == [denied]


def test_the_one_label_that_is_meant() -> None:
    assert only(TONES, "It is positive, POSITIVE indeed") == "positive"
    assert TONES.only(TONES.find("It is positive")) == "positive"
    assert only(TONES, "It is positive", leading=True) is None
    assert only(TONES, "positive. It is positive", leading=True) == "positive"
    assert only(TONES, "positive or negative") is None
    assert only(TONES, "positive, not positive") is None
    assert only(TONES, "nothing of the kind") is None
    assert only(LabelNames(["US", "us"]), "us") is None


@pytest.mark.parametrize("label", ["7", "a", "B2", "no", "No", "#1"])
def test_a_slight_name_has_to_lead(label: str) -> None:
    names = LabelNames([label, "other"])
    assert only(names, f"it is {label} so") is None
    assert only(names, f"it is: {label}") == label


@pytest.mark.parametrize("label", ["ab", "nos", "\u597d", "\u00e9"])
def test_any_other_name_may_stand_anywhere(label: str) -> None:
    assert only(LabelNames([label, "other"]), f"it is {label} so") == label


def test_a_cut_text_may_go_on_to_a_longer_name() -> None:
    names = LabelNames(["positive", "positive outlook", "negative"])
    assert names.may_go_on("it is Positive", "positive")
    assert names.may_go_on("label: positive-outlook", "positive outlook") is False
    assert names.may_go_on("it is negative", "negative") is False
    assert names.may_go_on("positive it is", "positive") is False
    assert LabelNames(["a", "A"]).may_go_on("a", "a") is False, "another case is no longer name"


def test_a_mention_says_what_it_is_of() -> None:
    assert TONES.find("So: positive") == [Mention(frozenset({"positive"}), leads=True, denied=False)]
