import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from distil.core.errors import InputError
from distil.core.tables import ANNOTATIONS
from distil.forms.answers import Answer
from distil.kinds.classification.labelling.answers import answer_schema
from distil.prompting.params import AnnotateParams
from distil.prompting.requests import Message, Request
from distil.teacher.chat_template import load_renderer
from distil.teacher.protocols import Chat, Completion, Protocol, Tgi, UnreadableAnswerError
from distil.teacher.received import NO_SECRETS, read_answer

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
    body = Chat(params, "m", answer_schema(LABELS)).body(REQUEST)
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
    messages = Chat(make_params(), "m").body(TALK)["messages"]
    assert [(message["role"], message["content"]) for message in messages] == list(TURNS)


def test_completion_sends_the_messages_as_one_text_and_the_schema_by_both_its_names() -> None:
    body = Completion(make_params(protocol="completion", json_schema=True), "m", answer_schema(LABELS)).body(TALK)
    assert body["prompt"] == "Be brief.\n\na? A\n\nb?"
    assert body["json_schema"]["properties"]["label"]["enum"] == LABELS  # llama.cpp
    assert body["response_format"]["json_schema"]["schema"] == body["json_schema"]  # vLLM
    assert body["response_format"]["json_schema"]["name"]


@pytest.mark.parametrize("protocol", [Chat, Completion])
def test_without_a_schema_none_is_asked_for(protocol: type[Chat | Completion]) -> None:
    assert not {"json_schema", "response_format"} & set(protocol(make_params(), "m").body(REQUEST))


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
    answer = Chat(make_params(), "m").answer(payload)
    assert answer == Answer(None, "stop", True, None, 20, 16, 7, 5)
    assert Answer.from_json(answer.to_json()) == answer


def test_chat_joins_an_answer_that_comes_in_parts_and_leaves_out_the_thinking() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "negative?"}]}
    parts = [thinking, {"type": "text", "text": "posi"}, {"type": "text", "text": "tive"}]
    assert Chat(make_params(), "m").answer({"choices": [{"message": {"content": parts}}]}).reply == "positive"


OLD_FORM = {"tokens": [" positive"], "top_logprobs": [{" negative": -1.2, " positive": -0.4}]}
CHAT_FORM = {
    "content": [{"top_logprobs": [{"token": " positive", "logprob": -0.4}, {"token": " negative", "logprob": -1.2}]}]
}


@pytest.mark.parametrize("logprobs", [OLD_FORM, CHAT_FORM])
def test_completion_reads_log_probabilities_in_both_forms(logprobs: dict[str, Any]) -> None:
    params = make_params(method="score", protocol="completion", top_logprobs=5)
    protocol = Completion(params, "m")
    assert protocol.body(REQUEST)["logprobs"] == 5
    answer = protocol.answer({"choices": [{"text": " positive", "logprobs": logprobs, "finish_reason": "length"}]})
    assert answer.top_logprobs == ((" positive", -0.4), (" negative", -1.2))
    assert Answer.from_json(answer.to_json()) == answer


def test_tgi_asks_and_reads_in_its_own_words() -> None:
    protocol = Tgi(make_params(protocol="tgi", json_schema=True), "m", repr, answer_schema(LABELS))
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
    ("payload", "words"),
    [
        (None, "it is null, not an object"),
        ([], "it is a list, not an object"),
        ([{"generated_text": "a"}], "it is a list, not an object"),
        ("text", "it is text, not an object"),
        ({}, "it has no choices"),
        ({"choices": None}, "choices is null, not a list"),
        ({"choices": []}, "choices is empty"),
        ({"choices": {"message": {}}}, "choices is an object, not a list"),
        ({"choices": [None]}, "choices[0] is null, not an object"),
        ({"choices": [{}]}, "choices[0] has no message"),
        ({"choices": [{"message": None}]}, "message is null, not an object"),
        ({"choices": [{"message": "a"}]}, "message is text, not an object"),
        ({"choices": [{"message": {"content": 5}}]}, "content is a number, not text"),
        ({"choices": [{"message": {"content": True}}]}, "content is true or false, not text"),
        ({"choices": [{"message": {"content": [5]}}]}, "content[0] is a number, not an object"),
        ({"choices": [{"message": {"content": [{"type": "text", "text": 5}]}}]}, "text is a number, not text"),
        ({"choices": [{"message": {"content": [{"type": "text"}]}}]}, "content[0] has no text"),
        ({"choices": [{"message": {"content": "a"}, "logprobs": [5]}]}, "logprobs is a list, not an object"),
        ({"choices": [{"message": {}, "logprobs": {"content": [{}]}}]}, "content[0] has no top_logprobs"),
    ],
)
def test_json_of_another_protocol_is_unreadable_and_it_is_said_why(payload: Any, words: str) -> None:
    with pytest.raises(UnreadableAnswerError) as caught:
        Chat(make_params(), "m").answer(payload)
    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("protocol", "payload", "words"),
    [
        (Completion, {"choices": [{}]}, "choices[0] has no text"),
        (Completion, {"choices": [{"text": 5}]}, "text is a number, not text"),
        (Tgi, {"details": {}}, "it has no generated_text"),
        (Tgi, [], "it is empty"),
        (Tgi, ["a"], "it[0] is text, not an object"),
    ],
)
def test_the_other_protocols_say_why_too(protocol: type[Protocol], payload: Any, words: str) -> None:
    with pytest.raises(UnreadableAnswerError) as caught:
        next(one for one in PROTOCOLS if type(one) is protocol).answer(payload)
    assert str(caught.value) == words


