"""`/v1/chat/completions`: the text is found by the study's prompt, and answered in the form that this asks for."""

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx2
import pytest
from conftest import ROOT
from openai import BadRequestError, NotFoundError, OpenAI
from serving import Running, serving

from distil.classifiers.canonical import load_writer
from distil.classifiers.onnx_classifier import OnnxClassifier
from distil.core.params import Kind
from distil.forms.answers import Answer
from distil.forms.labelling import load_labelling, load_parts
from distil.prompting.params import AnnotateParams
from distil.prompting.prompt_files import Example, Prompt, read_prompt
from distil.prompting.requests import Plan, Request
from distil.serve.chat import Chat, ChatRequest
from distil.serve.faults import FaultError

TEXTS = ["works like a charm", "Text: a {text} with {labels}\n\nText: twice", "שלום \N{SPARKLES}\tx", "  blanks  "]
FORMS: list[tuple[Kind, str, list[str], Any]] = [
    ("classification", "phrasebank_simple", ["positive", "neutral", "negative"], "neutral"),
    ("classification", "phrasebank_cot", ["positive", "neutral", "negative"], "negative"),
    ("classification", "reviews", ["negative", "positive"], "positive"),
    ("multi_label", "emotions", ["joy", "love", "anger"], ["joy", "love"]),
    ("multi_label", "emotions", ["joy", "love", "anger"], []),
    ("token_classification", "names", ["person", "location"], [(0, 5, "person")]),
    ("token_classification", "names", ["person", "location"], []),
]
END_WITH_TEXT = {"phrasebank_cot", "emotions", "names"}  # in which "Text:" may begin an example
JSON_PROMPTS = {"phrasebank_cot", "emotions"}


def make_plan(kind: Kind, prompt: Prompt, labels: Sequence[str], **changes: Any) -> Plan:
    params = AnnotateParams(prompt="p.md", method="generate", protocol="chat", model="m", max_tokens=9, **changes)
    parts = load_parts(kind) if params.ask == "each" else None
    return Plan(params, labels, load_labelling(kind).answers, prompt, "m", parts=parts)


def make_chat(kind: Kind, plan: Plan) -> Chat:
    parts = load_parts(kind) if plan.params.ask == "each" else None
    return Chat("study", plan, load_labelling(kind).answers, parts)


def send(request: Request, *, joined: bool = False, **fields: Any) -> ChatRequest:
    turns = [("user", request.prompt)] if joined else request.messages
    return ChatRequest.model_validate({"messages": [{"role": role, "content": said} for role, said in turns], **fields})


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(("kind", "name", "labels", "value"), FORMS)
@pytest.mark.parametrize("joined", [False, True])
def test_what_the_study_asks_is_answered_so_that_the_study_reads_it(
    kind: Kind, name: str, labels: list[str], value: Any, text: str, joined: bool
) -> None:
    plan = make_plan(kind, read_prompt(ROOT / "prompts" / f"{name}.md"), labels)
    chat, request, label = make_chat(kind, plan), plan.request(text, 1), load_writer(kind)(value)
    if "\nText:" in text and name in END_WITH_TEXT:
        with pytest.raises(FaultError, match="an example and a text"):
            chat.find(send(request, joined=joined))
        return
    question = chat.find(send(request, joined=joined))
    assert question.text == text
    reply = chat.write(question, label, None)
    assert reply.startswith("{") is (name in JSON_PROMPTS)
    reading = plan.read([request], [Answer(reply)])
    assert reading.status == "ok" and reading.reason is None
    assert reading.label == label


def test_turns_of_a_system_message_and_examples_are_known() -> None:
    prompt = Prompt("Say: {text}", "One of {labels}.", ())
    plan = make_plan("classification", prompt, ["a", "b"])
    chat, request = make_chat("classification", plan), plan.request("hello", 1)
    shown = [("user", "Say: before"), ("assistant", "a")]
    messages = [*request.messages[:1], *shown, *request.messages[1:]]
    asked = ChatRequest.model_validate({"messages": [{"role": role, "content": said} for role, said in messages]})
    assert chat.find(asked).text == "hello"
    assert chat.find(send(request, joined=True)).text == "hello"


