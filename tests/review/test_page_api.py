"""What the page's server is asked over HTTP: texts, answers, undo, readers side by side, and who is not let in."""

import contextlib
import json
import resource
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from reading import CLIENT, PATIENCE_S, Opened, opened, write_study

from distil.audit.rows import read_audit_rows
from distil.cli.review_page import open_page
from distil.core.errors import InputError

TEXTS = [f"text {number}" for number in range(12)]
AUDITED = 6
SECRET = "zzz-secret"  # a label that stands in the teacher's answers alone
LABELS = ["good", "bad", SECRET]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    folder = tmp_path_factory.mktemp("study")
    write_study(folder, "classification", LABELS, TEXTS, [SECRET] * len(TEXTS), AUDITED)
    with opened(folder) as running:
        yield running


class Seated:
    """A reader at a sheet, as a browser has it."""

    def __init__(self, page: Opened, reader: str, sheet: str = "audit") -> None:
        self.page, self.who = page, {"reader": reader, "sheet": sheet}
        reply = page.post("sit", self.who)
        assert reply.status_code == 200, reply.text
        self.told: dict[str, Any] = reply.json()
        self.who |= {"reader": self.told["reader"], "seat": self.told["seat"]}

    def answer(self, value: Any = "good", status: str = "labelled", **fields: Any) -> httpx2.Response:
        task = self.told["task"]
        row = {"id": task["id"], "text_sha": task["text_sha"]}
        given = self.who | row | {"status": status, "value": value, "seconds": 1.26} | fields
        reply = self.page.post("answer", given)
        if reply.status_code == 200:
            self.told = reply.json()
        return reply

    def undo(self) -> dict[str, Any]:
        self.told = self.page.post("undo", self.who | {"id": self.told["last"]}).json()
        return self.told


def tell(page: Opened, reader: str) -> list[tuple[str, str, str | None]]:
    return [(it.sheet, it.status, it.label) for it in page.answers() if it.reader == reader]


def test_answers_are_on_disk_when_they_are_replied_to(page: Opened) -> None:
    anna = Seated(page, "Anna Berg")
    assert (anna.told["reader"], anna.told["task"]["text"], anna.told["answered"]) == ("anna-berg", "text 0", 0)
    assert anna.answer(note="clear").status_code == 200
    (first,) = [it for it in page.answers() if it.reader == "anna-berg"]
    assert (first.label, first.seconds, first.note) == ("good", 1.3, "clear")
    anna.answer(None, "unsure")
    anna.answer(None, "skipped")
    assert (anna.told["task"]["text"], anna.told["answered"], anna.told["rows"]) == ("text 3", 3, AUDITED)
    assert tell(page, "anna-berg") == [
        *(("audit", "labelled", "good"), ("audit", "unsure", None), ("audit", "skipped", None))
    ]


def test_undo_goes_back_answer_by_answer_also_after_sitting_down_anew(page: Opened) -> None:
    ben = Seated(page, "ben", "queue")
    ben.answer("bad", note="odd")
    ben.answer("good")
    ben = Seated(page, "ben", "queue")
    assert ben.undo()["task"]["text"] == "text 7"
    told = ben.undo()
    assert (told["task"]["text"], told["last"]) == ("text 6", None)
    assert told["undone"] == {"status": "labelled", "value": "bad", "note": "odd"}
    again = page.post("undo", ben.who | {"id": told["task"]["id"]}).json()
    assert again["undone"] is None
    ben.answer("good")
    statuses = [status for _, status, _ in tell(page, "ben")]
    assert statuses == ["labelled", "labelled", "withdrawn", "withdrawn", "labelled"]
    assert ben.told["task"]["text"] == "text 7"


def test_the_same_answer_sent_twice_is_one(page: Opened) -> None:
    cora = Seated(page, "cora")
    task = cora.told["task"]
    row = {"id": task["id"], "text_sha": task["text_sha"], "status": "labelled", "value": "bad", "seconds": 1}
    for _ in range(2):
        assert page.post("answer", cora.who | row).json()["answered"] == 1
    assert len(tell(page, "cora")) == 1


