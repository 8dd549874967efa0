"""Whatever bytes an endpoint sends: an answer, or one line; in little memory and little time, and with no key in it."""

import asyncio
import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from annotating import annotate, set_up
from conftest import ROOT, Project
from growth import grows_in_proportion
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback_teacher import chat_answer, serve_teacher
from planted import KEY, WAYS, gives_away, moves_terminal
from raw_server import RawServer, pack_much, respond, serve_raw

from distil.batch.files import import_results
from distil.batch.state import Batch, Ledger
from distil.core.errors import DistilError, describe_error
from distil.core.runtime import RuntimeParams
from distil.core.secrets import Secrets
from distil.forms.answers import Answer
from distil.kinds.classification.labelling.answers import read_reply
from distil.prompting.params import AnnotateParams
from distil.prompting.requests import Request
from distil.store.opening import open_store
from distil.teacher.answerer import FailedRequestError
from distil.teacher.client import Teacher
from distil.teacher.endpoint import Endpoint
from distil.teacher.protocols import Chat, Completion, Protocol, Tgi
from distil.teacher.tokens import TokenEstimate

LABELS = ["negative", "positive"]
PARAMS = AnnotateParams(prompt="p", method="generate", protocol="chat", model="m", max_tokens=9)
CHAT = Chat(PARAMS, "m")
PROTOCOLS = [CHAT, Completion(PARAMS, "m"), Tgi(PARAMS, "m", str)]
RUNTIME = RuntimeParams(retry_wait_s=0, timeout_s=5, max_retries=0, patience_s=0.01, max_reply_mb=0.05)
SHORT, LONG = 100, 10_000
FIELDS = """
choices message content text finish_reason logprobs top_logprobs token logprob usage prompt_tokens
completion_tokens error code detail generated_text details id status data errors request_counts total
output_file_id response status_code body custom_id refusal type
"""  # that something is looked for in


async def _ask(url: str, protocol: Protocol, runtime: RuntimeParams) -> Answer:
    async with Teacher(Endpoint(url, KEY), protocol, runtime, TokenEstimate(9)) as teacher:
        return (await teacher.ask(Request(key="k", text="t", messages=(("user", "q"),), vote=1, seed=0))).answer


def ask(url: str, protocol: Protocol = CHAT, runtime: RuntimeParams = RUNTIME) -> Answer | str:
    """The answer, or the one line that says why there is none."""
    try:
        return asyncio.run(_ask(url, protocol, runtime))
    except FailedRequestError as error:
        return str(error)
    except DistilError as error:
        return describe_error(error)


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with serve_raw() as running:
        yield running


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
GARBLED = {
    "length_no_number": HEAD + b"Content-Length: abc\r\n\r\n{}",
    "length_negative": HEAD + b"Content-Length: -5\r\n\r\n{}",
    "length_too_long": HEAD + b"Content-Length: 99\r\n\r\n{}",
    "lengths": HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    "chunk_no_number": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}",
    "chunk_cut": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{}",
    "chunk_huge": HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}",
    "no_http": b"\x00\xff" * 100,
    "no_gzip": respond(b"zzzz", "Content-Encoding: gzip"),
    "gzip_cut": respond(gzip.compress(b"{}" * 99)[:-12], "Content-Encoding: gzip"),
    "brotli": respond(b"zzzz", "Content-Encoding: br"),
    "twice_packed": respond(gzip.compress(gzip.compress(b"{}")), "Content-Encoding: gzip, gzip"),
    "kind": HEAD + b'Content-Type: ;;;=="\x9b\r\nContent-Length: 2\r\n\r\n{x',
    "charset": respond(b"{", "Content-Type: application/json; charset=\x1b[31m"),
    "header_long": HEAD + b"X: " + b"x" * 100_000 + b"\r\n\r\n{}",
    "headers_many": HEAD + b"X: x\r\n" * 50_000 + b"\r\n{}",
    "status": b"HTTP/1.1 9999999999 \x1b[31m\r\n\r\n",
    "location": b"HTTP/1.1 302 No\r\nLocation: http://[%00\x1b[31m\r\nContent-Length: 0\r\n\r\n",
    "retry_after": respond(b"{}", f"Retry-After: {'9' * 5000}", status="429 No"),
    "retry_after_date": respond(b"{}", "Retry-After: 0001-01-01T00:00:00+23:59", status="429 No"),
    "no_utf8": respond(b'{"error": "\xff\xfe"}', status="401 No"),
    "nested": respond(b"[" * 40_000),
    "nested_error": respond(b'{"error":' * 4_000 + b"1" + b"}" * 4_000, status="401 No"),
    "nested_in_depth": respond(b'{"a":' * 950 + b"1" + b"}" * 950, status="401 No"),
    "number": respond(b'{"choices":' + b"1" * 5_000 + b"}"),
    "nan": respond(b'{"choices": [{"message": {"content": NaN}}], "usage": {"prompt_tokens": Infinity}}'),
    "twice": respond(b'{"choices": 1, "choices": [{"message": 1, "message": {"content": 7}}]}'),
}