@pytest.mark.parametrize(
    "messages",
    [
        [("user", "Say: hello")],  # without its instruction
        [("system", "Answer in French."), ("user", "Say: hello")],
        [("system", "One of a, b."), ("user", "Tell: hello")],
        [("system", "One of a, b."), ("user", "Say: ")],
        [("system", "One of a, b."), ("user", "Say: hello"), ("assistant", "a")],
        [("system", "One of a, b."), ("assistant", "Say: hello")],
    ],
)
def test_another_prompt_is_refused_in_one_line_that_says_what_is_expected(messages: list[tuple[str, str]]) -> None:
    chat = make_chat(
        "classification", make_plan("classification", Prompt("Say: {text}", "One of {labels}."), ["a", "b"])
    )
    asked = ChatRequest.model_validate({"messages": [{"role": role, "content": said} for role, said in messages]})
    with pytest.raises(FaultError) as caught:
        chat.find(asked)
    assert caught.value.status == 400
    assert "p.md" in caught.value.message and "system message" in caught.value.message
    assert "hello" not in caught.value.message


@pytest.mark.parametrize(
    ("body", "system"),
    [
        ("Sentence: {text}\nSentiment:", None),
        ("Sentence: {text}\nSentiment:", "One of {labels}."),
        ("Sentence: {text}", "One of {labels}."),
        ("{text}\nSentiment:", "One of {labels}."),
        ("{text}", "One of {labels}."),
        ("Which of {labels} is: {text}?", None),
    ],
)
def test_examples_in_the_place_of_the_text_are_refused_and_not_labelled(body: str, system: str | None) -> None:
    plan = make_plan("classification", Prompt(body, system), ["a", "b"])
    chat = make_chat("classification", plan)
    assert chat.find(send(plan.request("a text\nof two lines" if "ment" not in body else "a text", 1), joined=True))
    shown = [Example(text=text, label="a") for text in ("it broke", "what a waste")]
    with pytest.raises(FaultError, match="as turns of their own") as caught:
        chat.find(send(plan.request("the real text", 1, shown), joined=True))
    assert caught.value.status == 400 and "waste" not in caught.value.message
    assert chat.find(send(plan.request("the real text", 1, shown))).text == "the real text"


def test_a_text_of_a_hundred_thousand_parts_of_the_prompt_is_found() -> None:
    chat = make_chat("classification", make_plan("classification", Prompt("Say: {text}\nMood:"), ["a", "b"]))
    for part in ("\nMood:", "\n", " \n"):
        text = f"x{part * 10**5}"
        asked = ChatRequest.model_validate({"messages": [{"role": "user", "content": f"Say: {text}\nMood:"}]})
        assert chat.find(asked).text == text


def test_a_text_that_stands_twice_in_the_prompt_is_found() -> None:
    plan = make_plan("classification", Prompt("A {text} B {text} C"), ["a", "b"])
    assert make_chat("classification", plan).find(send(plan.request("x B x", 1))).text == "x B x"


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [("multi_label", ["joy"], ["yes", "no"]), ("token_classification", [(0, 2, "joy")], None)],
)
def test_a_prompt_that_asks_about_each_label_is_answered_about_that_one(kind: Kind, value: Any, told: Any) -> None:
    plan = make_plan(kind, Prompt("Is there {label} in: {text}?"), ["joy", "love"], ask="each")
    chat, label = make_chat(kind, plan), load_writer(kind)(value)
    asked = [one for one in plan.requests("oh joy") if one.vote == 1]
    replies = [chat.write(chat.find(send(request)), label, None) for request in asked]
    assert plan.read(asked, [Answer(reply) for reply in replies]).label == label
    assert told is None or replies == told


def schema(**properties: Any) -> dict[str, Any]:
    return {
        "type": "json_schema",
        "json_schema": {"name": "x", "schema": {"properties": properties, "required": list(properties)}},
    }


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (None, "a"),
        ({"type": "text"}, "a"),
        ({"type": "json_object"}, {"label": "a"}),
        (schema(label={"type": "string"}), {"label": "a"}),
        (schema(reason={"type": "string"}, label={"enum": ["a", "b"]}), {"reason": "", "label": "a"}),
        (schema(reason={"type": ["string", "null"]}, label={}), {"reason": None, "label": "a"}),
    ],
)
def test_json_is_written_where_it_is_asked_for(wanted: Any, told: Any) -> None:
    plan = make_plan("classification", Prompt("Say: {text}"), ["a", "b"])
    chat = make_chat("classification", plan)
    asked = send(plan.request("hello", 1), response_format=wanted)
    reply = chat.write(chat.find(asked), "a", asked.response_format)
    assert (reply if isinstance(told, str) else json.loads(reply)) == told


