import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distil.answers import Answer
from distil.replies import Status, read_reply

LABELS = ["negative", "neutral", "positive"]


def read(text: str | None, finish_reason: str = "stop", *, refused: bool = False) -> tuple[Status, str | None]:
    reading = read_reply(Answer(reply=text, finish_reason=finish_reason, refused=refused), LABELS)
    return reading.status, reading.label


@pytest.mark.parametrize(
    "text",
    [
        '{"reason": "profit rose", "label": "positive"}',
        ' {"label": "positive"} and that is my answer',
        '```json\n{"reason": "fenced", "label": "POSITIVE"}\n```',
        "{'reason': 'it\\'s fine', 'label': 'positive'}",
        '{"reason": "a "quoted" word", "label": "positive"}',
        '{"reason": "not negative", "Label": "Positive."}',
        '{"reason": "line\nbreak", "label": "positive"}',
        "positive",
        " Positive.\n",
        "**positive**",
        "The sentiment is positive here.",
        "It could seem negative at first.\nLabel: positive",
        'First {"label": "negative"}, on reflection {"label": "positive"}',
    ],
)
def test_a_reply_that_names_one_label_is_read(text: str) -> None:
    assert read(text) == ("ok", "positive")


@pytest.mark.parametrize(
    ("text", "finish_reason", "status"),
    [
        ('{"reason": "it is positive because', "length", "truncated"),
        ('{"reason": "cut off in the mid', "stop", "parse_failed"),
        ("either positive or negative", "stop", "parse_failed"),
        ('{"reason": "r", "label": "bullish"}', "stop", "out_of_set"),
        ('{"reason": "r", "label": null}', "stop", "out_of_set"),
        ("bullish", "stop", "out_of_set"),
        ("Sorry, I cannot help with that.", "stop", "refused"),
        ("I\u2019m sorry, but no.", "stop", "refused"),
        ("", "stop", "parse_failed"),
        (None, "stop", "parse_failed"),
        ("the text does not say anything that would let me decide", "stop", "parse_failed"),
        ("positively glowing but let me think about it some more", "stop", "parse_failed"),
    ],
)
def test_anything_else_is_an_abstention_that_says_why(text: str | None, finish_reason: str, status: Status) -> None:
    assert read(text, finish_reason) == (status, None)


def test_a_filtered_answer_is_refused() -> None:
    assert read(None, "content_filter", refused=True) == ("refused", None)


def test_of_labels_within_one_another_the_longest_counts() -> None:
    labels = ["positive", "very positive", "not positive"]
    assert read_reply(Answer(reply="I would say very positive."), labels).label == "very positive"
    assert read_reply(Answer(reply="positive, even very positive"), labels).status == "parse_failed"


def test_the_reason_is_kept_with_the_label() -> None:
    reason = 'profits {rose} "sharply" </script>'
    reading = read_reply(Answer(reply=json.dumps({"reason": reason, "label": "positive"})), LABELS)
    assert (reading.reason, reading.label) == (reason, "positive")


FRAGMENTS = st.sampled_from(
    [
        '{"label":',
        '"label"',
        "{",
        "}",
        "[",
        "'",
        '"',
        "\\",
        "positive",
        "negative",
        ":",
        "1e999",
        "\x00",
        "```json",
        "\n",
    ]
)


@settings(deadline=None)
@given(st.one_of(st.text(), st.lists(FRAGMENTS).map("".join), st.just("{" * 3000), st.just('{"a":' * 3000)))
def test_no_text_of_any_kind_raises(text: str) -> None:
    status, label = read(text)
    assert (status == "ok") == (label in LABELS)
