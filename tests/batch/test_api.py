import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from batch_server import BatchServer, Fault, serve_batches
from loopback_teacher import error

from distil.batch.api import fetch, status, submit
from distil.batch.files import STATE_FILE, ImportCounts, export_requests, import_results
from distil.batch.state import Batch
from distil.core.errors import EndpointError, InputError
from distil.core.runtime import RuntimeParams
from distil.prompting.params import AnnotateParams
from distil.prompting.requests import Request
from distil.store.opening import open_store
from distil.teacher.endpoint import Endpoint
from distil.teacher.protocols import Chat

PARAMS = AnnotateParams(prompt="p", method="generate", protocol="chat", model="m", max_tokens=9)
CHAT = Chat(PARAMS, "m")
QUICK = RuntimeParams(retry_wait_s=0.001, timeout_s=5, max_retries=2)
KEY = "sk-secret"
UNKNOWN = "whether the batch of requests-0001.jsonl was created is not known"


@pytest.fixture
def server() -> Iterator[BatchServer]:
    with serve_batches() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five requests in two files."""
    requests = (Request(f"{n:064x}", f"text {n}", (("user", f"text {n}"),), vote=1, seed=0) for n in range(5))
    export_requests(requests, CHAT, tmp_path / "batch", most_requests=3)
    return tmp_path / "batch"


def at(server: BatchServer) -> Endpoint:
    return Endpoint(server.url, KEY)


def posts(server: BatchServer) -> list[str]:
    return [call.removeprefix("POST /v1/") for call in server.calls if call.startswith("POST")]


def read_state(folder: Path) -> Any:
    return json.loads((folder / STATE_FILE).read_text())


def test_requests_go_out_and_their_answers_come_into_the_store(server: BatchServer, folder: Path) -> None:
    said: list[str] = []
    submitted = submit(at(server), folder, QUICK, said.append)
    assert [(batch.file, batch.batch_id) for batch in submitted] == [
        ("requests-0001.jsonl", "batch_1"),
        ("requests-0002.jsonl", "batch_2"),
    ]
    assert [server.files[name] for name in ("file-1", "file-2")] == [
        (folder / name).read_bytes() for name in server.names
    ]
    window = {"endpoint": "/v1/chat/completions", "completion_window": "24h"}
    assert server.bodies == [{"input_file_id": name} | window for name in ("file-1", "file-2")]
    assert said[-1] == "requests-0002.jsonl: submitted as batch_2"

    server.finish("batch_1")
    assert [(batch.status, batch.completed, batch.total) for batch in status(at(server), folder, QUICK)] == [
        ("completed", 3, 3),
        ("validating", 0, 0),
    ]
    fetched = fetch(at(server), folder, QUICK)
    assert fetched.paths == [folder / "results-requests-0001.jsonl"]
    assert [batch.file for batch in fetched.under_way] == ["requests-0002.jsonl"]
    server.finish("batch_2")
    fetched = fetch(at(server), folder, QUICK)
    assert (len(fetched.paths), fetched.under_way) == (2, [])
    with open_store(folder / "answers.sqlite") as store:
        assert import_results(fetched.paths, CHAT, store, "m") == ImportCounts(new=5)
        assert store.get([f"{4:064x}"])[f"{4:064x}"].answer.reply == "text 4"
    assert server.keys == {f"Bearer {KEY}"}
    assert not any(KEY in path.read_text(errors="replace") for path in folder.iterdir())


def test_a_submission_that_stopped_goes_on_where_it_was(server: BatchServer, folder: Path) -> None:
    server.faults["POST /v1/batches"] = [error(402)]
    with pytest.raises(EndpointError, match="402"):
        submit(at(server), folder, QUICK)
    server.faults["POST /v1/files"] = [error(403)]
    with pytest.raises(EndpointError, match="403"):
        submit(at(server), folder, QUICK)
    assert [batch.batch_id for batch in status(at(server), folder, QUICK)] == ["batch_1", None]
    submit(at(server), folder, QUICK)
    submit(at(server), folder, QUICK)
    assert posts(server) == ["files", "batches", "batches", "files", "files", "batches"]
    assert [batch["input_file_id"] for batch in server.batches.values()] == ["file-1", "file-2"]


@pytest.mark.parametrize(
    ("fault", "was_created"),
    [
        ("lost", True),
        ("cut", True),
        (error(503), False),
        (web.Response(text="<html>", content_type="text/html"), False),
    ],
)
def test_a_batch_that_may_exist_is_looked_for_before_it_is_created_again(
    server: BatchServer, folder: Path, fault: Fault, was_created: bool
) -> None:
    (folder / "requests-0002.jsonl").unlink()
    submit(at(server), folder, QUICK)  # another batch, which must not be taken for the one in question
    (folder / STATE_FILE).unlink()
    server.faults["POST /v1/batches"] = [fault]
    with pytest.raises(EndpointError, match=UNKNOWN) as caught:
        submit(at(server), folder, QUICK)
    assert "paid twice: submit once more" in str(caught.value)
    assert len(posts(server)) == 4  # it was not tried again
    assert len(server.batches) == 1 + was_created
    server.finish("batch_1")

    (batch,) = submit(at(server), folder, QUICK)
    assert (batch.batch_id, batch.file_id, batch.creating) == ("batch_2", "file-2", False)
    assert len(server.batches) == 2
    assert posts(server)[4:] == ([] if was_created else ["batches"])


def test_a_creation_that_takes_too_long_is_not_repeated(server: BatchServer, folder: Path) -> None:
    server.faults["POST /v1/batches"] = ["late"]
    with pytest.raises(EndpointError, match=rf"{UNKNOWN} \(no answer in time"):
        submit(at(server), folder, RuntimeParams(retry_wait_s=0.001, timeout_s=0.3))
    assert [batch.batch_id for batch in submit(at(server), folder, QUICK)] == ["batch_1", "batch_2"]
    assert len(server.batches) == 2


def test_a_batch_that_cannot_be_looked_for_is_left_to_the_user(server: BatchServer, folder: Path) -> None:
    server.faults = {"POST /v1/batches": ["lost"], "GET /v1/batches": [error(404)]}
    with pytest.raises(EndpointError, match=UNKNOWN):
        submit(at(server), folder, QUICK)
    with pytest.raises(EndpointError, match=r"does not list.*write its id into .*batches.json as batch_id"):
        submit(at(server), folder, QUICK)
    assert len(server.batches) == 1
    state = read_state(folder)
    state["batches"][0]["batch_id"] = "batch_1"
    (folder / STATE_FILE).write_text(json.dumps(state))
    assert [batch.batch_id for batch in submit(at(server), folder, QUICK)] == ["batch_1", "batch_2"]


@pytest.mark.parametrize("fault", [error(500), error(429, **{"Retry-After": "0"}), "lost"])
def test_passing_faults_are_tried_again_where_that_costs_nothing(
    server: BatchServer, folder: Path, fault: Fault
) -> None:
    server.faults = {"POST /v1/files": [fault], "GET /v1/batches/batch_1": [fault], "GET /v1/files": [fault, "cut"]}
    submit(at(server), folder, QUICK)
    server.finish("batch_1")
    (path,) = fetch(at(server), folder, QUICK).paths
    assert path.read_bytes() == server.files["file-" + str(len(server.files))]
    assert not list(folder.glob("*.part"))
    assert not any(server.faults.values())


@pytest.mark.parametrize("call", ["POST /v1/files", "POST /v1/batches"])
def test_one_redirect_is_tried_again_and_many_end_with_where_they_lead(
    server: BatchServer, folder: Path, call: str
) -> None:
    def redirect() -> web.Response:
        return web.Response(status=307, headers={"Location": "https://other.example/v1"})

    server.faults[call] = [redirect()]
    submit(at(server), folder, QUICK)
    assert len(server.batches) == 2
    (folder / STATE_FILE).unlink()
    server.faults[call] = [redirect() for _ in range(5)]
    with pytest.raises(EndpointError, match=r"redirects to https://other\.example/v1"):
        submit(at(server), folder, QUICK)
    assert len(server.batches) == 2


def test_a_limit_delays_the_creation_of_a_batch(server: BatchServer, folder: Path) -> None:
    server.faults["POST /v1/batches"] = [error(429), error(429)]
    submit(at(server), folder, QUICK)
    assert len(server.batches) == 2
    hour = error(429, **{"Retry-After": "3600"})
    server.faults["GET /v1/batches"] = [hour]
    with pytest.raises(EndpointError, match=r"does not answer .429: no. after 1 tries"):
        status(at(server), folder, QUICK)


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (error(401, f"{KEY} is wrong"), r"401: \*\*\* is wrong; .*api_key_env"),
        (error(402), "402: no; payment is required"),
        (error(403), "403: no; the key may not"),
        (error(404), "404: no; has this endpoint a Batch API"),
        (error(400, "billing\nlimit"), "400: billing limit"),
        (error(429, "insufficient_quota"), "quota is used up"),
    ],
)
@pytest.mark.parametrize("call", ["POST /v1/files", "POST /v1/batches"])
def test_what_no_retry_can_mend_ends_in_one_line(
    server: BatchServer, folder: Path, call: str, response: web.Response, message: str
) -> None:
    server.faults[call] = [response]
    with pytest.raises(EndpointError, match=message) as caught:
        submit(at(server), folder, QUICK)
    assert server.calls[-1] == call
    assert len(server.calls) == (1 if call.endswith("files") else 2)
    assert "\n" not in str(caught.value)
    assert KEY not in str(caught.value)


def test_an_expired_batch_gives_what_it_answered(server: BatchServer, folder: Path) -> None:
    submit(at(server), folder, QUICK)
    server.finish("batch_1", "expired", answered=1)
    server.finish("batch_2", "cancelled", answered=0)
    fetched = fetch(at(server), folder, QUICK)
    assert [path.name for path in fetched.paths] == [
        "results-requests-0001.jsonl",
        "errors-requests-0001.jsonl",
        "errors-requests-0002.jsonl",
    ]
    with open_store(folder / "answers.sqlite") as store:
        counts = import_results(fetched.paths, CHAT, store, "m")
    assert (counts.new, counts.failed) == (1, 4)
    assert "what is missing then can be exported anew" in fetched.batches[0].next_step
    downloads = [call for call in server.calls if "content" in call]
    assert fetch(at(server), folder, QUICK).paths == fetched.paths
    assert [call for call in server.calls if "content" in call] == downloads


def test_a_batch_that_was_refused_says_why_and_is_submitted_anew(server: BatchServer, folder: Path) -> None:
    submit(at(server), folder, QUICK)
    reason = {"code": "token_limit_exceeded", "message": "Enqueued token limit reached", "line": None}
    server.batches["batch_2"] |= {"status": "failed", "errors": {"object": "list", "data": [reason]}}
    fetched = fetch(at(server), folder, QUICK)
    assert [batch.file for batch in fetched.under_way] == ["requests-0001.jsonl"]
    assert "nothing was run or paid (Enqueued token limit reached)" in fetched.batches[1].next_step
    assert [batch.batch_id for batch in submit(at(server), folder, QUICK)] == ["batch_1", "batch_3"]
    assert server.files[server.batches["batch_3"]["input_file_id"]] == (folder / "requests-0002.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("batch", "step"),
    [
        (Batch("f"), "submit it"),
        (Batch("f", batch_id="b", status="finalizing"), "wait, then fetch"),
        (Batch("f", batch_id="b", status="completed"), "ended without results; export what is missing into another"),
        (Batch("f", batch_id="b", status="failed", completed=3, output_file_id="o"), "fetch and import"),
        (Batch("f", batch_id="b", status="failed"), "the endpoint gives no reason"),
    ],
)
def test_the_next_step_is_told(batch: Batch, step: str) -> None:
    assert step in batch.next_step


def test_a_folder_that_is_not_of_this_submission_is_refused(server: BatchServer, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="absent has no request files; export"):
        submit(at(server), tmp_path / "absent", QUICK)
    for follow in (status, fetch):
        with pytest.raises(InputError, match=r"has no batches.json: nothing was submitted"):
            follow(at(server), folder, QUICK)
    submit(at(server), folder, QUICK)
    calls = len(server.calls)
    for ask in (submit, status, fetch):
        with pytest.raises(InputError, match=rf"submitted to {server.url}, but the teacher is now at https://x/v1"):
            ask(Endpoint("https://x/v1"), folder, QUICK)
    (folder / STATE_FILE).write_text('{"base_url": "x", "batches": [{"file": 3}]}')
    with pytest.raises(InputError, match=r"batches.json is not what submit wrote"):
        submit(at(server), folder, QUICK)
    assert len(server.calls) == calls


def test_a_file_that_is_no_request_file_is_not_sent(server: BatchServer, folder: Path) -> None:
    (folder / "requests-0001.jsonl").write_text("{}\n")
    with pytest.raises(InputError, match=r"requests-0001.jsonl, line 1 is no request"):
        submit(at(server), folder, QUICK)
    assert server.calls == []


def test_an_endpoint_that_is_not_there_is_said_to_be_so(folder: Path) -> None:
    with serve_batches() as gone:
        pass
    with pytest.raises(EndpointError, match=r"cannot connect: .* after 3 tries"):
        submit(Endpoint(gone.url), folder, QUICK)


@pytest.mark.parametrize("name", ["../../x-0001.jsonl", "/etc/x-0001.jsonl", "passwd", "results-0001.jsonl"])
def test_a_state_that_came_with_a_clone_names_no_file_elsewhere(name: str, server: BatchServer, folder: Path) -> None:
    batch = {"file": name, "batch_id": "batch_1", "status": "completed", "output_file_id": "file-1"}
    (folder / STATE_FILE).write_text(json.dumps({"base_url": server.url, "batches": [batch]}))
    with pytest.raises(InputError, match="is not what submit wrote"):
        fetch(at(server), folder, QUICK)
