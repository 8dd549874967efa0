import json

import pytest
from growth import grows_in_proportion
from hypothesis import given, settings
from hypothesis import strategies as st
from kinds.multi_label.odd_labels import TASKS, tasks_with_sets

from distil.core.errors import InputError
from distil.forms.answers import Answer
from distil.kinds.multi_label.labelling.answers import answer_schema, read_example, read_reply, show_answer
from distil.kinds.multi_label.labelling.canonical.label import write_label
from distil.kinds.multi_label.labelling.form import check_label

LABELS = ["joy", "anger", "deep_sadness"]


def read(text: str | None, finish_reason: str = "stop", labels: list[str] = LABELS) -> str | list[str]:
    """The labels of an answer, or the status of one that has none."""
    reading = read_reply(Answer(text, finish_reason), labels, "a text")
    assert (reading.status == "ok") == (reading.label is not None)
    return reading.status if reading.label is None else list(json.loads(reading.label))


@pytest.mark.parametrize(
    "text",
    [
        '["joy", "anger"]',
        '["anger", "joy", "anger"]',
        "['joy', 'anger']",
        '{"labels": ["joy", "anger"]}',
        '{"reason": "glad and cross", "labels": ["joy", "anger"]}',
        '{"reason": "a "quoted" word", "labels": ["joy", "anger"]}',
        '{"Labels": ["JOY", "Anger."]}',
        '{"labels": "joy, anger"}',
        '{"label": "joy and anger"}',
        "{'labels': ['joy', 'anger'], 'reason': 'it\\'s so'}",
        '{"labels": ["joy", "anger",]}',
        '{"joy": true, "anger": true, "deep_sadness": false}',
        '{"labels": {"joy": 1, "anger": "yes"}}',
        '{"answer": {"labels": ["joy", "anger"]}}',
        '{"reason": "r", "answer": {"labels": {"joy": 1, "anger": 1, "deep sadness": 0}}}',
        '[{"label": "joy"}, {"label": "anger"}]',
        '```json\n{"labels": ["joy", "anger"]}\n```',
        'Here it is:\n```json\n["joy", "anger"]\n```\nThat is all.',
        'I think ["joy", "anger"] fits [1].',
        '{"labels": ["joy"]} is too little, so {"labels": ["joy", "anger"]}',
        '{"labels": ["joy", "anger"]}\n{"labels": ["anger", "joy"]}',
        "Labels: joy, anger",
        "**Labels:** joy and anger.",
        "The labels are: joy, anger",
        "The final labels are joy and anger.",
        "It is not deep sadness.\nLabels: joy, anger",
        "Labels: joy, anger\n\nExplanation: it is not deep sadness.",
        "Labels: joy, anger (both are plain)",
        "Labels: joy, anger. The words say so.",
        "Labels:\n- joy\n- anger\n\nNote: both.",
        "Label: deep sadness\nOr let me think again.\nLabels: joy, anger",
        "joy, anger",
        "Joy; Anger",
        "joy | anger",
        "joy, and anger",
        '"joy", "anger"',
        "[joy, anger]",
        "- joy\n- anger",
        "1. Joy\n2. Anger",
        "joy\nanger\n",
        "The following apply:\n* joy\n* anger",
        "- joy: yes\n- anger: yes\n- deep sadness: no",
        "```\njoy, anger\n```",
        "<think>deep sadness? no</think>joy, anger",
        '["joy", "anger"' + ', "joy"' * 1000 + "]",
    ],
)
def test_an_answer_that_says_which_labels_apply_is_read(text: str) -> None:
    assert read(text) == ["joy", "anger"]