@pytest.mark.parametrize("garbled", GARBLED.values(), ids=GARBLED)
def test_a_garbled_answer_is_one_line(garbled: bytes, server: RawServer) -> None:
    server.sent = garbled
    said = ask(server.url)
    assert isinstance(said, str)
    assert not moves_terminal(said)
    assert len(said) < 600


def test_half_a_surrogate_pair_and_a_count_that_is_none_are_no_hindrance(server: RawServer) -> None:
    server.sent = respond(
        b'{"choices": [{"message": {"content": "so \\ud800"}, "finish_reason": 7}], "usage": {"prompt_tokens": 1e999}}'
    )
    assert ask(server.url) == Answer("so ?")


@pytest.mark.parametrize("status", ["200 OK", "503 No"])
def test_a_small_answer_that_unpacks_to_much_takes_little_memory(status: str, server: RawServer) -> None:
    """Three at once, in a process of their own, whose peak is looked at."""
    code = f"""
import asyncio, resource, sys
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "tests")!r}, {str(Path(__file__).parent)!r}]
from test_replies import CHAT, _ask
from distil.core.runtime import RuntimeParams
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
async def ask():
    runtime = RuntimeParams(max_retries=0)
    return await asyncio.gather(*[_ask({server.url!r}, CHAT, runtime) for _ in range(3)], return_exceptions=True)
print(asyncio.run(ask()), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    server.sent = respond(pack_much(300), "Content-Encoding: gzip", status=status)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    said, _, megabytes = done.stdout.strip().rpartition(" ")
    assert ("more than runtime.max_reply_mb = 2 MB" in said) == (status == "200 OK")
    assert int(megabytes) < 60


def test_the_row_of_a_reply_that_is_too_long_fails_and_the_run_goes_on(project: Project) -> None:
    packed = pack_much(3)

    def behave(_body: Any, number: int) -> Any:
        if number == 1:
            return web.Response(body=packed, headers={"Content-Encoding": "gzip", "Content-Type": "application/json"})
        return chat_answer("positive")

    with serve_teacher(behave) as teacher:
        set_up(project, teacher, [f"text {number}" for number in range(5)])
        rows = annotate()
    assert sorted(rows["status"]) == ["http_error", *["ok"] * 4]
    assert len(teacher.bodies) == 5, "it was asked for again"


@pytest.mark.parametrize(
    "piece",
    ["a", "\\", "%41", "&", "{", "[", '"label": "', "<think>", "</think>", "label: ", "not ", "\n"],
)
def test_reading_a_long_reply_takes_time_in_proportion(piece: str, server: RawServer) -> None:
    labels = [f"label number {number}" for number in range(77)]

    def read_long(times: int) -> None:
        server.sent = respond(json.dumps({"choices": [{"message": {"content": piece * times}}]}).encode())
        answer = ask(server.url, runtime=RuntimeParams(max_retries=0, max_reply_mb=9))
        assert isinstance(answer, Answer)
        read_reply(answer, labels, "")

    assert grows_in_proportion(read_long, 250_000 // len(piece))


def test_of_log_probabilities_no_more_are_kept_than_were_asked_for() -> None:
    tops = [{"token": str(number), "logprob": -float(number)} for number in range(5_000)]
    choice = {"message": {"content": "a"}, "logprobs": {"content": [{"top_logprobs": tops}]}}
    found = CHAT.answer({"choices": [choice]}).top_logprobs
    assert found is not None
    assert (len(found), found[0]) == (PARAMS.top_logprobs + 1, ("0", 0.0))


planted = st.sampled_from(list(WAYS.values()))
words = st.one_of(st.text(max_size=20), planted, st.tuples(st.text(max_size=5), planted).map("".join))
numbers = st.one_of(st.integers(), st.floats(), st.sampled_from([10**400, -1, 2**63, 2**64]))
values = st.recursive(
    st.one_of(words, numbers, st.booleans(), st.none()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(words, inner, max_size=3),
        st.fixed_dictionaries(
            {},
            optional=dict.fromkeys(
                FIELDS.split(),
                inner,
            ),
        ),
    ),
    max_leaves=12,
)
choices = st.fixed_dictionaries(
    {"message": st.one_of(values, st.fixed_dictionaries({"content": st.one_of(words, st.lists(values, max_size=3))}))},
    optional={"logprobs": values, "finish_reason": values, "text": values},
)
payloads = st.one_of(
    values, st.fixed_dictionaries({"choices": st.lists(choices, max_size=2)}, optional={"usage": values})
)
written = payloads.map(lambda value: json.dumps(value, allow_nan=True).encode())
bodies = st.one_of(written, st.binary(max_size=200), words.map(lambda text: text.encode("utf-8", "replace")))
names = ["Content-Length", "Transfer-Encoding", "Content-Encoding", "Content-Type", "Location", "Retry-After", "X"]
told = st.one_of(words, st.sampled_from(["chunked", "gzip", "br", "0", "99", "text/html", "nan", "http://[::1"]))
headers = st.lists(st.tuples(st.sampled_from(names), told), max_size=2)
statuses = st.tuples(st.sampled_from([200, 200, 200, 204, 301, 400, 401, 404, 429, 500, 503, 999]), words)


def write_response(status: tuple[int, str], heads: list[tuple[str, str]], body: bytes, packed: bool) -> bytes:
    lines = [f"{name}: {value}" for name, value in heads]
    if packed:
        body, lines = gzip.compress(body, 1), [*lines, "Content-Encoding: gzip"]
    return respond(body, *lines, status=" ".join(map(str, status)))


def check_response(server: RawServer, sent: bytes, protocol: Protocol) -> None:
    server.sent = sent
    found = ask(server.url, protocol)
    line = found.to_json() if isinstance(found, Answer) else found
    assert not moves_terminal(line)
    assert not gives_away(line)
    if isinstance(found, Answer):
        reading = read_reply(found, LABELS, "")
        assert not gives_away(str(reading.reason))


responses = st.one_of(
    st.binary(max_size=300),
    st.builds(write_response, statuses, headers, bodies, st.booleans()),
    bodies.map(respond),
)


@given(sent=responses, protocol=st.sampled_from(PROTOCOLS))
@settings(max_examples=SHORT)
def test_no_bytes_end_in_a_traceback_or_give_the_key_away(server: RawServer, sent: bytes, protocol: Protocol) -> None:
    check_response(server, sent, protocol)


@pytest.mark.slow
@pytest.mark.long
@given(sent=responses, protocol=st.sampled_from(PROTOCOLS))
@settings(max_examples=LONG)
def test_nor_do_ten_thousand(server: RawServer, sent: bytes, protocol: Protocol) -> None:
    check_response(server, sent, protocol)


results = st.one_of(
    bodies,
    st.builds(
        lambda key, body, status, error: json.dumps(
            {"custom_id": key, "response": {"status_code": status, "body": body}, "error": error}
        ).encode(),
        st.sampled_from([f"{number:064x}" for number in range(99)] + ["another"]),
        payloads,
        st.one_of(st.just(200), values),
        st.one_of(st.none(), values),
    ),
)


@pytest.fixture(scope="module")
def results_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """In a working folder of its own, since a store in memory leaves an empty file in that."""
    folder = tmp_path_factory.mktemp("batch")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder / "results.jsonl"


def check_results(path: Path, lines: list[bytes], protocol: Protocol) -> None:
    path.write_bytes(b"\n".join(lines))
    with open_store(path.with_suffix(".sqlite")) as store:
        try:
            counts = import_results([path], protocol, store, "m", Secrets([KEY]), 3_000)
        except DistilError as error:
            assert "is not UTF-8" in str(error)
            return
        said = f"{counts.first_failure} {counts.first_unreadable}"
        assert not moves_terminal(said)
        assert not gives_away(said + " ".join(stored.answer.to_json() for _, stored in store))


@given(lines=st.lists(results, max_size=4), protocol=st.sampled_from(PROTOCOLS[:2]))
@settings(max_examples=SHORT)
def test_no_result_file_ends_in_a_traceback(results_file: Path, lines: list[bytes], protocol: Protocol) -> None:
    check_results(results_file, lines, protocol)


@pytest.mark.slow
@pytest.mark.long
@given(lines=st.lists(results, max_size=4), protocol=st.sampled_from(PROTOCOLS[:2]))
@settings(max_examples=LONG)
def test_nor_do_ten_thousand_result_files(results_file: Path, lines: list[bytes], protocol: Protocol) -> None:
    check_results(results_file, lines, protocol)


def test_a_line_of_a_result_file_that_is_too_long_is_passed_over(results_file: Path) -> None:
    good = {"custom_id": "a" * 64, "response": {"status_code": 200, "body": chat_answer("positive")}}
    long = {"custom_id": "b" * 64, "response": {"status_code": 200, "body": chat_answer("x" * 100_000)}}
    results_file.write_text("\n".join(json.dumps(line) for line in (long, good)))
    with open_store(results_file.with_name("new.sqlite")) as store:
        counts = import_results([results_file], CHAT, store, "m", Secrets([]), 10_000)
    assert (counts.new, counts.unreadable) == (1, 1)


@given(payload=st.fixed_dictionaries({"id": words, "status": words}, optional={
    "request_counts": st.one_of(values, st.fixed_dictionaries({"total": values, "completed": values})),
    "errors": values, "output_file_id": values, "error_file_id": values,
}))  # fmt: skip
@settings(max_examples=50)
def test_whatever_is_said_of_a_batch_the_state_can_be_read_again(
    payload: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("batch")
    batch = Batch("requests-0001.jsonl")
    batch.update(Secrets([KEY]).hide_all(payload))
    ledger = Ledger(folder, Endpoint("https://host/v1"))
    ledger._batches["requests-0001.jsonl"] = batch
    ledger.save()
    assert Ledger(folder, Endpoint("https://host/v1")).batches == [batch]
    assert not gives_away(ledger.path.read_text())
    assert not moves_terminal(f"{batch.status} {batch.problem}")