def test_readers_work_side_by_side_and_one_name_has_one_seat(page: Opened) -> None:
    dora, emil = Seated(page, "dora"), Seated(page, "emil")
    dora.answer("good")
    emil.answer("bad")
    assert dora.told["task"]["text"] == emil.told["task"]["text"] == "text 1"
    later = Seated(page, "dora")
    reply = dora.answer("bad")
    assert (reply.status_code, "elsewhere" in reply.json()["error"]) == (423, True)
    assert later.answer("good").status_code == 200
    assert [label for _, _, label in tell(page, "dora")] == ["good", "good"]


def test_nothing_of_the_teacher_reaches_a_browser_in_the_audit(page: Opened) -> None:
    fred, bytes_told = Seated(page, "fred"), []
    for _ in range(AUDITED):
        bytes_told.append(json.dumps(fred.told | {"labels": None}))
        assert set(fred.told["task"]) == {"id", "text_sha", "text"}
        fred.answer("good")
    bytes_told.append(json.dumps(fred.told))
    assert fred.told["task"] is None
    assert not any(word in told for told in bytes_told for word in (SECRET, "since", "votes", "stratum"))
    queued = Seated(page, "fred", "queue").told["task"]
    assert (queued["teacher"], queued["reason"], queued["why"]) == (SECRET, "since", ["the votes agree by 67%"])
    assert len(read_audit_rows(page.folder / "review" / "audit.csv")) >= AUDITED, "a sheet that is read is settled"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"value": "GOODISH"}, "not in task.labels"),
        ({"value": None}, "not in task.labels"),
        ({"status": "withdrawn"}, "status"),
        ({"seconds": -1}, "seconds"),
        ({"seconds": "nan"}, "seconds"),
        ({"sheet": "other"}, "sheet"),
        ({"id": "../../etc"}, "id"),
        ({"reader": "../anna"}, "reader"),
        ({"note": "x" * 3000}, "note"),
    ],
)
def test_what_is_no_answer_is_refused_and_not_written(page: Opened, fields: dict[str, Any], told: str) -> None:
    gina = Seated(page, "gina")
    reply = gina.answer(**{"value": "good"} | fields)
    assert reply.status_code == 422 and told in reply.json()["error"]
    assert tell(page, "gina") == []


def test_a_row_whose_text_is_another_is_gone(page: Opened) -> None:
    hans = Seated(page, "hans")
    sha = hans.told["task"]["id"] + "0" * 48
    assert hans.answer(text_sha=sha).status_code == 410


def test_a_file_that_was_changed_is_read_anew_and_a_damaged_one_told(page: Opened) -> None:
    ida = Seated(page, "ida")
    path = page.folder / "review" / "answers" / "ida.jsonl"
    ida.answer("good")
    kept = path.read_text()
    path.write_text(kept + "no json\n" + kept)
    reply = ida.answer("bad")
    assert (reply.status_code, "ida.jsonl, line 2" in reply.json()["error"]) == (409, True)
    path.write_text("")
    assert ida.answer("bad").status_code == 200
    assert (ida.told["task"]["text"], ida.told["answered"]) == ("text 0", 1), "its answer is gone, so it comes again"
    assert [label for _, _, label in tell(page, "ida")] == ["bad"]


