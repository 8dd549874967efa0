"""The page in Chromium: with a server and without one, by keyboard, small and large, light and dark.

Without a server it needs transformers.js, which `make compat` brings into distil's cache folder; where it is not there,
those tests are skipped.
"""

import csv
import functools
import io
import json
import shutil
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

import pytest
from chromium import needs_chromium, small_page
from conftest import ROOT
from playwright.sync_api import Browser, Page, expect
from serving import Running, serving

from distil.classifiers.onnx_runner import FP32
from distil.classifiers.opening import open_onnx
from distil.core.runtime import cache_folder
from distil.serve.page import LIBRARY_FILES, read_page, write_folder

MODULES = next((cache_folder() / "compat").glob("node-*/node_modules"), Path("node_modules"))
INT8 = "onnx/model_quantized.onnx"
ARABIC = "مرحبا يا أحمد من القاهرة"
HOSTILE = "<img src=x onerror=document.title='owned'><script>document.title='owned'</script>"
TEXTS = ["good thing", "bad thing it is", HOSTILE, "=1+1", ARABIC, "\N{PARTY POPPER} good awful"]
Scheme = Literal["light", "dark"]

pytestmark = [pytest.mark.slow, needs_chromium]
needs_library = pytest.mark.skipif(
    not all((MODULES / name).is_file() for name in LIBRARY_FILES), reason="no transformers.js; make compat brings it"
)


class QuietFiles(SimpleHTTPRequestHandler):
    """Serves plain files and says nothing."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page whose complaints and foreign requests fail the test."""
    with small_page(browser, "blob:") as one:
        yield one


@pytest.fixture(params=["model", "several", "tagger"])
def kind(request: pytest.FixtureRequest) -> tuple[Path, str]:
    """The folder of a student of each kind, and the fixture of its server."""
    servers = {"model": "server", "several": "of_several", "tagger": "of_spans"}
    return request.getfixturevalue(request.param), servers[request.param]


def label(page: Page, texts: list[str]) -> None:
    page.locator("#go:enabled").wait_for(timeout=60_000)
    page.fill("#texts", "\n".join(texts))
    page.press("#texts", "Control+Enter")
    page.locator("#save:enabled").wait_for(timeout=60_000)


def download(page: Page) -> list[dict[str, str]]:
    with page.expect_download() as caught:
        page.click("#save")
    content = Path(caught.value.path()).read_text(encoding="utf-8")
    assert content.startswith("\N{BYTE ORDER MARK}")
    return list(csv.DictReader(io.StringIO(content[1:], newline="")))


def test_texts_are_labelled_shown_as_they_are_and_downloaded(
    page: Page, kind: tuple[Path, str], request: pytest.FixtureRequest
) -> None:
    folder, name = kind
    running: Running = request.getfixturevalue(name)
    page.goto(running.address)
    label(page, TEXTS)
    assert page.title() != "owned" and page.locator("#results img").count() == 0
    shown = page.locator("#results .text")
    assert shown.count() == len(TEXTS)
    rtl = shown.nth(4).evaluate("it => getComputedStyle(it).direction")
    assert rtl == "rtl"
    rows = download(page)
    assert [row["text"] for row in rows] == ["'" + text if text == "=1+1" else text for text in TEXTS]
    answers = open_onnx(folder, INT8).predict(TEXTS)
    if name == "server":
        assert [row["label"] for row in rows] == answers
    elif name == "of_spans":
        assert page.locator("mark").count() == sum(map(len, answers)) > 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_slider_marks_what_is_unsure(page: Page, server: Running) -> None:
    page.goto(server.address)
    label(page, TEXTS)
    page.focus("#limit")
    page.keyboard.press("End")
    expect(page.locator("#say")).to_contain_text(f"{len(TEXTS)} unsure")
    assert page.locator("li.unsure").count() == len(TEXTS)
    page.keyboard.press("Home")
    expect(page.locator("#say")).to_contain_text("0 unsure")
    assert page.locator("li.unsure").count() == 0


