"""`POST /predict` in the forms of text-embeddings-inference and of the Hugging Face Inference API."""

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from huggingface_hub import InferenceClient
from pydantic import ValidationError
from serving import Running

from distil.classifiers.onnx_classifier import OnnxClassifier, OnnxMultiLabel
from distil.classifiers.onnx_tagger import OnnxTagger
from distil.serve.chat import ChatRequest
from distil.serve.tei import PredictRequest, read_plain, read_request

INT8 = "onnx/model_quantized.onnx"
TEXT = "good thing"


def shares(model: Path, text: str = TEXT) -> dict[str, float]:
    student = OnnxClassifier(model, INT8)
    return dict(zip(student.labels, student.predict_proba([text])[0].tolist(), strict=True))


@pytest.mark.parametrize("inputs", [TEXT, [TEXT]])
def test_one_text_gets_its_labels_the_likeliest_first(server: Running, model: Path, inputs: Any) -> None:
    reply = server.post(inputs)
    assert reply.status_code == 200
    assert reply.headers["x-distil-answered-by"] == "student"
    told = reply.json()
    assert {one["label"]: one["score"] for one in told} == pytest.approx(shares(model), abs=1e-6)
    assert told[0]["score"] >= told[1]["score"]
    assert set(told[0]) == {"label", "score"}


def test_a_batch_gets_a_list_for_each_text_in_its_order(server: Running, model: Path) -> None:
    told = server.post([[TEXT], ["bad thing"], [TEXT]]).json()
    assert len(told) == 3
    assert told[0] == told[2]
    assert {one["label"]: one["score"] for one in told[1]} == pytest.approx(shares(model, "bad thing"), abs=0.02)


def test_raw_scores_are_logits(server: Running, model: Path) -> None:
    told = server.post(TEXT, raw_scores=True).json()
    student = OnnxClassifier(model, INT8)
    logits = dict(zip(student.labels, student.predict_logits([TEXT])[0].tolist(), strict=True))
    assert {one["label"]: one["score"] for one in told} == pytest.approx(logits, abs=1e-6)


@pytest.mark.parametrize("inputs", [["one", "two"], [["one", "two"]], [["one"], ["one", "two"]]])
def test_a_pair_is_refused_as_what_it_is(server: Running, inputs: Any) -> None:
    reply = server.post(inputs)
    assert reply.status_code == 413
    assert reply.json()["error_type"] == "Validation"
    assert "a pair of texts" in reply.json()["error"]


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ({"inputs": []}, 422, "empty list"),
        ({"inputs": [[]]}, 422, "list of 0 strings"),
        ({"inputs": ["a", "b", "c"]}, 422, "list of 3 strings"),
        ({"inputs": [["a", "b", "c"]]}, 422, "list of 3 strings"),
        ({"inputs": 3}, 422, "inputs: expected a string"),
        ({"inputs": None}, 422, "inputs: expected a string"),
        ({"inputs": [["a"], "b"]}, 422, "inputs: expected a string"),
        ({}, 422, "inputs: Field required"),
        ([], 422, "dictionary"),
        ({"inputs": ""}, 413, "cannot be empty"),
        ({"inputs": [["a"], [""]]}, 413, "cannot be empty"),
        ({"inputs": "a", "truncation_direction": "Left"}, 422, "write Right"),
        ({"inputs": "word " * 200, "truncate": False}, 413, "must have less than"),
        ({"inputs": "a" * 100_001}, 413, "at most 100,000 characters"),
        ({"inputs": [["a"]] * 1025}, 413, "batch size 1025 > maximum allowed batch size 1024"),
        ({"inputs": "a", "parameters": {"function_to_apply": "sigmoid"}}, 422, "come from softmax"),
    ],
)
def test_what_is_not_taken_is_one_line(server: Running, body: Any, status: int, told: str) -> None:
    reply = httpx2.post(f"{server.address}/predict", json=body)
    assert (reply.status_code, reply.json()["error_type"]) == (status, "Validation")
    assert told in reply.json()["error"]
    assert "\n" not in reply.json()["error"]


def test_a_long_text_is_read_from_its_beginning_unless_that_is_refused(server: Running) -> None:
    assert server.post("good " * 200).json() == server.post("good " * 300, truncate=True).json()


def test_several_labels_say_which_apply(of_several: Running, several: Path) -> None:
    student = OnnxMultiLabel(several, INT8)
    told = of_several.post(TEXT).json()
    assert [one["label"] for one in told if one["applies"]] and len(told) == 3
    assert {one["label"] for one in told if one["applies"]} == set(student.predict([TEXT])[0])
    assert "applies" not in of_several.post(TEXT, raw_scores=True).json()[0]
    assert of_several.post([]).status_code == 422


def test_spans_are_told_as_the_pipeline_of_transformers_groups_them(of_spans: Running, tagger: Path) -> None:
    text = "\N{PARTY POPPER} Good thing it is fine"
    found = OnnxTagger(tagger, INT8).predict([text])[0]
    told = of_spans.post(text).json()
    assert found
    assert [(one["entity_group"], one["word"], one["start"], one["end"]) for one in told] == [
        (one.label, one.text, one.start, one.end) for one in found
    ]
    in_batch = of_spans.post([[text], ["good"]]).json()[0]
    assert [one["start"] for one in in_batch] == [one["start"] for one in told]
    assert of_spans.post(text, raw_scores=True).status_code == 422


