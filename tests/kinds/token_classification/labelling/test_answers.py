import json
from typing import Any

import pytest
from growth import grows_in_proportion
from hypothesis import given, settings
from hypothesis import strategies as st

from distil.core.errors import InputError
from distil.forms.answers import Answer
from distil.forms.reading import Reading
from distil.kinds.token_classification.labelling.answers import (
    answer_schema,
    read_example,
    read_reply,
    show_answer,
    write_tags,
)
from distil.kinds.token_classification.labelling.canonical.label import read_label, write_label
from distil.kinds.token_classification.labelling.canonical.spans import Span
from distil.kinds.token_classification.labelling.form import check_label, read_cell

LABELS = ["PER", "LOC", "phone_number"]
TEXT = "Ann Smith met Bob in New York, then Bob called 555-1234."
NAMES = ["Ann Smith PER", "Bob PER", "New York LOC"]


def read(reply: str | None, text: str = TEXT, finish_reason: str = "stop", *, refused: bool = False) -> Reading:
    return read_reply(Answer(reply, finish_reason, refused=refused), LABELS, text)


def name(reading: Reading, text: str = TEXT) -> list[str]:
    """Words and label of each span, and the status if it is not ok."""
    if reading.label is None:
        return [reading.status]
    return [f"{text[span.start : span.end]} {span.label}" for span in read_label(reading.label)]


@pytest.mark.parametrize(
    "reply",
    [
        '{"reason": "r", "entities": [{"text": "Ann Smith", "label": "PER"}, {"text": "bob", "label": "per"}, '
        '{"text": "New  York", "label": "LOC"}]}',
        '```json\n[{"text": "Ann Smith", "label": "PER"}, {"text": "Bob", "label": "PER"}, ["New York", "LOC"]]\n```',
        'Here: {"PER": ["Ann Smith", "Bob"], "LOC": "New York", "phone number": []} as asked',
        '{"entities": {"PER": ["Ann Smith", "Bob"], "LOC": ["New York"]}}',
        '{"Ann Smith": "PER", "Bob": "PER", "New York": "LOC"}',
        "{'entities': [('Ann Smith', 'PER'), ('Bob', 'PER'), ('New York', 'LOC'),]}",
        '{"entity": "Ann Smith", "type": "PER"}\n{"entity": "Bob", "type": "PER"}\n'
        '{"entity": "New York", "type": "LOC"}',
        '[{"PER": "Ann Smith"}, {"PER": "Bob"}, {"LOC": "New York"}]',
        '[{"start": 7, "end": 9, "text": "Ann Smith", "label": "PER"}, ["Bob", "PER"], ["New York", "LOC"]]',
        '[["Bob", "LOC"]] no, [["Ann Smith", "PER"], ["Bob", "PER"], ["New York", "LOC"]]',
        '{"reason": "a "word"", "entities": [["Ann Smith", "PER"], ["Bob", "PER"], ["New York", "LOC"]]}',
        "- Ann Smith (PER)\n- Bob (PER)\n- New York (LOC)",
        'The names are:\n1. "Ann Smith" (PER): a woman\n2. **Bob** [PER]\n3. New York (LOC)\nThat is all.',
        "Ann Smith: PER\nBob - PER\nNew York -> LOC",
        "PER: Ann Smith, Bob\nLOC: New York\nphone number: none",
        "**PER:**\n- Ann Smith\n- Bob\n\n**LOC:**\n- New York",
        "| text | label |\n|---|---|\n| Ann Smith | PER |\n| Bob | PER |\n| New York | LOC |",
        "<PER>Ann Smith</PER> met <PER>Bob</PER> in <LOC>New York</LOC>, then Bob called 555-1234.",
        "Sure:\n[per]Ann Smith[/per] met [PER]bob[/PER]  in [LOC]New York[/LOC] , then Bob called 555\u20131234.",
        "<PER>Ann Smith</PER> met <PER>Bob</PER> in <LOC>New York</LOC>, and later on he called 555-1234.",
        "<PER>Ann Smith</PER>, <PER>Bob</PER>, <LOC>New York</LOC>",
        "<think>none?</think><PER>Ann Smith</PER>\n<PER>Bob</PER>\n<LOC>New York</LOC>",
    ],
)
def test_answers_of_all_forms_are_read(reply: str) -> None:
    reading = read(reply)
    assert name(reading) == NAMES
    assert reading.unplaced == 0


