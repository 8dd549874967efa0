from typing import Any

import pytest

from distil.answers import Answer
from distil.plan import Plan, Request
from distil.protocols import Chat, Completion, Tgi, UnreadableAnswerError
from distil.teacher_params import AnnotateParams

LABELS = ["negative", "positive"]
REQUEST = Request(key="k", text="t", prompt="Is it good? t", vote=2, seed=1)


def make_params(**changes: Any) -> AnnotateParams:
    fields = {"prompt": "p.md", "method": "generate", "protocol": "chat", "model": "m", "max_tokens": 50, **changes}
    return AnnotateParams.model_validate(fields)


def test_chat_asks_as_the_openai_api_says() -> None:
    params = make_params(temperature=0.7, json_schema=True, extra={"top_p": None, "user": "me"}, top_p=0.9)
    body = Chat(params, LABELS, "m").body(REQUEST)
    schema = body.pop("response_format")["json_schema"]["schema"]
    assert schema["properties"]["label"]["enum"] == LABELS
    assert body == {
        "model": "m",
        "max_tokens": 50,
        "temperature": 0.7,
        "seed": 1,
        "messages": [{"role": "user", "content": "Is it good? t"}],
        "user": "me",
    }


def test_chat_reads_text_usage_and_refusal() -> None:
    payload = {
        "choices": [{"message": {"content": None, "refusal": "I will not"}, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": 20,
            "completion_tokens": 7,
            "prompt_tokens_details": {"cached_tokens": 16},
            "completion_tokens_details": {"reasoning_tokens": 5},
        },
    }
    answer = Chat(make_params(), LABELS, "m").answer(payload)
    assert answer == Answer(None, "stop", True, None, 20, 16, 7, 5)
    assert Answer.from_json(answer.to_json()) == answer


OLD_FORM = {"tokens": [" positive"], "top_logprobs": [{" negative": -1.2, " positive": -0.4}]}
CHAT_FORM = {
    "content": [{"top_logprobs": [{"token": " positive", "logprob": -0.4}, {"token": " negative", "logprob": -1.2}]}]
}


@pytest.mark.parametrize("logprobs", [OLD_FORM, CHAT_FORM])
def test_completion_reads_log_probabilities_in_both_forms(logprobs: dict[str, Any]) -> None:
    params = make_params(method="score", protocol="completion", top_logprobs=5)
    protocol = Completion(params, LABELS, "m")
    assert protocol.body(REQUEST)["logprobs"] == 5
    answer = protocol.answer({"choices": [{"text": " positive", "logprobs": logprobs, "finish_reason": "length"}]})
    assert answer.top_logprobs == ((" positive", -0.4), (" negative", -1.2))
    assert Answer.from_json(answer.to_json()) == answer


def test_tgi_asks_and_reads_in_its_own_words() -> None:
    protocol = Tgi(make_params(protocol="tgi", json_schema=True), LABELS, "m", lambda prompt: f"<user>{prompt}</user>")
    body = protocol.body(REQUEST)
    assert body["inputs"] == "<user>Is it good? t</user>"
    assert body["parameters"]["grammar"]["value"]["properties"]["label"]["enum"] == LABELS
    assert "temperature" not in body["parameters"]  # TGI refuses 0
    details = {"finish_reason": "length", "generated_tokens": 50}
    answer = protocol.answer([{"generated_text": "positive", "details": details}])
    assert (answer.reply, answer.finish_reason, answer.output_tokens) == ("positive", "length", 50)
    assert protocol.answer({"generated_text": "positive"}).reply == "positive"


@pytest.mark.parametrize("payload", [None, [], {}, {"choices": []}, {"choices": [{"message": {"content": 5}}]}, "text"])
def test_json_of_another_protocol_is_unreadable(payload: Any) -> None:
    with pytest.raises(UnreadableAnswerError):
        Chat(make_params(), LABELS, "m").answer(payload)


def keys(template: str = "{text}", model: str = "m", **changes: Any) -> list[str]:
    return [request.key for request in Plan(make_params(**changes), LABELS, template, model).requests("a text")]


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
    ]
    assert all(variant != base for variant in variants)
    assert len({variant[0] for variant in variants}) == len(variants)


def test_more_votes_keep_the_first_ones() -> None:
    assert keys(votes=5)[:3] == keys(votes=3)


def test_the_way_of_asking_the_same_messages_does_not_matter() -> None:
    chat, tgi = (Plan(make_params(protocol=name), LABELS, "{text}", "m") for name in ("chat", "tgi"))
    assert chat.fixed["form"] == tgi.fixed["form"] == "chat"