def test_a_csv_is_read_by_its_column_and_its_other_columns_stay(page: Page, server: Running, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(
        'n;body;note\n1;"good; ""thing""\nin two lines";@SUM(A1)\n2;;-5\n3;bad thing;\tx\n', encoding="utf-8-sig"
    )
    page.goto(server.address)
    page.locator("#go:enabled").wait_for()
    page.set_input_files("#file", path)
    assert page.locator("#column option:checked").inner_text() == "body"
    page.click("#go")
    page.locator("#save:enabled").wait_for()
    rows = download(page)
    assert list(rows[0]) == ["n", "body", "note", "label", "probability", "sureness", "unsure"]
    assert [row["note"] for row in rows] == ["'@SUM(A1)", "-5", "'\tx"]
    assert rows[0]["body"] == 'good; "thing"\nin two lines'
    assert rows[1]["label"] == "not labelled: no text"
    assert 0 <= float(rows[2]["probability"]) <= 1


def certify(model: Path, folder: Path, file: str) -> tuple[Path, list[bool]]:
    """A copy of a student that is certified for a file from half of the texts on, and which of them are unsure."""
    own = Path(shutil.copytree(model, folder / "own"))
    sureness = open_onnx(model, file).predict_with_sureness(TEXTS)[1].tolist()
    low, high = sorted(sureness)[2:4]
    config = json.loads((own / "config.json").read_text())
    config["selective"] = {"temperature": 1.0, "threshold": (low + high) / 2, "file": file}
    (own / "config.json").write_text(json.dumps(config))
    return own, [sure <= low for sure in sureness]


def check_marks(page: Page, unsure: list[bool], sureness: list[float]) -> None:
    """The page marks, by itself, what the student's own threshold leaves unsure; its sureness is the student's."""
    marked = page.locator("#results li").evaluate_all("all => all.map(it => it.classList.contains('unsure'))")
    assert marked == unsure and 0 < sum(unsure) < len(TEXTS)
    expect(page.locator("#own")).to_contain_text("this student's threshold is")
    rows = download(page)
    assert [row["unsure"] == "yes" for row in rows] == unsure
    assert [float(row["sureness"]) for row in rows] == pytest.approx(sureness, abs=0.02)


def test_the_folders_own_threshold_marks_what_is_unsure(page: Page, kind: tuple[Path, str], tmp_path: Path) -> None:
    own, unsure = certify(kind[0], tmp_path, INT8)
    with serving(tmp_path, own) as running:
        page.goto(running.address)
        label(page, TEXTS)
        check_marks(page, unsure, open_onnx(own, INT8).predict_with_sureness(TEXTS)[1].tolist())


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"text\n\xff\xfe", "not UTF-8"),
        (b'text\n"open', "never closed"),
        (b"text\n", "no rows"),
        (b"", "no rows"),
        (b"n,text\n1,fine\n2,nothing wrong, but broken\n", "Row 2 below the header has 3 cells"),
        (b'"a;b;c;d",text\n1,fine, and more\n', "Row 1 below the header has 3 cells"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(
    page: Page, server: Running, tmp_path: Path, content: bytes, told: str
) -> None:
    (tmp_path / "rows.csv").write_bytes(content)
    page.goto(server.address)
    page.set_input_files("#file", tmp_path / "rows.csv")
    expect(page.locator("#error")).to_contain_text(told)


def test_a_txt_is_read_by_lines(page: Page, server: Running, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("good, thing\n\nbad thing, it is\n")
    page.goto(server.address)
    page.locator("#go:enabled").wait_for()
    page.set_input_files("#file", tmp_path / "texts.txt")
    page.click("#go")
    page.locator("#save:enabled").wait_for()
    assert [row["text"] for row in download(page)] == ["good, thing", "bad thing, it is"]


def test_all_can_be_done_by_keyboard(page: Page, server: Running) -> None:
    page.goto(server.address)
    page.locator("#go:enabled").wait_for()
    page.keyboard.press("Tab")
    page.keyboard.type("good thing")
    for _ in range(2):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "go"
    page.keyboard.press("Enter")
    page.locator("#save:enabled").wait_for()
    page.keyboard.press("Tab")
    if page.evaluate("document.activeElement.id") != "save":
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "save"


def test_a_token_is_asked_for(page: Page, model: Path, tmp_path: Path) -> None:
    with serving(tmp_path, model, "--token-env", "A_TOKEN", environment={"A_TOKEN": "secret"}) as running:
        page.goto(running.address)
        expect(page.locator("#error")).to_contain_text("asks for a token")
        page.fill("#token", "secret")
        page.fill("#texts", "good thing")
        page.click("#go")
        page.locator("#save:enabled").wait_for()


def test_a_server_that_is_gone_is_told(page: Page, model: Path, tmp_path: Path) -> None:
    with serving(tmp_path, model) as running:
        page.goto(running.address)
        page.locator("#go:enabled").wait_for()
        running.end()
        page.fill("#texts", "good thing")
        page.click("#go")
        expect(page.locator("#error")).to_contain_text("does not answer")


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_text_stands_out_and_nothing_is_cut_off(browser: Browser, server: Running, width: int, scheme: Scheme) -> None:
    probe = (ROOT / "tests/report/page_probe.js").read_text(encoding="utf-8")
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.goto(server.address)
    label(page, [*TEXTS, "w" * 400])
    measured = page.evaluate(probe)
    assert measured["scrollWidth"] <= measured["width"]
    assert [it for it in measured["contrasts"] if it["contrast"] < (3 if it["large"] else 4.5)] == []
    context.close()


@pytest.fixture
def plain_files(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder that is still to be written, and where it is served as plain files."""
    folder = tmp_path / "page"
    handler = functools.partial(QuietFiles, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


@needs_library
def test_without_a_server_the_browser_is_as_sure_as_the_student(
    page: Page, kind: tuple[Path, str], plain_files: tuple[Path, str], tmp_path: Path
) -> None:
    (own, unsure), (folder, address) = certify(kind[0], tmp_path, FP32), plain_files
    write_folder(folder, own, FP32, MODULES)
    page.goto(address)
    label(page, TEXTS)
    check_marks(page, unsure, open_onnx(own, FP32).predict_with_sureness(TEXTS)[1].tolist())


@needs_library
def test_without_a_server_the_browser_gives_the_students_answers(
    page: Page, kind: tuple[Path, str], plain_files: tuple[Path, str]
) -> None:
    (model, name), (folder, address) = kind, plain_files
    write_folder(folder, model, FP32, MODULES)  # int8 rounds by what is in a batch
    page.goto(address)
    label(page, TEXTS)
    rows = download(page)
    answers: list[Any] = list(open_onnx(model, FP32).predict(TEXTS))
    if name == "server":
        assert [row["label"] for row in rows] == answers
    elif name == "of_spans":
        told = [[(one["start"], one["end"], one["label"]) for one in json.loads(row["spans"])] for row in rows]
        assert told == [[(one.start, one.end, one.label) for one in spans] for spans in answers]
    else:
        assert [json.loads(row["labels"]) for row in rows] == answers


def test_without_transformers_js_the_page_says_how_to_get_it(
    page: Page, model: Path, plain_files: tuple[Path, str]
) -> None:
    folder, address = plain_files
    write_folder(folder, model, INT8, None)
    page.goto(address)
    expect(page.locator("#error")).to_contain_text("npm install @huggingface/transformers")


def test_opened_as_a_file_the_page_says_what_it_needs(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(read_page(), encoding="utf-8")
    page = browser.new_page()
    page.goto((tmp_path / "index.html").as_uri())
    expect(page.locator("#error")).to_contain_text("python -m http.server")
    page.close()
