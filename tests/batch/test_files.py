import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from batch_server import expired_line, result_line
from loopback_teacher import chat_answer

from distil.batch.files import STATE_FILE, ImportCounts, export_requests, import_results, request_files
from distil.core.errors import InputError
from distil.prompting.params import AnnotateParams
from distil.prompting.requests import Request
from distil.store.answer_store import Store
from distil.store.opening import open_store
from distil.teacher.protocols import Chat, Completion, Protocol, Tgi

LABELS = ["negative", "positive"]
PARAMS = AnnotateParams(prompt="p", method="generate", protocol="chat", model="m", max_tokens=9)
CHAT = Chat(PARAMS, "m")


def key_of(number: int) -> str:
    return f"{number:064x}"


def make_requests(count: int, size: int = 10) -> Iterator[Request]:
    for number in range(count):
        text = f"{number:>{size}}"
        yield Request(key_of(number), text, (("user", text),), vote=1, seed=number)


def read_lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "answers.sqlite") as opened:
        yield opened


@pytest.mark.parametrize(("kind", "url"), [(Chat, "/v1/chat/completions"), (Completion, "/v1/completions")])
def test_a_line_holds_a_request_as_it_would_be_posted(tmp_path: Path, kind: type[Protocol], url: str) -> None:
    text = 'two\nlines,\u2028a "quote", \U0001f600 and half a pair \ud83d'
    request = Request(key_of(7), text, (("system", "Be brief."), ("user", text)), vote=1, seed=None)
    protocol = kind(PARAMS, "m")
    (path,) = export_requests([request], protocol, tmp_path / "new" / "batch")
    (line,) = path.read_text(encoding="utf-8").splitlines()  # also splits at U+2028
    assert json.loads(line) == {
        "custom_id": key_of(7),
        "method": "POST",
        "url": url,
        "body": protocol.body(request),
    }


def test_files_hold_at_most_so_many_requests(tmp_path: Path) -> None:
    paths = export_requests(make_requests(7), CHAT, tmp_path, most_requests=3)
    assert [path.name for path in paths] == ["requests-0001.jsonl", "requests-0002.jsonl", "requests-0003.jsonl"]
    keys = [[line["custom_id"] for line in read_lines(path)] for path in paths]
    assert keys == [[key_of(0), key_of(1), key_of(2)], [key_of(3), key_of(4), key_of(5)], [key_of(6)]]
    assert request_files(tmp_path) == paths
    assert sorted(tmp_path.iterdir()) == paths


def test_files_are_filled_up_to_their_bytes(tmp_path: Path) -> None:
    (whole,) = export_requests(make_requests(20), CHAT, tmp_path, name="whole")
    line_bytes = max(map(len, whole.read_bytes().splitlines(keepends=True)))
    limit = 6 * line_bytes
    paths = export_requests(make_requests(20), CHAT, tmp_path, name="cut", most_bytes=limit)
    assert len(paths) == 4
    assert all(limit - line_bytes < path.stat().st_size <= limit for path in paths[:-1])
    assert b"".join(path.read_bytes() for path in paths) == whole.read_bytes()


def test_a_request_above_the_limit_is_named_and_no_file_is_left(tmp_path: Path) -> None:
    def requests() -> Iterator[Request]:
        yield from make_requests(5)
        yield Request(key_of(9), "far too long " * 99, (("user", "far too long " * 99),), vote=1, seed=0)

    with pytest.raises(InputError, match=r"'far too long far .* a batch file may have 1,000"):
        export_requests(requests(), CHAT, tmp_path, most_requests=2, most_bytes=1_000)
    assert list(tmp_path.iterdir()) == []


def test_an_export_never_overwrites_or_joins_an_earlier_one(tmp_path: Path) -> None:
    export_requests(make_requests(2), CHAT, tmp_path)
    with pytest.raises(InputError, match=r"earlier export \(requests-0001.jsonl\).*another folder"):
        export_requests(make_requests(3), CHAT, tmp_path)
    assert len(export_requests(make_requests(3), CHAT, tmp_path, name="other-model")) == 1
    (tmp_path / STATE_FILE).touch()
    with pytest.raises(InputError, match=r"earlier export \(batches.json\)"):
        export_requests(make_requests(3), CHAT, tmp_path, name="third-model")