def test_a_schema_that_asks_for_something_else_is_refused() -> None:
    plan = make_plan("classification", Prompt("Say: {text}"), ["a", "b"])
    chat = make_chat("classification", plan)
    asked = send(plan.request("hello", 1), response_format=schema(mood={"type": "string"}))
    with pytest.raises(FaultError, match="have the keys reason, label"):
        chat.write(chat.find(asked), "a", asked.response_format)


def test_a_schema_with_other_labels_is_refused() -> None:
    plan = make_plan("classification", Prompt("Say: {text}"), ["a", "b"])
    chat = make_chat("classification", plan)
    asked = send(plan.request("hello", 1), response_format=schema(label={"enum": ["POS", "NEG"]}))
    with pytest.raises(FaultError, match="other values in 'label'"):
        chat.write(chat.find(asked), "a", asked.response_format)


@pytest.fixture(scope="module")
def study(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The default study, with another student."""
    folder = tmp_path_factory.mktemp("study")
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "prompts", folder / "prompts")
    shutil.copytree(model, folder / "models" / "onnx")
    with serving(folder, None) as running:
        yield running


@pytest.fixture(scope="module")
def client(study: Running) -> OpenAI:
    return OpenAI(base_url=f"{study.address}/v1", api_key="none", max_retries=0)


def ask_of_study(text: str) -> list[Any]:
    body = (ROOT / "prompts/reviews.md").read_text().strip()
    return [{"role": "user", "content": body.replace("{text}", text)}]


def test_the_client_of_openai_gets_the_students_label(client: OpenAI, model: Path) -> None:
    student = OnnxClassifier(model, "onnx/model_quantized.onnx")
    (expected,), tokens = student.predict(["good thing"]), len(student.encode(["good thing"])[0])
    reply = client.chat.completions.with_raw_response.create(model="any", messages=ask_of_study("good thing"))
    assert reply.headers["x-distil-answered-by"] == "student"
    told = reply.parse()
    assert told.choices[0].message.content == expected
    assert told.choices[0].finish_reason == "stop"
    assert told.usage and (told.usage.completion_tokens, told.usage.prompt_tokens) == (0, tokens)
    assert [one.id for one in client.models.list()] == ["reviews"]


def test_the_client_of_openai_gets_a_stream(client: OpenAI) -> None:
    whole = client.chat.completions.create(model="any", messages=ask_of_study("good thing"), n=2)
    stream = client.chat.completions.create(
        model="any", messages=ask_of_study("good thing"), stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert said == whole.choices[0].message.content == whole.choices[1].message.content
    assert chunks[-1].usage == whole.usage


def test_the_client_of_openai_is_told_what_is_wrong(client: OpenAI, server: Running) -> None:
    with pytest.raises(BadRequestError, match=r"answers the prompt prompts/reviews\.md"):
        client.chat.completions.create(model="any", messages=[{"role": "user", "content": "tell me a joke"}])
    bare = OpenAI(base_url=f"{server.address}/v1", api_key="none", max_retries=0)
    with pytest.raises(NotFoundError, match="start distil serve in the study's folder"):
        bare.chat.completions.create(model="any", messages=ask_of_study("good thing"))
    assert httpx2.post(f"{server.address}/v1/chat/completions", json={"messages": []}).status_code == 422


def test_a_study_of_other_labels_answers_no_prompt(several: Path, tmp_path: Path) -> None:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    with serving(tmp_path, several) as running:
        reply = httpx2.post(f"{running.address}/v1/chat/completions", json={"messages": ask_of_study("good")})
        assert reply.status_code == 404 and "other labels" in reply.json()["error"]["message"]
        assert running.post("good").status_code == 200


def test_what_is_asked_and_what_is_refused_is_counted(client: OpenAI, study: Running) -> None:
    client.chat.completions.create(model="any", messages=ask_of_study("good thing"))
    before = httpx2.get(f"{study.address}/metrics").text
    assert 'te_request_success_total{method="chat"}' in before
    httpx2.post(f"{study.address}/predict", content=b"x", headers={"Content-Type": "text/plain"})
    refused = [
        line for line in httpx2.get(f"{study.address}/metrics").text.splitlines() if "request_failure_total" in line
    ]
    assert any('err="validation"' in line for line in refused) and refused[-1] not in before.splitlines()
