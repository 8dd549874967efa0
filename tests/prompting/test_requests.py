import hashlib
import json
from typing import Any

import pytest

from distil.core.errors import InputError
from distil.forms.answers import Answer
from distil.kinds.classification.labelling import answers as one_label
from distil.kinds.multi_label.labelling import answers as many_labels
from distil.kinds.multi_label.labelling import parts
from distil.prompting.params import AnnotateParams
from distil.prompting.prompt_files import Example, Prompt
from distil.prompting.requests import Plan, Request

LABELS = ["negative", "positive"]
BROKE = Example(text="it broke", label="negative", reason="Es hielt nicht für lange.")
GREAT = Example(text="great", label="positive")
BODY = "Sentence: {text}\nSentiment:"


def make_params(**changes: Any) -> AnnotateParams:
    fields = {"prompt": "p.md", "method": "generate", "protocol": "chat", "model": "m", "max_tokens": 50, **changes}
    return AnnotateParams.model_validate(fields)


def make_plan(prompt: Prompt | str = "{text}", model: str = "m", **changes: Any) -> Plan:
    return Plan(
        make_params(**changes), LABELS, one_label, prompt if isinstance(prompt, Prompt) else Prompt(prompt), model
    )


def keys(
    prompt: Prompt | str = "{text}", model: str = "m", examples: tuple[Example, ...] = (), **changes: Any
) -> list[str]:
    return [request.key for request in make_plan(prompt, model, **changes).requests("a text", examples)]


PAID_SO_FAR: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["a1e043c461a24a8fb37ce8bc560cb77738a66bc615a623d228924ef5a4ac2a3c"]),
    ({"protocol": "tgi"}, ["a1e043c461a24a8fb37ce8bc560cb77738a66bc615a623d228924ef5a4ac2a3c"]),
    (
        {"protocol": "completion", "method": "score", "max_tokens": 1, "top_logprobs": 100, "seed": None},
        ["df4e468a8a6dfb2c14aec2ccd093ed46ddf937805a21c4ff27f3f17f49d06892"],
    ),
    (
        {"votes": 3, "temperature": 0.7, "top_p": 0.9, "seed": 5, "json_schema": True, "extra": {"stop": ["\n"]}},
        [
            "0517de14239b4793c131b4d34602a504973f055d294e8fffd4a9ff3910bfc465",
            "73d3d6dadddfe54d025f1e77ef56c2e479f8f0c5e0588211b53e935f39f90d85",
            "e31e4ca3d997d2e0e8cc092ae5785aa4d3524cc050e67aed380736543ea18151",
        ],
    ),
]


@pytest.mark.parametrize(("changes", "paid"), PAID_SO_FAR)
def test_what_was_paid_for_before_there_were_messages_is_known(changes: dict[str, Any], paid: list[str]) -> None:
    plan = make_plan("Is it {labels}?\n\nText: {text}\nAnswer {with: one}:", "model-é", **changes)
    assert [request.key for request in plan.requests('it "works" {text}, für 5 € \ud83d')] == paid


def test_a_request_is_known_by_all_that_its_answer_depends_on() -> None:
    base = keys()
    variants = [
        keys("{text}!"),
        keys(model="n"),
        keys(temperature=0.1),
        keys(max_tokens=51),
        keys(top_p=0.5),
        keys(json_schema=True),
        keys(seed=7),
        keys(extra={"stop": ["\n"]}),
        keys(protocol="completion"),
        keys(Prompt("{text}", system="Be brief.")),
        keys(Prompt("{text}", examples=(GREAT,))),
        keys(Prompt("{text}", examples=(GREAT, BROKE))),
        keys(Prompt("{text}", examples=(BROKE, GREAT))),
        keys(Prompt("{text}", examples=(GREAT,)), protocol="completion"),
    ]
    assert all(variant != base for variant in variants)
    assert len({variant[0] for variant in variants}) == len(variants)


def test_more_votes_keep_the_first_ones_and_each_can_be_had_alone() -> None:
    assert keys(votes=5, temperature=1)[:3] == keys(votes=3, temperature=1)
    plan = make_plan(votes={"min": 2, "max": 3}, seed=7, temperature=1)
    requests = plan.requests("a text", [GREAT])
    assert [(request.vote, request.seed) for request in requests] == [(1, 7), (2, 8), (3, 9)]
    assert [plan.request("a text", vote, [GREAT]) for vote in (1, 2, 3)] == requests


def test_system_and_examples_are_turns_that_went_before() -> None:
    plan = make_plan(Prompt(BODY, "One of {labels}.", (BROKE,)))
    assert plan.request("it is {labels}", 1, [GREAT]).messages == (
        ("system", "One of negative, positive."),
        ("user", "Sentence: it broke\nSentiment:"),
        ("assistant", '{"reason": "Es hielt nicht für lange.", "label": "negative"}'),
        ("user", "Sentence: great\nSentiment:"),
        ("assistant", "positive"),
        ("user", "Sentence: it is {labels}\nSentiment:"),
    )


def test_a_model_without_roles_reads_the_turns_as_one_text() -> None:
    request = make_plan(Prompt(BODY, "Answer.", (GREAT,)), protocol="completion").request("ok", 1)
    assert request.prompt == "Answer.\n\nSentence: great\nSentiment: positive\n\nSentence: ok\nSentiment:"


def test_an_answer_stands_one_blank_after_its_question() -> None:
    examples = (Example(text="great \t", label="positive"),)
    assert make_plan(Prompt("{text}", examples=examples)).request("ok ", 1).prompt == "great positive\n\nok "
    assert make_plan(Prompt("{text}= ", examples=(GREAT,))).request("ok", 1).prompt == "great= positive\n\nok= "