def test_parts_of_an_answer_may_be_plain_text() -> None:
    """Some servers send a list of texts in the place of a list of parts."""
    payload = {"choices": [{"message": {"content": ["posi", {"type": "text", "text": "tive"}, {"type": "image"}]}}]}
    assert PROTOCOLS[0].answer(payload).reply == "positive"


VALID: list[Any] = [
    {
        "choices": [{"message": {"content": "a", "refusal": None}, "finish_reason": "stop", "logprobs": CHAT_FORM}],
        "usage": {
            "prompt_tokens": 20,
            "completion_tokens": 7,
            "prompt_tokens_details": {"cached_tokens": 16},
            "completion_tokens_details": {"reasoning_tokens": 5},
        },
    },
    {"choices": [{"message": {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}}]},
    {"choices": [{"text": "a", "logprobs": OLD_FORM, "finish_reason": "length"}], "usage": {"prompt_tokens": 3}},
    {"generated_text": "a", "details": {"finish_reason": "length", "generated_tokens": 50}},
    {"error": {"message": "busy"}},
]
WORDS = st.text(st.characters(), max_size=4)  # half surrogate pairs among them
HARD = st.sampled_from(["\ud83d", "7", "7.0", "1e400", "nan", 2**63, 10**400, -1, 7.0, 7.5, True, float("-inf")])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | HARD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
PROTOCOLS: list[Protocol] = [
    Chat(make_params(), "m"),
    Completion(make_params(), "m"),
    Tgi(make_params(protocol="tgi"), "m", repr),
]


@st.composite
def payloads(draw: st.DrawFn) -> Any:
    """Any JSON, or an answer in which something was put in another's place."""
    value = draw(st.sampled_from([*VALID, None]))
    if value is None:
        return draw(JSON)
    value = place = copy.deepcopy(value)
    while True:
        key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], dict | list) or not draw(st.integers(0, 5)):
            place[key] = draw(JSON)
            return value
        place = place[key]


@given(payloads())
def test_what_is_read_can_be_stored_and_written(payload: Any) -> None:
    for protocol in PROTOCOLS:
        try:
            answer = protocol.answer(payload)
        except UnreadableAnswerError as error:
            assert "Error" not in str(error) and str(error).encode()  # no words of Python's
            continue
        assert Answer.from_json(answer.to_json()) == answer
        for field in ANNOTATIONS:
            if hasattr(answer, field.name):
                pa.array([getattr(answer, field.name)], field.type)
        for token, logprob in answer.top_logprobs or ():
            assert len(token.encode()) >= 0  # raises if it cannot be written
            assert abs(logprob) < float("inf")


UNCOUNTED: list[Any] = [2**63, -1, 7.5, "many", "nan", "1e999", True, [7], {}, None]


@pytest.mark.parametrize(
    ("told", "count"),
    [
        *[(told, 7) for told in (7, "7", 7.0, "7.0")],
        *[(told, told) for told in (0, 2**63 - 1)],
        *[(told, None) for told in UNCOUNTED],
    ],
)
def test_a_token_count_is_a_whole_number_or_unknown(told: Any, count: int | None) -> None:
    payload = {"choices": [{"message": {"content": "a"}}], "usage": {"prompt_tokens": told}}
    assert PROTOCOLS[0].answer(payload) == replace(Answer("a"), input_tokens=count)


def test_an_answer_is_kept_without_what_is_wrong_beside_it() -> None:
    tops = [{"token": token, "logprob": logprob} for token, logprob in [("b", -2), ("\ud83d", -1.0)]]
    lost = [{"token": "c", "logprob": logprob} for logprob in (None, float("-inf"), float("nan"), -(10**400))]
    choice = {"message": {"content": [{"type": "text", "text": "so \ud83d"}]}, "finish_reason": {"type": "stop"}}
    logprobs = {"content": [{"top_logprobs": lost + tops}]}
    payload = {"choices": [choice | {"logprobs": logprobs}], "usage": "none"}
    assert PROTOCOLS[0].answer(payload) == Answer("so ?", top_logprobs=(("?", -1.0), ("b", -2.0)))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ({"message": "Model is\noverloaded \ud83d", "code": 529}, "the endpoint says: Model is overloaded \\ud83d"),
        ("no such model", "the endpoint says: no such model"),
        ({"code": 7}, 'the endpoint says: {"code": 7}'),
    ],
)
@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: type(protocol).__name__)
def test_an_error_sent_as_an_answer_is_told_in_its_words(protocol: Protocol, error: Any, words: str) -> None:
    for payload in ({"error": error}, {"error": error, "choices": []}, {"choices": None, "error": error}):
        with pytest.raises(UnreadableAnswerError) as caught:
            read_answer(payload, protocol, NO_SECRETS)
        assert str(caught.value) == words


@pytest.mark.parametrize(
    "payload",
    [
        {"object": "error", "message": "no such model", "code": 404},
        {"detail": "no such model"},
        {"choices": [{"error": {"message": "no such model", "code": 404}}]},
    ],
)
def test_an_error_is_found_wherever_servers_put_it(payload: Any) -> None:
    with pytest.raises(UnreadableAnswerError, match=r"^the endpoint says: no such model$"):
        read_answer(payload, PROTOCOLS[0], NO_SECRETS)


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