@pytest.mark.parametrize(
    "text",
    [
        *("[]", '{"labels": []}', '{"reason": "r", "labels": []}', '{"labels": ["none"]}', '{"label": "None"}'),
        *(
            "none",
            "None.",
            "no label",
            "No labels apply.",
            "None of the given labels apply.",
            "Label: none",
            "Labels: []",
        ),
        *(
            "```json\n[]\n```",
            "I would say: []",
            '{"joy": false, "anger": false, "deep_sadness": 0}',
            "Labels: none (of them)",
        ),
    ],
)
def test_no_label_is_an_answer_of_its_own(text: str) -> None:
    assert read(text) == []


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("this is not anger but joy", "parse_failed"),
        ("The text is full of joy.", "parse_failed"),
        ("Labels: joy, not anger", "parse_failed"),
        ("Labels: joy (not anger)", "parse_failed"),
        ("joy or anger", "parse_failed"),
        ("joy/anger", "parse_failed"),
        ("- joy: absent\n- anger: present", "parse_failed"),
        ("- joy\n- anger\nBut not deep sadness.", "parse_failed"),
        ("- [ ] joy\n- [x] anger", "parse_failed"),
        ('It is not ["joy"]', "parse_failed"),
        ('["joy"] perhaps, or anger', "parse_failed"),
        ('["joy"] or ["anger"]', "parse_failed"),
        ('{"labels": ["joy"]}, {"labels": ["anger"]}', "parse_failed"),
        ('[{"labels": ["joy"]}, {"labels": ["anger"]}]', "out_of_set"),
        ('{"labels": ["joy"]} {"labels": ["anger"]}', "parse_failed"),
        ("Label: joy\nLabel: anger", "parse_failed"),
        ('{"labels": ["joy"], "labels": ["anger"]}', "out_of_set"),
        ('{"labels": ["joy"], "label": "anger"}', "out_of_set"),
        ('{"labels": ["joy", "bliss"]}', "out_of_set"),
        ('["joy", "bliss"]', "out_of_set"),
        ("joy, bliss", "out_of_set"),
        ("Labels: joy, bliss", "out_of_set"),
        ("bliss", "out_of_set"),
        ('{"labels": ["none", "joy"]}', "out_of_set"),
        ("joy, none", "out_of_set"),
        ("- joy\n- none", "parse_failed"),
        ('{"labels": null}', "out_of_set"),
        ('{"labels": ""}', "out_of_set"),
        ('{"labels": [["joy"]]}', "out_of_set"),
        ('{"labels": [0.5, 1e999, 2]}', "out_of_set"),
        ('{"joy": 0.9, "anger": 0.1}', "parse_failed"),
        ('{"joy": false}', "parse_failed"),
        ("{}", "parse_failed"),
        ('["joy", "ang', "parse_failed"),
        ('["joy", "anger"', "parse_failed"),
        ('{"labels": ["joy", "anger"', "parse_failed"),
        ('```json\n["joy", "anger"', "parse_failed"),
        ("Labels:", "parse_failed"),
        ("", "parse_failed"),
        (None, "parse_failed"),
        ("Sorry, I cannot label this as joy.", "refused"),
        ("I'm sorry, but none of this is for me.", "refused"),
    ],
)
def test_anything_else_is_an_abstention_that_says_why(text: str | None, status: str) -> None:
    assert read(text) == status


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ('{"labels": ["joy"], "reason": "and here the limit was', ["joy"]),
        ("Labels: joy, anger\n\nThis is because", ["joy", "anger"]),
        ('["joy", "anger"]', ["joy", "anger"]),
        ('{"labels": ["joy", "an', "truncated"),
        ('["joy", "anger"', "truncated"),
        ('["joy"' + ', "joy"' * 1000, "truncated"),
        ("joy, anger", "truncated"),
        ("joy", "truncated"),
        ("none", "truncated"),
        ("Labels: joy", "truncated"),
        ("- joy\n- anger\n", "truncated"),
        ("<think>is it joy", "truncated"),
    ],
)
def test_an_answer_that_was_cut_off_counts_only_if_its_list_ended(text: str, labels: str | list[str]) -> None:
    assert read(text, "length") == labels


@pytest.mark.parametrize(
    ("labels", "text", "read_as"),
    [
        (["none", "joy"], "none", ["none"]),
        (["none", "joy"], '["none", "joy"]', ["none", "joy"]),
        (["none", "joy"], "[]", []),
        (["US", "us"], '["US"]', ["US"]),
        (["US", "us"], '["Us"]', "out_of_set"),
        (["US", "us"], '{"US": true, "us": false}', ["US"]),
        (["a, b", "c"], "a, b, c", ["a, b", "c"]),
        (["a, b", "a", "b", "c"], "a, b, c", "parse_failed"),
        (["a, b", "a", "b"], "a, b", ["a, b"]),
        (["rock and roll", "jazz"], "jazz and rock-and-roll", ["rock and roll", "jazz"]),
        (["[NAME]", "joy"], "[NAME], joy", ["[NAME]", "joy"]),
        (["1", "2", "3"], "[1, 3]", ["1", "3"]),
        (["1", "2", "3"], "1. The text says a lot", "parse_failed"),
        (["yes", "no"], "No, it does not.", "out_of_set"),
        (["caf\u00e9", "tea"], '["cafe\u0301"]', ["caf\u00e9"]),
        (["label", "labels"], '{"labels": ["label"]}', ["label"]),
    ],
)
def test_labels_that_are_easily_mistaken(labels: list[str], text: str, read_as: str | list[str]) -> None:
    assert read(text, labels=labels) == read_as