@pytest.mark.parametrize(
    "reply",
    [
        "none",
        "None.",
        "[]",
        "{}",
        "```json\n[]\n```",
        '{"reason": "nobody", "entities": []}',
        '{"entities": null}',
        '{"entities": "none"}',
        '{"PER": [], "LOC": []}',
        "No entities found.",
        "There are no named entities in the text.",
        "Entities: none",
        "PER: none\nLOC: none",
        "n/a",
        TEXT,
        f"```\n{TEXT}\n```",
    ],
)
def test_none_is_an_answer_of_its_own(reply: str) -> None:
    reading = read(reply)
    assert (reading.status, reading.label, reading.unplaced) == ("ok", "[]", 0)


@pytest.mark.parametrize(
    ("reply", "names", "unplaced"),
    [
        ('[["Ann Smith", "PER"], ["Zed", "PER"]]', ["Ann Smith PER"], 1),  # not in the text
        ('[["Ann Smith", "PER"], ["Bob", "animal"]]', ["Ann Smith PER"], 1),  # no label of the task
        ('[["Ann Smith", "PER"], ["Smith", "PER"], 7]', ["Ann Smith PER"], 2),
        ('[["Bob", "PER"], ["Bob", "PER"], ["Bob", "PER"]]', ["Bob PER", "Bob PER"], 1),
        ('[{"start": 0, "end": 3, "label": "PER"}]', [], 1),  # offsets count for nothing
        ('[["Zed", "PER"]]', [], 1),
        ("1. Bob (PER)\n2. what else", ["Bob PER"], 1),
        (write_tags(TEXT, [Span(0, 9, "PER")]).replace("Smith", "<LOC>Smith</LOC>"), ["Ann Smith PER"], 1),
        ("<PER>Ann Smyth</PER> met Bob in New York, then <PER>Bob</PER> called 555-1234.", ["Bob PER"], 1),
        ("<PER>Ann Smith</PER> met <PER>Bob in New York, then Bob called 555-1234.", ["Ann Smith PER"], 1),
    ],
)
def test_what_cannot_be_placed_is_counted(reply: str, names: list[str], unplaced: int) -> None:
    reading = read(reply)
    assert name(reading) == names
    assert reading.unplaced == unplaced


def test_a_name_may_begin_with_no() -> None:
    text = "No Doubt played in None, Piedmont"
    for reply in ('{"PER": "No Doubt"}', "PER: No Doubt", "- No Doubt (PER)"):
        assert name(read(reply, text), text) == ["No Doubt PER"]


def test_tags_say_which_occurrence_is_meant() -> None:
    reading = read("Ann Smith met Bob in New York, then <PER>Bob</PER> rang 555-1234.")
    assert [span.start for span in read_label(reading.label or "[]")] == [36]


@pytest.mark.parametrize(
    ("reply", "finish_reason", "status"),
    [
        ('[["Ann Smith", "PER"], ["Bob"', "length", "truncated"),
        ('[["Ann Smith", "PER"], ["Bob"', "stop", "parse_failed"),
        ('[{"text": "Ann Smith", "label": "PER"}, {"text": "Bob', "stop", "parse_failed"),
        ("- Ann Smith (PER)\n- Bo", "length", "truncated"),
        ("<PER>Ann Smith</PER> met <PER>Bo", "length", "truncated"),
        ("<think>Ann Smith (PER)", "stop", "truncated"),
        ("Sorry, I cannot do that.", "stop", "refused"),
        ('[["Bob", "animal"]]', "stop", "out_of_set"),
        ("Bob", "stop", "parse_failed"),
        ("It is about two people.", "stop", "parse_failed"),
        ("", "stop", "parse_failed"),
        (None, "stop", "parse_failed"),
        ('["Bob"]', "stop", "parse_failed"),
    ],
)
def test_anything_else_is_an_abstention_that_says_why(reply: str | None, finish_reason: str, status: str) -> None:
    reading = read(reply, finish_reason=finish_reason)
    assert (reading.status, reading.label) == (status, None)


