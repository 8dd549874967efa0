"""A label asked about by itself: yes or no, and what the answers about all labels say together."""

import pytest

from distil.forms.answers import Answer
from distil.forms.reading import Reading
from distil.kinds.multi_label.labelling.parts import join, read_reply, show_answer

LABELS = ["joy", "no fear", "love"]


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("yes", '["joy"]'),
        ("Yes.", '["joy"]'),
        ("no", "[]"),
        ("**No**", "[]"),
        ("No, nothing in it is joyful.", "[]"),
        ('{"reason": "she laughs", "label": "yes"}', '["joy"]'),
        ('```json\n{"label": false}\n```', "[]"),
        ("Label: yes", '["joy"]'),
        ("Yes, it is true.", '["joy"]'),
        ("No, that is false", "[]"),
        ('{"label": 1}', '["joy"]'),
        ('{"label": 0}', "[]"),
        ('{"label": "maybe"}', None),
        ("<think>no, or is it?</think>yes", '["joy"]'),
        ("It may be, yes or no.", None),
        ("perhaps", None),
        ("", None),
    ],
)
def test_yes_or_no(reply: str, found: str | None) -> None:
    reading = read_reply(Answer(reply), "joy", "a text")
    assert reading.label == found
    assert (reading.status == "ok") == (found is not None)


def test_an_answer_that_was_cut_off_or_refused_is_none() -> None:
    assert read_reply(Answer("I think that", "length"), "joy", "a text").status == "truncated"
    assert read_reply(Answer("I'm sorry, but I cannot help.", "stop"), "joy", "a text").status == "refused"


def test_answers_are_joined_in_the_order_of_the_labels() -> None:
    parts = {
        "love": Reading("ok", '["love"]', "a heart"),
        "joy": Reading("ok", '["joy"]', "a laugh"),
        "no fear": Reading("ok", "[]", "none"),
    }
    assert join(parts, LABELS) == Reading("ok", '["joy", "love"]', "love: a heart; joy: a laugh")
    nothing = {label: Reading("ok", "[]") for label in LABELS}
    assert join(nothing, LABELS) == Reading("ok", "[]")


@pytest.mark.parametrize(("label", "said"), [("joy", "yes"), ("love", "no")])
def test_an_example_is_answered_for_each_label(label: str, said: str) -> None:
    assert show_answer('["joy"]', label, "ha", None) == said
    shown = show_answer('["joy"]', label, "ha", "she laughs")
    assert read_reply(Answer(shown), label, "ha") == Reading("ok", '["joy"]' if said == "yes" else "[]", "she laughs")