def test_spans_can_be_redacted(of_spans: Running, server: Running, tagger: Path) -> None:
    found = OnnxTagger(tagger, INT8).predict(["good thing"])[0]
    told = of_spans.post("good thing", "/redact").json()
    assert all(f"[{one.label}]" in told["text"] for one in found)
    assert [set(one) for one in told["spans"]] == [{"entity_group", "score", "start", "end"} for _ in found]
    assert isinstance(of_spans.post([["good thing"]], "/redact").json(), list)
    assert server.post("good thing", "/redact").status_code == 404


@pytest.mark.parametrize("path", ["", "/predict"])
def test_the_client_of_the_hub_reads_labels(server: Running, model: Path, path: str) -> None:
    client = InferenceClient(model=server.address + path, token="none")
    told = client.text_classification(TEXT)
    assert {one.label: one.score for one in told} == pytest.approx(shares(model), abs=1e-6)
    assert len(client.text_classification(TEXT, top_k=1)) == 1


def test_the_client_of_the_hub_reads_spans(of_spans: Running, tagger: Path) -> None:
    client = InferenceClient(model=of_spans.address, token="none")
    told = client.token_classification("good thing it is", aggregation_strategy="first")
    found = OnnxTagger(tagger, INT8).predict(["good thing it is"])[0]
    assert [(one.entity_group, one.word, one.start, one.end) for one in told] == [
        (one.label, one.text, one.start, one.end) for one in found
    ]


@pytest.mark.parametrize("inputs", [TEXT, [[TEXT]], [[TEXT], ["bad"]]])
def test_a_plain_request_is_read_as_the_model_of_requests_reads_it(inputs: Any) -> None:
    given = {"inputs": inputs}
    asked = read_plain(json.dumps(given).encode())
    assert asked == read_request(PredictRequest.model_validate(given), "classification")


@pytest.mark.parametrize(
    "given",
    [
        "",
        "[]",
        "[" * 9999,
        '{"inputs": []}',
        '{"inputs": null}',
        '{"inputs": ["a"]}',
        '{"inputs": [[1]]}',
        '{"inputs": [["a", "b"]]}',
        '{"inputs": "a", "details": true}',
        '{"inputs": "a", "parameters": {}}',
        '{"input": "a"}',
    ],
    ids=range(11),
)
def test_a_request_that_is_not_plain_is_left_to_it(given: str) -> None:
    assert read_plain(given.encode()) is None


def test_a_list_of_the_hubs_form_is_a_batch(server: Running) -> None:
    assert len(server.post(["one", "two", "three"], parameters={}).json()) == 3


def test_info_and_health_and_metrics(server: Running, of_several: Running, of_spans: Running) -> None:
    info = httpx2.get(f"{server.address}/info").json()
    assert info["model_type"]["classifier"]["id2label"] == {"0": "negative", "1": "positive"}
    assert info["model_type"]["classifier"]["label2id"] == {"negative": "0", "positive": "1"}
    assert info["max_client_batch_size"] == 1024 and info["model_dtype"] == "int8"
    assert httpx2.get(f"{of_several.address}/info").json()["thresholds"] == {"a": 0.4, "b": 0.5, "c": 0.6}
    assert httpx2.get(f"{of_spans.address}/info").json()["labels"] == ["PER", "LOC"]
    assert httpx2.get(f"{server.address}/health").status_code == 200
    before = read_count(server)
    server.post([[TEXT], [TEXT]])
    assert read_count(server) == before + 2


def read_count(server: Running) -> float:
    told = httpx2.get(f"{server.address}/metrics").text
    lines = [line for line in told.splitlines() if line.startswith('distil_texts_total{answered_by="student"}')]
    return float(lines[0].split()[-1]) if lines else 0.0


def test_the_routes_are_told_as_openapi_and_as_a_page_that_loads_nothing(server: Running) -> None:
    told = httpx2.get(f"{server.address}/openapi.json").json()
    assert {"/predict", "/health", "/info", "/metrics", "/v1/chat/completions", "/v1/models"} <= set(told["paths"])
    page = httpx2.get(f"{server.address}/docs")
    assert "POST /predict" in page.text and "://" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_the_log_has_routes_and_no_texts(server: Running) -> None:
    server.post("a very private thing")
    httpx2.get(f"{server.address}/a-very-private-path?text=a-very-private-query")
    log = server.log.read_text()
    assert "POST /predict 200" in log
    assert "private" not in log


@pytest.mark.parametrize("fault", [1, [1], None, {"a": 1}])
def test_a_request_with_many_faults_is_told_of_the_first_alone(fault: Any) -> None:
    for model, given in ((PredictRequest, {"inputs": [fault] * 1000}), (ChatRequest, {"messages": [fault] * 1000})):
        with pytest.raises(ValidationError) as caught:
            model.model_validate(given)
        assert caught.value.error_count() == 1