def test_json_with_its_end_counts_even_if_what_follows_is_cut_off() -> None:
    reading = read('{"reason": "half \\ud83d", "entities": [["Bob", "PER"]]} And', finish_reason="length")
    assert name(reading) == ["Bob PER"]
    assert reading.reason == "half ?"


def test_a_filtered_answer_is_refused() -> None:
    assert read(None, finish_reason="content_filter", refused=True).status == "refused"


REPEATED = [
    '{"text": "Bob", "label": "PER"}, ',
    '[["Bob", "PER"]] ',
    "- Bob (PER)\n",
    "<PER>Bob</PER> ",
    "<PER>",
    "</PER>",
    "[",
    "{",
    "[x ",
    "{'",
    '{"a":',
    "(PER) ",
    "PER: ",
    "none ",
    "\u0301",
    "Bob: LOC: ",
    "Ann Smith met Bob ",
    "<PER>Ann</PER> Smith met Bob\n",
]


@pytest.mark.parametrize("piece", REPEATED)
def test_what_is_said_a_thousand_times_takes_time_in_proportion(piece: str) -> None:
    text = "Bob met Ann " * 400
    assert grows_in_proportion(lambda times: read(piece * times, text), 24_000 // len(piece))
    reading = read(piece * (99_000 // len(piece)), text)
    assert reading.label is None or check_label(reading.label, LABELS) is None


def test_a_list_that_is_said_a_thousand_times_is_read_once() -> None:
    once = [["Ann Smith", "PER"], ["Bob", "PER"], ["Bob", "PER"]]
    reading = read(json.dumps(once * 1000))
    assert name(reading) == ["Ann Smith PER", "Bob PER", "Bob PER"]
    assert reading.unplaced == 2997


def test_the_schema_asks_for_the_reason_first_and_for_labels_of_the_task() -> None:
    schema = answer_schema(LABELS)
    assert list(schema["properties"]) == schema["required"] == ["reason", "entities"]
    assert schema["properties"]["entities"]["items"]["properties"]["label"]["enum"] == LABELS


def test_an_example_shows_tags_or_with_a_reason_json() -> None:
    label = write_label([(36, 39, "PER")])
    assert show_answer(label, TEXT, None) == "Ann Smith met Bob in New York, then <PER>Bob</PER> called 555-1234."
    shown = json.loads(show_answer(label, TEXT, "a name"))
    assert shown == {"reason": "a name", "entities": [{"text": "Bob", "label": "PER"}]}
    assert show_answer("[]", TEXT, None) == "none"
    assert show_answer(write_label([(6, 9, "PER")]), "[/PER]Bob", None) == '[{"text": "Bob", "label": "PER"}]'


@pytest.mark.parametrize(
    "label",
    [
        [{"text": "Bob", "label": "PER"}],
        [{"start": 14, "end": 17, "label": "PER"}],
        [[14, 17, "PER"]],
        '[{"start": 14, "end": 17, "label": "PER"}]',
        "Ann Smith met <PER>Bob</PER> in New York, then Bob called 555-1234.",
    ],
)
def test_the_label_of_an_example_may_be_a_list_json_or_tags(label: Any) -> None:
    assert read_example(label, TEXT, LABELS, "example 1") == write_label([(14, 17, "PER")])


@pytest.mark.parametrize("label", [[], "[]", "none", TEXT, {"entities": []}])
def test_an_example_may_have_no_span(label: Any) -> None:
    assert read_example(label, TEXT, LABELS, "example 1") == "[]"


@pytest.mark.parametrize(
    ("label", "complaint"),
    [
        ([{"text": "Zed", "label": "PER"}], "'Zed', which does not stand in the text"),
        ([{"text": "Bob", "label": "animal"}], "the label 'animal'"),
        ([[0, 900, "PER"]], "ends at 900, past the text"),
        ([[0, 9, "PER"], [4, 9, "PER"]], "overlap: 0-9 and 4-9"),
        ("<PER>Zed</PER>", "is not the text with tags"),
        ("Bob", "is no list of spans"),
        (None, "is no list of spans"),
        (5, "is no list of spans"),
        ([5], "is no list of spans"),
    ],
)
def test_an_example_has_to_be_right(label: Any, complaint: str) -> None:
    with pytest.raises(InputError, match=r"^example 1: the label ") as caught:
        read_example(label, TEXT, LABELS, "example 1")
    assert complaint in str(caught.value)


SIGNS = st.characters(exclude_categories=["Cs"]) | st.sampled_from(
    [
        *" aAe\u0301\u0308<>/[]{}\"'`\r\n\t-_",
        "\U0001f468\u200d\U0001f469",
        "\u05d0\u05d1",
        "\u202e",
        "\u0639",
        "\u5317",
        "\ufb01",
    ]
)
TEXTS = st.lists(SIGNS, max_size=20).map("".join)


@st.composite
def labelled(draw: st.DrawFn) -> tuple[str, str]:
    """A text of any kind and spans of it, of which no two overlap."""
    text = draw(TEXTS)
    ends = sorted(draw(st.sets(st.integers(0, len(text)), max_size=8)))
    pairs = list(zip(ends[::2], ends[1::2], strict=False))
    return text, write_label([(start, end, draw(st.sampled_from(LABELS))) for start, end in pairs])


@given(labelled())
def test_spans_of_any_text_go_through_offsets_examples_and_corrections(drawn: tuple[str, str]) -> None:
    text, label = drawn
    spans = [{"start": start, "end": end, "label": name} for start, end, name in read_label(label)]
    assert read_example(spans, text, LABELS, "here") == label
    assert read_example(label, text, LABELS, "here") == label
    assert read_cell(label, LABELS) == label
    assert (
        read_cell("; ".join(f"{start}-{end} {name}" for start, end, name in read_label(label)) or "none", LABELS)
        == label
    )


@given(labelled())
def test_spans_of_any_text_go_through_tags(drawn: tuple[str, str]) -> None:
    text, label = drawn
    shown = show_answer(label, text, None)
    if label != "[]" and shown == write_tags(text, read_label(label)):
        reading = read(shown, text)
        assert (reading.label, reading.unplaced) == (label, 0)
    else:
        assert shown == "none" or json.loads(shown)


WORDS = st.lists(st.text(st.characters(categories=["L", "Nd"]), min_size=1, max_size=4), min_size=1, max_size=6)


@settings(max_examples=40)
@given(WORDS, st.sampled_from([" ", "\r\n", "\t", " \u00a0", "\u3000", ", ", " \u202e"]), st.data())
def test_spans_of_words_go_through_json(words: list[str], blank: str, data: st.DataObject) -> None:
    text = blank.join(words)
    spans, start = [], 0
    for word in words:  # all of them, so that it is plain which occurrence is meant
        spans.append((start, start + len(word), data.draw(st.sampled_from(LABELS))))
        start += len(word) + len(blank)
    reading = read(show_answer(write_label(spans), text, "so it reads"), text)
    assert (reading.label, reading.unplaced) == (write_label(spans), 0)


@given(
    st.lists(
        st.sampled_from([*"[]{}()<>/\"',:;-|\n ", *LABELS, "text", "label", "none", "Bob", "<PER>", "</PER>", "```"])
    ).map("".join)
    | st.text(st.characters(exclude_categories=[]))
)
def test_no_answer_of_any_kind_raises(reply: str) -> None:
    for text in (TEXT, reply, ""):
        for finish_reason in ("stop", "length"):
            reading = read(reply, text, finish_reason)
            assert (reading.status == "ok") == (reading.label is not None)
            if reading.label is not None:
                assert check_label(reading.label, LABELS) is None
                assert all(span.end <= len(text) for span in read_label(reading.label))
