import json

import pytest
from growth import grows_in_proportion
from hypothesis import given
from hypothesis import strategies as st

from distil.forms.answers import Answer
from distil.forms.reading import LONGEST_REPLY, Status
from distil.kinds.classification.labelling.answers import read_reply

LABELS = ["negative", "neutral", "positive"]


def read(text: str | None, finish_reason: str = "stop", *, refused: bool = False) -> tuple[Status, str | None]:
    reading = read_reply(Answer(reply=text, finish_reason=finish_reason, refused=refused), LABELS, "")
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
        "Label: surely positive",
        "It could seem negative at first.\nLabel: surely positive for all of its readers",
        'First {"label": "negative"}, on reflection {"label": "positive"}',
        '[{"reason": "r", "label": "positive"}]',
        '{"answer": {"label": "positive"}}',
        '{"label": "positive (profits rose)"}',
        '{"label": "positive - profits rose"}',
        '{"label": "positive", "reason": "and here the limit was',
        "{'label': 'positive', 'reason': 'C:\\dir'}",
        "```\npositive\n```",
        "Label: **Positive**",
        "**Label:** Positive",
        "**Final answer**: `positive`.",
        "The answer is positive, not least for its tone.",
        "Profits did not fall, so the sentiment is positive.",
        "Answer: hard to tell from so few words.\nStill, positive.",
        "Positive.\n\nExplanation: profits rose.",
        "<think>Negative? No, rather neutral.</think>\n\npositive",
        'It is negative, {"label": "neutral"} perhaps.\n</think>\n{"label": "positive"}',
        '{"label": "negative"} or what? </think> positive',
        "[THINK]negative[/THINK]Label: positive",
        '{"reason": "</think> stands in the text", "label": "positive"}',
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
        ("The text is not positive.", "stop", "parse_failed"),
        ("It isn\u2019t really a positive one.", "stop", "parse_failed"),
        ("It is hardly positive", "stop", "parse_failed"),
        ("non-positive", "stop", "parse_failed"),
        ("Positive would be wrong.", "stop", "parse_failed"),
        ("I wonder whether this is positive", "stop", "parse_failed"),
        ("Positive? Who knows.", "stop", "parse_failed"),
        ("Label: not positive", "stop", "parse_failed"),
        ("It seems positive.\nLabel: bullish", "stop", "out_of_set"),
        ("It seems positive.\nLabel: none of the three", "stop", "out_of_set"),
        ("Label: positive or negative", "stop", "parse_failed"),
        ('{"label": "not positive"}', "stop", "out_of_set"),
        ('{"label": "positive/neutral"}', "stop", "out_of_set"),
        ('{"label": "positive", "label": "negative"}', "stop", "out_of_set"),
        ('[{"label": "positive"}, {"label": "negative"}]', "stop", "parse_failed"),
        ('{"reason": "a "word"", "label": "positive"} {"label": "negative", so', "stop", "parse_failed"),
        ('{"label": 2}', "stop", "out_of_set"),  # no place in the list
        ("2", "stop", "out_of_set"),
        ("p\u043esitive", "stop", "out_of_set"),  # a Cyrillic o
        ("Sorry, I cannot say whether it is positive", "stop", "refused"),
        ("As an AI I have no opinion; some would say positive.", "stop", "refused"),
        ("<think>it looks positive, so", "stop", "truncated"),
        ("<think>it looks positive</think>", "length", "truncated"),
        ("The first impression is positive", "length", "truncated"),
        ('{"reason": "r", "label": "posi', "length", "truncated"),
        ("{'label': 0x" + "f" * 5000 + "}", "stop", "out_of_set"),  # too long a number to be spelled out
        ('{"label": ' + "[" * 50_000 + "}", "stop", "parse_failed"),  # deeper than JSON is read
        ("{'label': " + "-" * 9_000 + "1}", "stop", "parse_failed"),  # deeper than Python is read
        ("{'label': " + "[" * 9_000 + "}", "stop", "parse_failed"),
        ("{" * 60 + '{"label": "positive"} {"label": "negative"}', "stop", "parse_failed"),
    ],
)
def test_anything_else_is_an_abstention_that_says_why(text: str | None, finish_reason: str, status: Status) -> None:
    assert read(text, finish_reason) == (status, None)


