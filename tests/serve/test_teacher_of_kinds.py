"""Sets and spans of which the student is unsure, asked of a teacher on loopback: in each form, and over a restart."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from loopback_teacher import LoopbackTeacher, serve_teacher
from serving import Running, serving
from toy_cascade import TEXTS, USD, Cascade, find_text, make_cascade

from distil.core.params import Kind

TOKEN = {"Authorization": "Bearer secret"}


@pytest.fixture
def teacher() -> Iterator[LoopbackTeacher]:
    with serve_teacher(lambda _body, _number: None) as server:
        yield server


def post(server: Running, path: str, **body: Any) -> httpx2.Response:
    reply = httpx2.post(f"{server.address}{path}", json=body, headers=TOKEN, timeout=60)
    assert reply.status_code == 200, reply.text
    return reply


def who(reply: httpx2.Response) -> str:
    return str(reply.headers["x-distil-answered-by"])


def read(cascade: Cascade, predictions: list[Any]) -> list[Any]:
    """What a reply in the form of text-embeddings-inference says of a text, as `Cascade.tell` has it."""
    if cascade.kind == "multi_label":
        return sorted(one["label"] for one in predictions if one["applies"])
    return [(one["start"], one["end"], one["entity_group"]) for one in predictions]


@pytest.mark.parametrize("kind", ["multi_label", "token_classification"])
def test_the_teacher_answers_in_every_form_and_is_paid_once(
    kind: Kind, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, teacher: LoopbackTeacher
) -> None:
    cascade = make_cascade(kind, tmp_path, tmp_path_factory, teacher)
    unsure, batch = cascade.unsure, [[text] for text in TEXTS]
    options = ("--unsure-below", "auto", "--unsure-to", "teacher", "--token-env", "A_TOKEN")
    environment = {"A_TOKEN": "secret", "DISTIL_STORE": str(tmp_path / "answers.sqlite")}
    by = ["teacher" if text in unsure else "student" for text in TEXTS]
    assert set(by) == {"teacher", "student"}
    with serving(tmp_path, cascade.model, *options, environment=environment) as server:
        reply = post(server, "/predict", inputs=batch, details=True)
        assert who(reply) == ",".join(by) and [one["answered_by"] for one in reply.json()] == by
        assert sorted(map(find_text, teacher.bodies)) == sorted(unsure)
        for text, one in zip(TEXTS, reply.json(), strict=True):
            assert one["unsure"] is (text in unsure)
            if text in unsure:
                assert read(cascade, one["predictions"]) == cascade.tell(text)
                assert {prediction["score"] for prediction in one["predictions"]} <= {0.0, 1.0}
        assert post(server, "/predict", inputs=batch).json() == [one["predictions"] for one in reply.json()]
        if kind == "token_classification":
            told = reply.json()
            for text, one, known in zip(TEXTS, post(server, "/redact", inputs=batch).json(), told, strict=True):
                assert set(one) == {"text", "spans"}
                assert one["text"] == redact(text, [*read(cascade, known["predictions"])])
            (one,) = post(server, "/redact", inputs=[[unsure[0]]], details=True).json()
            assert (one["answered_by"], one["unsure"]) == ("teacher", True)
        message = {"role": "user", "content": cascade.prompt(unsure[0])}
        reply = post(server, "/v1/chat/completions", messages=[message], model="any")
        assert who(reply) == "teacher"
        assert reply.json()["choices"][0]["message"]["content"] == cascade.write(unsure[0])
        wanted = {"messages": [message], "model": "any", "response_format": {"type": "json_object"}}
        content = json.loads(post(server, "/v1/chat/completions", **wanted).json()["choices"][0]["message"]["content"])
        (told,) = content.values()
        assert [one if kind == "multi_label" else one["label"] for one in told] == [
            one if kind == "multi_label" else one[2] for one in cascade.tell(unsure[0])
        ]
        assert len(teacher.bodies) == len(unsure)
        assert server.end() == 0
        assert not any(text in server.log.read_text() for text in TEXTS)
    cascade.change("runtime", budget_usd=USD * len(unsure))  # which is spent
    with serving(tmp_path, cascade.model, *options, environment=environment) as server:
        assert f"${USD * len(unsure):.4f} were spent before" in server.log.read_text()
        assert who(post(server, "/predict", inputs=batch)) == ",".join(by)
        new = [[f"{unsure[0]} {number}"] for number in range(9)]
        reply = post(server, "/predict", inputs=new, details=True)
        assert who(reply) == "student" and reply.headers["x-distil-why-not-teacher"] == "budget"
        assert len(teacher.bodies) == len(unsure)


def redact(text: str, spans: list[tuple[int, int, str]]) -> str:
    for start, end, label in reversed(spans):
        text = f"{text[:start]}[{label}]{text[end:]}"
    return text