def test_a_reason_is_kept() -> None:
    answer = Answer('{"reason": "\\ud83d cut", "labels": ["joy"]}')
    assert read_reply(answer, LABELS, "").reason == "? cut"
    assert read_reply(Answer(None, "content_filter", refused=True), LABELS, "").status == "refused"


@pytest.mark.parametrize(
    "piece",
    [
        *(
            '"joy", ',
            "joy, ",
            '["joy"], ',
            '{"labels": ["joy"]} ',
            '{"labels": ',
            "[",
            " {",
            "- joy\n",
            "not joy ",
            "[] ",
        ),
        *("Labels: joy\n", "labels:\n", "joy and ", "'label':[", "joy (", '{"a":', "\u0130", "<think>", "```\n"),
    ],
)
def test_what_is_repeated_without_end_takes_time_in_proportion(piece: str) -> None:
    times = 90_000 // len(piece)
    assert grows_in_proportion(lambda times: read_reply(Answer(piece * times), LABELS, ""), times // 3)
    assert read(piece * 2 * times) in ("parse_failed", "truncated")  # longer than is read


QUIRKS = ["{", "}", "[", "]", ",", "'", '"', "\\", ":", "`", "```json", "\n", "\x00", "\ud800", "1e999", "not ", "- "]
KEYS = ['{"labels":', "'label':", "Labels:", "<think>", "</think>", " and ", "none", "true", "(" * 500, "{" * 500]


@given(
    st.text(st.characters(exclude_categories=[])) | st.lists(st.sampled_from([*QUIRKS, *KEYS, *LABELS])).map("".join)
)
def test_no_text_of_any_kind_raises(text: str) -> None:
    for finish_reason in ("stop", "length"):
        reading = read_reply(Answer(text, finish_reason), LABELS, text)
        assert (reading.status == "ok") == (reading.label is not None)
        assert reading.label is None or check_label(reading.label, LABELS) is None


@given(TASKS, st.data())
def test_labels_of_any_kind_are_read_or_not(labels: list[str], data: st.DataObject) -> None:
    text = "".join(data.draw(st.lists(st.sampled_from([*labels, *QUIRKS, *KEYS, " "]))))
    reading = read_reply(Answer(text), labels, text)
    assert reading.label is None or check_label(reading.label, labels) is None


@settings(max_examples=200)
@given(tasks_with_sets(), st.none() | st.text(st.characters(exclude_categories=["Cs"])))
def test_any_set_that_is_shown_is_read_back(task: tuple[list[str], list[str]], reason: str | None) -> None:
    labels, names = task
    label = write_label(names)
    reading = read_reply(Answer(show_answer(label, "a text", reason)), labels, "a text")
    assert (reading.label, reading.reason) == (label, reason)
    assert read_reply(Answer(f"```json\n{show_answer(label, '', reason)}\n```"), labels, "").label == label


def test_the_schema_asks_for_a_reason_and_then_for_labels() -> None:
    schema = answer_schema(LABELS)
    assert list(schema["properties"]) == schema["required"] == ["reason", "labels"]
    assert schema["properties"]["labels"]["items"]["enum"] == LABELS


def test_an_example_has_a_list_or_a_cell() -> None:
    assert read_example(["anger", "joy"], "", LABELS, "p") == read_example("joy; anger", "", LABELS, "p")
    assert read_example([], "", LABELS, "p") == read_example("none", "", LABELS, "p") == "[]"
    with pytest.raises(InputError, match=r"p, example 2: the label .* names 'bliss', which is not in task.labels"):
        read_example(["joy", "bliss"], "", LABELS, "p, example 2")
    for label in (None, 3, True, {"joy": 1}):
        with pytest.raises(InputError, match="write a list of labels"):
            read_example(label, "", LABELS, "p")