def test_nothing_to_send_is_no_file_and_tgi_is_refused(tmp_path: Path) -> None:
    assert export_requests([], CHAT, tmp_path) == []
    with pytest.raises(InputError, match="/generate has no Batch format"):
        export_requests(make_requests(1), Tgi(PARAMS, "m", str), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_export_and_import_hold_little_of_it_in_memory(tmp_path: Path, store: Store) -> None:
    answer = chat_answer("x" * 4_000)
    results = tmp_path / "results.jsonl"
    with results.open("w") as file:
        file.writelines(json.dumps(result_line(key_of(number), answer)) + "\n" for number in range(6_000))
    tracemalloc.start()
    try:
        (path,) = export_requests(make_requests(4_000, size=5_000), CHAT, tmp_path)
        exported_peak = tracemalloc.get_traced_memory()[1]
        counts = import_results([results], CHAT, store, "m")
        imported_peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert path.stat().st_size > 20e6
    assert results.stat().st_size > 20e6
    assert exported_peak < 2e6
    assert imported_peak < 14e6  # a thousand answers at a time, twice
    assert counts.new == 6_000


def test_results_go_to_the_requests_whose_keys_they_carry(tmp_path: Path, store: Store) -> None:
    numbers = list(range(2_500))
    shuffled = numbers[::-1]
    halves = [shuffled[:1_300], shuffled[1_200:]]  # 100 stand in both files
    paths = []
    for number, half in enumerate(halves):
        paths.append(tmp_path / f"results-{number}.jsonl")
        lines = [json.dumps(result_line(key_of(one), chat_answer(f"answer {one}"))) for one in half]
        paths[-1].write_text("\n".join(lines))  # no newline at the end
    assert import_results(paths, CHAT, store, "the model") == ImportCounts(new=2_500, known=100)
    stored = store.get([key_of(number) for number in numbers])
    assert {key: one.answer.reply for key, one in stored.items()} == {key_of(n): f"answer {n}" for n in numbers}
    first = stored[key_of(0)]
    assert (first.teacher, first.run, first.answer.input_tokens, first.answer.output_tokens) == (
        "the model",
        None,
        10,
        2,
    )
    assert import_results(paths, CHAT, store, "the model") == ImportCounts(known=2_600)


VLLM_ERROR = {"object": "error", "message": "too\nlong", "type": "BadRequestError", "code": 400}


@pytest.mark.parametrize(
    ("line", "counts"),
    [
        (expired_line(key_of(1)), ImportCounts(failed=1, first_failure="no response: the completion window is over")),
        (
            result_line(key_of(1), {"error": {"message": "context too long", "code": "context_length_exceeded"}}, 400),
            ImportCounts(failed=1, first_failure="status 400: context too long"),
        ),
        (
            {"custom_id": key_of(1), "response": {"status_code": 400, "body": None}, "error": VLLM_ERROR},
            ImportCounts(failed=1, first_failure="status 400: too long"),
        ),
        (
            {"custom_id": key_of(1), "response": {"status_code": 404, "body": None}, "error": {"error": VLLM_ERROR}},
            ImportCounts(failed=1, first_failure="status 404: too long"),
        ),
        (
            {"custom_id": key_of(1), "response": {"status_code": 400}, "error": "not in stream mode"},
            ImportCounts(failed=1, first_failure="status 400: not in stream mode"),
        ),
        (result_line("request-1", chat_answer("fine")), ImportCounts(foreign=1)),
        (result_line(key_of(1).upper().replace("0", "A"), chat_answer("fine")), ImportCounts(foreign=1)),
    ],
)
def test_lines_without_an_answer_are_counted(tmp_path: Path, store: Store, line: Any, counts: ImportCounts) -> None:
    path = tmp_path / "errors.jsonl"
    path.write_text(json.dumps(line) + "\n\n")
    assert import_results([path], CHAT, store, "m") == counts
    assert len(store) == 0


@pytest.mark.parametrize(
    "line",
    [
        "{ not json",
        "[" * 100_000,
        "[]",
        "null",
        '{"response": {"status_code": 200}}',
        json.dumps({"custom_id": 7, "response": {"status_code": 200, "body": chat_answer("fine")}}),
        json.dumps({"custom_id": key_of(1), "method": "POST", "url": "/v1/chat/completions", "body": {}}),
        json.dumps(result_line(key_of(1), {"choices": []})),
        json.dumps(result_line(key_of(1), {"choices": [{"text": "of another protocol"}]})),
        json.dumps({"custom_id": key_of(1), "response": {"status_code": 200, "body": None}, "error": None}),
    ],
)
def test_a_bad_line_is_counted_and_the_next_one_read(tmp_path: Path, store: Store, line: str) -> None:
    path = tmp_path / "results.jsonl"
    good = json.dumps(result_line(key_of(2), chat_answer("good")))
    path.write_text(f"{good}\n{line}\n{good}\n")
    counts = import_results([path], CHAT, store, "m")
    assert (counts.new, counts.known, counts.unreadable, counts.failed, counts.foreign) == (1, 1, 1, 0, 0)
    assert counts.first_unreadable is not None
    assert counts.first_unreadable.startswith(f"{path}, line 2: ")
    assert store.known([key_of(1), key_of(2)]) == {key_of(2)}


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, store: Store) -> None:
    path = tmp_path / "results.jsonl"
    path.write_bytes(json.dumps(result_line(key_of(1), chat_answer("good"))).encode() + b"\n\xff\xfe\n")
    with pytest.raises(InputError, match=r"absent.jsonl are missing"):
        import_results([path, tmp_path / "absent.jsonl"], CHAT, store, "m")
    assert len(store) == 0
    with pytest.raises(InputError, match=r"results.jsonl, line 2 is not UTF-8"):
        import_results([path], CHAT, store, "m")