def test_a_disk_that_is_full_is_told_and_the_answer_may_be_sent_again(page: Opened) -> None:
    jana = Seated(page, "jana")
    jana.answer("good")
    path = page.folder / "review" / "answers" / "jana.jsonl"
    no_limit = resource.prlimit(page.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(page.process.pid, resource.RLIMIT_FSIZE, (path.stat().st_size + 9, no_limit[1]))
    reply = jana.answer("bad")
    resource.prlimit(page.process.pid, resource.RLIMIT_FSIZE, no_limit)
    assert (reply.status_code, "not on disk" in reply.json()["error"]) == (507, True)
    assert jana.answer("bad").status_code == 200
    assert [label for _, _, label in tell(page, "jana")] == ["good", "bad"]


def test_readers_who_differ_are_settled_and_that_can_be_undone(page: Opened) -> None:
    kim, lea = Seated(page, "kim", "queue"), Seated(page, "lea", "queue")
    kim.answer("bad")
    lea.answer(SECRET)
    umpire = Seated(page, "umpire", "adjudication")
    said = dict(umpire.told["task"]["said"])
    assert set(umpire.told["task"]) == {"id", "text_sha", "text", "said"}
    assert len(set(said.values())) > 1
    umpire.answer("good")
    again = Seated(page, "umpire", "adjudication")
    assert again.undo()["undone"]["value"] == "good"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),  # another server of this machine
        ({"Host": "evil.example"}, 421),  # a name that leads here: DNS rebinding
        ({"Host": "evil.example", "Origin": "http://evil.example"}, 421),
        ({"Content-Type": "text/plain"}, 415),  # what a form of another site can send without asking
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": ""}, 401),
    ],
)
def test_a_page_of_another_site_reads_and_posts_nothing(page: Opened, headers: dict[str, str], status: int) -> None:
    sent = {"Authorization": f"Bearer {page.token}", "Content-Type": "application/json"} | headers
    content = json.dumps({"reader": "mallory", "sheet": "audit"}).encode()
    reply = CLIENT.post(f"{page.origin}/api/sit", content=content, headers=sent)
    assert reply.status_code == status
    assert "text 0" not in reply.text and "access-control-allow-origin" not in reply.headers


def test_no_site_is_asked_whether_it_may(page: Opened) -> None:
    asked = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    reply = CLIENT.request("OPTIONS", f"{page.origin}/api/answer", headers=asked)
    assert reply.status_code >= 400 and "access-control-allow-origin" not in reply.headers


def test_the_page_itself_holds_nothing_and_may_be_framed_by_nobody(page: Opened) -> None:
    reply = CLIENT.get(f"{page.origin}/")
    policy = reply.headers["content-security-policy"]
    assert page.token not in reply.text and "text 0" not in reply.text
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
    assert page.folder.name not in reply.text
    assert CLIENT.get(f"{page.origin}/docs").status_code == 404


def refuse(folder: Path, port: int = 0) -> str:
    """What the command says that does not even begin."""
    with contextlib.chdir(folder), pytest.raises(InputError) as refused:
        open_page(port=port, browser=False)
    return str(refused.value)


def test_a_second_page_on_the_folder_or_the_port_is_one_line(page: Opened, tmp_path: Path) -> None:
    assert refuse(page.folder).startswith("another 'distil review open' has review; ")
    write_study(tmp_path, "classification", LABELS, TEXTS, [SECRET] * len(TEXTS), AUDITED)
    port = page.origin.rpartition(":")[2]
    assert refuse(tmp_path, int(port)).startswith(f"cannot listen on 127.0.0.1:{port} (")


def test_nothing_drawn_is_one_line(tmp_path: Path) -> None:
    write_study(tmp_path, "classification", LABELS, TEXTS, [SECRET] * len(TEXTS), 0)
    (tmp_path / "review" / "queue_sheet.jsonl").unlink()
    assert refuse(tmp_path) == "review has no rows to read; 'distil review draw' draws some"


def test_a_browser_gets_a_file_that_only_its_user_reads_and_ctrl_c_settles(tmp_path: Path) -> None:
    study = tmp_path / "study"
    study.mkdir()
    write_study(study, "classification", LABELS, TEXTS, [SECRET] * len(TEXTS), AUDITED)
    browser, seen = tmp_path / "browser", tmp_path / "seen"
    browser.write_text(f'#!/bin/sh\ncp -p "${{1#file://}}" {seen}.half && mv {seen}.half {seen}\n')
    browser.chmod(0o700)
    with opened(study, "--reader", "anna", "--sheet", "queue", browser=f"{browser} %s") as running:
        assert "?reader=anna&sheet=queue#" in running.address
        Seated(running, "anna", "queue").answer("bad")
        end = time.monotonic() + PATIENCE_S
        while not seen.is_file() and time.monotonic() < end:
            time.sleep(0.05)
        with socket.create_connection(("127.0.0.1", int(running.origin.rpartition(":")[2]))):
            assert running.end(signal.SIGINT) == 0
    assert running.address.replace("&", "&amp;") in seen.read_text()
    assert seen.stat().st_mode & 0o077 == 0
    assert [path.name for path in (study / "review").glob(".open.*")] == [".open.lock"]
    assert "bad" in (study / "review" / "corrections.csv").read_text()