def test_scores_are_read_where_the_label_begins_so_no_reason_is_shown() -> None:
    plan = make_plan(Prompt(BODY, examples=(BROKE,)), protocol="completion", method="score", max_tokens=1)
    assert plan.request("ok", 1).messages[1] == ("assistant", "negative")


def hash_of(request: Request, form: str, question: dict[str, Any]) -> str:
    """The key as the contract says it, put together in another way than the plan does."""
    identity = {
        "form": form,
        "method": "generate",
        "model": "m",
        "parameters": {"max_tokens": 50, "temperature": 0.0},
        "schema": None,
        "seed": request.seed,
        "vote": request.vote,
    }
    canonical = json.dumps(identity | question, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


@pytest.mark.parametrize("protocol", ["chat", "tgi"])
def test_messages_are_known_by_role_and_content(protocol: str) -> None:
    request = make_plan(Prompt(BODY, examples=(BROKE,)), protocol=protocol).request("ok", 1)
    assert request.key == hash_of(request, "chat", {"messages": [list(message) for message in request.messages]})


def test_a_completion_is_known_by_its_text() -> None:
    request = make_plan(Prompt(BODY, "Answer.", (GREAT,)), protocol="completion").request("ok", 1)
    written_out = make_plan(f"Answer.\n\nSentence: great\nSentiment: positive\n\n{BODY}", protocol="completion")
    assert request.key == hash_of(request, "completion", {"prompt": request.prompt})
    assert request.key == written_out.request("ok", 1).key


@pytest.mark.parametrize("protocol", ["chat", "completion", "tgi"])
@pytest.mark.parametrize("body", ["{text}", "Of {labels}, which is {text}?", '{text} "and" {text}\n\ttwice'])
def test_what_counting_takes_for_keys_and_characters_are_those_of_the_requests(protocol: str, body: str) -> None:
    plan = make_plan(Prompt(body, "Answer.", (GREAT, BROKE)), protocol=protocol, votes=3, temperature=0.5)
    for text in (
        "ok",
        "",
        'quotes " and \\ and \n lines',
        "\U0001f600 \x00 \x7f \u2028",
        "\ud800 alone",
        "\0question\0",
    ):
        requests = plan.requests(text)
        assert [key.hex() for key in plan.hashes(text)] == [request.key for request in requests]
        assert plan.count_characters(text) == sum(len(content) for _, content in requests[0].messages)
        assert requests[0].key == plan.request(text, 1, ()).key


def test_an_example_with_another_label_is_refused() -> None:
    examples = (GREAT, Example(text="so so", label="neutral"))
    with pytest.raises(InputError, match=r"p\.md, example 2: .*'neutral'.*task\.labels.*negative, positive"):
        make_plan(Prompt(BODY, examples=examples))


def test_with_a_schema_each_example_is_answered_in_its_form() -> None:
    plan = make_plan(Prompt(BODY, examples=(BROKE,)), json_schema=True)
    assert (
        plan.request("ok", 1, [BROKE]).messages[1::2]
        == (("assistant", '{"reason": "Es hielt nicht für lange.", "label": "negative"}'),) * 2
    )
    with pytest.raises(InputError, match=r"p\.md, example 2: no reason, which annotate\.json_schema asks for"):
        make_plan(Prompt(BODY, examples=(BROKE, GREAT)), json_schema=True)
    with pytest.raises(InputError, match=r"'great': no reason, which annotate\.json_schema asks for"):
        plan.request("ok", 1, [GREAT])


def make_parts(prompt: Prompt | str = "Is it {label}? {text}", **changes: Any) -> Plan:
    asked = prompt if isinstance(prompt, Prompt) else Prompt(prompt)
    return Plan(make_params(ask="each", **changes), LABELS, many_labels, asked, "m", parts=parts)


def test_each_label_is_asked_about_by_itself_vote_by_vote() -> None:
    plan = make_parts(votes=2, temperature=0.5)
    requests = plan.requests("a {label}")
    assert [(request.vote, request.label) for request in requests] == [
        (1, "negative"),
        (1, "positive"),
        (2, "negative"),
        (2, "positive"),
    ]
    assert [request.messages[-1][1] for request in requests[:2]] == [
        "Is it negative? a {label}",
        "Is it positive? a {label}",
    ]
    assert len({request.key for request in requests}) == 4
    first, _ = plan.by_vote(requests)
    assert plan.read(first, [Answer("no"), Answer("yes")]).label == '["positive"]'
    assert plan.read(first, [Answer("yes"), Answer("perhaps")]).status == "out_of_set"
    assert plan.request("a {label}", 2) == requests[2]


def test_an_example_is_shown_with_its_answer_about_the_label() -> None:
    both = Example(text="so so", label=["negative", "positive"], reason="It is both.")
    plan = make_parts(Prompt("Is it {label}? {text}", "Say yes or no to {label}.", (both,)), json_schema=True)
    messages = plan.requests("a text")[1].messages
    assert messages[0] == ("system", "Say yes or no to positive.")
    assert json.loads(messages[2][1]) == {"reason": "It is both.", "label": "yes"}
    assert plan.schema is not None
    assert plan.schema["properties"]["label"]["enum"] == ["yes", "no"]


def test_a_prompt_without_a_place_for_the_label_asks_the_same_about_each() -> None:
    with pytest.raises(InputError, match=r"p\.md has no \{label\}, which annotate\.ask = 'each' fills in"):
        make_parts("Is it {labels}? {text}")


def test_where_all_labels_are_asked_about_the_place_of_one_is_text() -> None:
    assert make_plan("{label} {labels} {text}").request("it", 1).messages[-1][1] == "{label} negative, positive it"