@pytest.mark.parametrize("piece", ["positive ", "not positive ", '{"label": ', "word ", "\u0130", "<think>", "{"])
def test_what_no_teacher_writes_takes_time_in_proportion_and_names_no_label(piece: str) -> None:
    assert grows_in_proportion(lambda times: read(piece * times), 48_000 // len(piece))
    assert read(piece * (1_000_000 // len(piece)))[1] is None


def test_a_long_thought_before_a_label_is_no_long_reply() -> None:
    thought = "<think>" + "positive? " * 100_000 + "</think>negative"
    assert read_reply(Answer(thought), LABELS, "").label == "negative"


def test_a_filtered_answer_is_refused() -> None:
    assert read(None, "content_filter", refused=True) == ("refused", None)


def read_among(labels: list[str], text: str, finish_reason: str = "stop") -> str | None:
    return read_reply(Answer(reply=text, finish_reason=finish_reason), labels, "").label


@pytest.mark.parametrize(
    ("labels", "text", "label"),
    [
        (["positive", "very positive"], "I would say very positive.", "very positive"),
        (["positive", "very positive"], "positive, even very positive", None),
        (["positive", "very positive"], "very-positive", "very positive"),
        (["card_arrival", "card_lost"], "It is about card arrival.", "card_arrival"),
        (["neutral", "not neutral"], "It is not neutral.", "not neutral"),
        (["neutral", "not neutral"], "It is not very neutral.", None),
        (["new york", "york city"], "new york city", None),
        (["don't know", "know"], "I don\u2019t know", "don't know"),
        (["caf\u00e9", "cafe"], "the cafe\u0301 there", "caf\u00e9"),  # letter and accent apart
        (["US", "us"], "the US market", None),
        (["US", "us"], '{"label": "US"}', "US"),
        (["yes", "no"], "No, it does not.", "no"),
        (["yes", "no"], "There is no doubt about it.", None),
        (["A", "B"], "(B) because it fits", "B"),
        (["A", "B"], "A difficult question.", None),
        (["1", "2", "3"], "Rating: 2", "2"),
        (["1", "2", "3"], "1. The text says a lot", None),
        (["1", "2", "3"], "There are 3 reasons to like it", None),
        (["1", "2", "3"], '{"label": 2}', "2"),
        (["true", "false"], '{"label": true}', "true"),
        (["none", "some"], '{"label": null}', None),
        (["C", "C++"], "C#", None),
    ],
)
def test_labels_that_are_easily_mistaken(labels: list[str], text: str, label: str | None) -> None:
    assert read_among(labels, text) == label


def test_a_label_at_the_limit_counts_unless_another_begins_like_it() -> None:
    assert read("positive", "length") == ("ok", "positive")
    assert read("Positive. The text", "length") == ("ok", "positive")
    assert read_among(["positive", "positive outlook"], "Label: positive", "length") is None
    assert read_among(["positive", "positive outlook"], "Label: positive.", "length") == "positive"


def test_the_reason_is_kept_with_the_label() -> None:
    reason = 'profits {rose} "sharply" </script>'
    reading = read_reply(Answer(reply=json.dumps({"reason": reason, "label": "positive"})), LABELS, "")
    assert (reading.reason, reading.label) == (reason, "positive")


def test_half_a_character_in_a_reason_can_be_stored() -> None:
    reading = read_reply(Answer(reply='{"reason": "\\ud83d cut", "label": "positive"}'), LABELS, "")
    assert (reading.reason, reading.label) == ("? cut", "positive")


QUIRKS = [
    "{",
    "}",
    "[",
    "]",
    ",",
    "'",
    '"',
    "\\",
    ":",
    "`",
    "```json",
    "\n",
    "\x00",
    "\ud800",
    "\u0301",
    "1e999",
    "not ",
]
KEYS = ['{"label":', "'label':", '"label"', "label:", "<think>", "</think>", "-" * 500, "(" * 500, "{" * 500]
ANYTHING = st.text(st.characters(exclude_categories=[]))
NAMES = ANYTHING.map(str.strip).filter(bool)


@given(ANYTHING | st.lists(st.sampled_from([*QUIRKS, *KEYS, *LABELS])).map("".join) | st.just('{"a":' * 3000))
def test_no_text_of_any_kind_raises(text: str) -> None:
    for finish_reason in ("stop", "length"):
        status, label = read(text, finish_reason)
        assert (status == "ok") == (label in LABELS)


@given(st.lists(NAMES, min_size=2, max_size=5, unique=True), st.data())
def test_labels_of_any_kind_are_found(labels: list[str], data: st.DataObject) -> None:
    pieces = data.draw(st.lists(st.sampled_from([*labels, *QUIRKS, " ", "_", "-"])))
    assert read_among(labels, "".join(pieces)) in [*labels, None]
    assert read_among(labels, labels[0]) == labels[0]


def test_a_label_may_begin_as_an_object_does() -> None:
    assert read_among(["{", "0"], "{") == "{"
    assert read_among(["{", "0"], '{"label": "0"}') == "0"


@given(ANYTHING, st.sampled_from(LABELS))
def test_valid_json_reads_back(reason: str, label: str) -> None:
    reading = read_reply(Answer(reply=json.dumps({"reason": reason, "label": label})), LABELS, "")
    assert (reading.label, reading.reason) == (label, reason.encode("utf-8", "replace").decode())


PROSE = (st.text() | st.lists(st.sampled_from([*QUIRKS, " ", "well", "so {x} is"])).map("".join)).filter(
    lambda text: not any(name in text.casefold() for name in [*LABELS, "label", "think"])
)


@given(PROSE, PROSE, PROSE, st.sampled_from(LABELS))
def test_prose_around_valid_json_changes_nothing(before: str, reason: str, after: str, label: str) -> None:
    answer = json.dumps({"reason": reason, "label": label}, ensure_ascii=False)
    assert read(f"{before}{answer}{after}") == ("ok", label)


def test_an_answer_longer_than_is_read_says_whether_it_was_cut_off() -> None:
    just = "positive" + " " * (LONGEST_REPLY - 16) + "positive"
    assert read(just) == ("ok", "positive")
    assert read(just + "!") == ("parse_failed", None)
    assert read(just + "!", "length") == ("truncated", None)
