import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from distil.answers import Answer
from distil.chat_template import load_renderer
from distil.errors import InputError
from distil.plan import Message, Request
from distil.protocols import Chat, Completion, Tgi, UnreadableAnswerError
from distil.teacher_params import AnnotateParams

LABELS = ["negative", "positive"]
QUESTION = ("user", "Is it good? t")
REQUEST = Request(key="k", text="t", messages=(QUESTION,), vote=2, seed=1)
TURNS: tuple[Message, ...] = (("system", "Be brief."), ("user", "a?"), ("assistant", "A"), ("user", "b?"))
TALK = Request(key="k", text="b", messages=TURNS, vote=1, seed=None)


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


def test_chat_sends_every_message() -> None:
    messages = Chat(make_params(), LABELS, "m").body(TALK)["messages"]
    assert [(message["role"], message["content"]) for message in messages] == list(TURNS)


def test_completion_sends_the_messages_as_one_text_and_the_schema_by_both_its_names() -> None:
    body = Completion(make_params(protocol="completion", json_schema=True), LABELS, "m").body(TALK)
    assert body["prompt"] == "Be brief.\n\na? A\n\nb?"
    assert body["json_schema"]["properties"]["label"]["enum"] == LABELS  # llama.cpp
    assert body["response_format"]["json_schema"]["schema"] == body["json_schema"]  # vLLM
    assert body["response_format"]["json_schema"]["name"]


@pytest.mark.parametrize("protocol", [Chat, Completion])
def test_without_a_schema_none_is_asked_for(protocol: type[Chat | Completion]) -> None:
    assert not {"json_schema", "response_format"} & set(protocol(make_params(), LABELS, "m").body(REQUEST))


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


def test_chat_joins_an_answer_that_comes_in_parts_and_leaves_out_the_thinking() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "negative?"}]}
    parts = [thinking, {"type": "text", "text": "posi"}, {"type": "text", "text": "tive"}]
    assert Chat(make_params(), LABELS, "m").answer({"choices": [{"message": {"content": parts}}]}).reply == "positive"


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
    protocol = Tgi(make_params(protocol="tgi", json_schema=True), LABELS, "m", repr)
    body = protocol.body(REQUEST)
    assert body["inputs"] == repr((QUESTION,))
    assert body["parameters"]["grammar"]["type"] == "json"
    assert body["parameters"]["grammar"]["value"]["properties"]["label"]["enum"] == LABELS
    assert "temperature" not in body["parameters"]  # TGI refuses 0
    details = {"finish_reason": "length", "generated_tokens": 50}
    answer = protocol.answer([{"generated_text": "positive", "details": details}])
    assert (answer.reply, answer.finish_reason, answer.output_tokens) == ("positive", "length", 50)
    assert protocol.answer({"generated_text": "positive"}).reply == "positive"


@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        {},
        {"choices": []},
        {"choices": [{"message": {"content": 5}}]},
        {"choices": [{"message": {"content": ["text"]}}]},
        {"choices": [{"message": {"content": [{"type": "text", "text": None}]}}]},
        "text",
    ],
)
def test_json_of_another_protocol_is_unreadable(payload: Any) -> None:
    with pytest.raises(UnreadableAnswerError):
        Chat(make_params(), LABELS, "m").answer(payload)


SHOW = "{{ '<' + m['role'] + '>' + m['content'] }}"
ANSWER = "{% if add_generation_prompt %}<assistant>{% endif %}"
TAKES_SYSTEM = "{% for m in messages %}" + SHOW + "{% endfor %}" + ANSWER
DROPS_SYSTEM = "{% for m in messages if m['role'] != 'system' %}" + SHOW + "{% endfor %}" + ANSWER
REFUSES_SYSTEM = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    + TAKES_SYSTEM
)
ALTERNATES = (
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate') }}{% endif %}" + SHOW + "{% endfor %}" + ANSWER
)
FOLDED = "<user>Be brief.\n\na?<assistant>A<user>b?<assistant>"


def write_tokenizer(folder: Path, template: str | None) -> str:
    """A tokenizer of one word with a chat template, laid out as on the Hub."""
    Tokenizer(WordLevel({"a": 0, "?": 1}, unk_token="?")).save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "?", "chat_template": template}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return str(folder)


@pytest.mark.parametrize(
    ("template", "rendered"),
    [
        (TAKES_SYSTEM, "<system>Be brief.<user>a?<assistant>A<user>b?<assistant>"),
        (REFUSES_SYSTEM, FOLDED),
        (ALTERNATES, FOLDED),
        (DROPS_SYSTEM, FOLDED),
    ],
)
def test_a_chat_template_shows_all_messages(tmp_path: Path, template: str, rendered: str) -> None:
    render = load_renderer(write_tokenizer(tmp_path, template))
    assert render(TURNS) == rendered
    assert render([QUESTION]) == "<user>Is it good? t<assistant>"


def test_a_tokenizer_without_a_template_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no chat template"):
        load_renderer(write_tokenizer(tmp_path, None))
