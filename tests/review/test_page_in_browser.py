"""The page on which people read in Chromium, by keys alone: each kind of task, a killed server, many labels."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import needs_chromium, small_page
from playwright.sync_api import Browser, Page, expect
from reading import Opened, opened, write_study

HOSTILE = "<img src=x onerror=document.title='owned'><script>document.title='owned'</script>"
EMOJI, ARABIC = "\N{GRINNING FACE} Anna flew to Oslo", "مرحبا يا أحمد من القاهرة"

pytestmark = [pytest.mark.slow, needs_chromium]


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page whose complaints and foreign requests fail the test."""
    with small_page(browser) as one:
        yield one
        size = one.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
        assert size == [390, 800]


def read(page: Page, running: Opened, reader: str, sheet: str) -> None:
    """Open a sheet as a reader, past the page that asks."""
    page.goto("about:blank")  # else an address that differs behind the # alone loads nothing
    page.goto(f"{running.origin}/?reader={reader}&sheet={sheet}#token={running.token}")
    page.locator("#reading:not([hidden]), #end:not([hidden])").wait_for()


def shows(page: Page, text: str) -> None:
    expect(page.locator("#reading:not([hidden]) #text")).to_have_text(text)


def labels_of(running: Opened) -> list[str | None]:
    return [answer.label for answer in running.answers()]


def ask_from_elsewhere(page: Page, running: Opened, kind: str) -> str:
    """What becomes of an answer that a page of another site posts, though it knows the token."""
    assert page.context.browser is not None
    context = page.context.browser.new_context()
    other = context.new_page()
    other.route("http://evil.example/", lambda route: route.fulfill(body="<p>", content_type="text/html"))
    other.goto("http://evil.example/")
    post = """([address, token, kind]) => fetch(address, {
        method: 'POST', body: '{"reader": "mallory", "sheet": "queue"}',
        headers: { 'Content-Type': kind, Authorization: `Bearer ${token}` },
    }).then(it => it.text(), () => 'refused')"""
    told: str = other.evaluate(post, [f"{running.origin}/api/sit", running.token, kind])
    context.close()
    return told


def test_a_hundred_texts_by_keys_alone_with_a_server_that_is_killed_half_way(page: Page, tmp_path: Path) -> None:
    texts = [HOSTILE, ARABIC, *(f"text {number}" for number in range(98))]
    labels = ["good", "bad", "neither"]
    write_study(tmp_path, "classification", labels, texts, ["good"] * 100, 100)
    with opened(tmp_path) as running:
        page.goto(running.address)
        page.locator("#name:focus").type("Anna Berg")
        page.keyboard.press("Enter")
        page.locator("#sheets button:focus").press("Enter")
        for number, text in enumerate(texts[:50]):
            shows(page, text)
            page.keyboard.press(str(number % 3 + 1))
        shows(page, texts[50])
        assert len(running.answers()) == 50, "an answer is on disk before the next text shows"
        running.process.kill()
        running.process.wait()
        page.keyboard.press("1")
        expect(page.locator("#alert")).to_contain_text("does not answer")
        shows(page, texts[50])
    page.on("dialog", lambda dialog: dialog.accept())
    with opened(tmp_path) as running:
        read(page, running, "anna-berg", "audit")
        for number, text in enumerate(texts[50:], start=50):
            shows(page, text)
            page.keyboard.press(str(number % 3 + 1))
        expect(page.locator("#end")).to_contain_text("All 100 texts of this sheet are read")
        expect(page.locator("#end")).to_contain_text("dvc repro")
        page.keyboard.press("Backspace")
        shows(page, texts[99])
        page.keyboard.press("n")
        page.keyboard.type("no idea? s")
        page.keyboard.press("Enter")
        page.keyboard.press("?")
        page.locator("#end:not([hidden])").wait_for()
        answers = running.answers()
    assert page.title() != "owned"
    counts = Counter(answer.id for answer in answers)
    assert (len(counts), sum(counts.values())) == (100, 102), "nothing lost or doubled, but for what was undone"
    assert [answer.label for answer in answers[:99]] == [labels[number % 3] for number in range(99)]
    assert [(answer.status, answer.note) for answer in answers[100:]] == [("withdrawn", ""), ("unsure", "no idea? s")]


def test_sets_are_toggled_and_none_is_an_answer(page: Page, tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(6)]
    write_study(tmp_path, "multi_label", ["joy", "fear", "love"], texts, ['["fear"]'] * 6, 0)
    with opened(tmp_path) as running:
        read(page, running, "anna", "queue")
        expect(page.locator("#about")).to_contain_text("Teacher: fear")
        for key in "3121":  # love, joy, fear, and joy no more
            page.keyboard.press(key)
        page.keyboard.press("Enter")
        shows(page, "text 1")
        page.keyboard.press("Enter")
        expect(page.locator("#alert")).to_contain_text("0 says that none applies")
        page.keyboard.press("0")
        shows(page, "text 2")
        page.keyboard.press("t")
        page.keyboard.press("1")
        page.keyboard.press("Enter")
        shows(page, "text 3")
        page.keyboard.down("s")
        shows(page, "text 4")
        page.keyboard.down("s")  # held, it repeats itself, and no more is skipped
        page.keyboard.up("s")
        page.keyboard.press("u")
        shows(page, "text 3")
        page.keyboard.press("u")
        shows(page, "text 2")
        assert page.locator("#labels [aria-pressed=true]").all_inner_texts() == ["1\njoy", "2\nfear"]
        page.keyboard.press("h")
        page.keyboard.press("1")
        page.keyboard.press("Escape")
        page.keyboard.press("Enter")
        shows(page, "text 3")
        labels = labels_of(running)
        assert [ask_from_elsewhere(page, running, kind) for kind in ("text/plain", "application/json")] == [
            "refused"
        ] * 2
        assert labels_of(running) == labels
    assert labels == ['["fear", "love"]', "[]", '["joy", "fear"]', None, None, None, '["joy", "fear"]']


def test_a_page_with_a_focus_before_it_is_drawn_makes_no_complaint(page: Page, tmp_path: Path) -> None:
    write_study(tmp_path, "multi_label", ["joy", "fear"], ["text 0"], ["[]"], 0)
    page.add_init_script("""document.addEventListener('readystatechange', () => {
        document.getElementById('start')?.removeAttribute('hidden')
        document.getElementById('name')?.focus()
    })""")  # as a server that answers faster than Chromium draws
    with opened(tmp_path) as running:
        read(page, running, "anna", "queue")
        page.keyboard.press("h")
        expect(page.locator("#help button:focus")).to_be_visible()
        page.keyboard.press("Enter")
        expect(page.locator("#text")).to_be_focused()


def test_spans_by_keys_and_mouse_with_emoji_and_from_right_to_left(page: Page, tmp_path: Path) -> None:
    texts = [EMOJI, ARABIC, EMOJI + " today", "nothing", HOSTILE]
    write_study(tmp_path, "token_classification", ["person", "place"], texts, ["[]"] * len(texts), 4)
    with opened(tmp_path) as running:
        read(page, running, "anna", "audit")
        for key in ("ArrowRight", "1", "End", "2", "ArrowLeft", "Shift+ArrowLeft", "1", "Delete"):
            page.keyboard.press(key)  # the last marks "flew to" or what follows it, and takes it away again
        page.keyboard.press("ArrowLeft")
        marked = page.locator("mark").all_text_contents()
        page.keyboard.press("Enter")
        shows(page, ARABIC)
        assert page.locator("#text").evaluate("it => getComputedStyle(it).direction") == "rtl"
        for key in ("ArrowLeft", "ArrowLeft", "1"):  # forward is to the left
            page.keyboard.press(key)
        page.keyboard.press("Enter")
        shows(page, texts[2])
        select = "getSelection().setBaseAndExtent(document.getElementById('text').firstChild.nextSibling, 1, "
        page.evaluate(select + "document.getElementById('text').firstChild.nextSibling, 6)")  # " Anna " of the text
        page.get_by_role("button", name="person").click()
        page.keyboard.press("Enter")
        shows(page, "nothing")
        page.keyboard.press("0")
        page.locator("#end:not([hidden])").wait_for()
        labels = [json.loads(str(label)) for label in labels_of(running)]
    spans = [[text[it["start"] : it["end"]] for it in spans] for text, spans in zip(texts, labels, strict=False)]
    assert spans == [marked, ["أحمد"], ["Anna"], []]
    assert page.title() != "owned"


def test_one_of_150_labels_is_found_by_typing(page: Page, tmp_path: Path) -> None:
    labels = [f"topic {number} of many" for number in range(150)]
    texts = ["word " * 4000, *(f"text {number}" for number in range(5))]
    write_study(tmp_path, "classification", labels, texts, [labels[0]] * 6, 6)
    with opened(tmp_path) as running:
        read(page, running, "anna", "audit")
        page.keyboard.press("PageDown")
        assert page.locator("#text").evaluate("it => it.scrollTop") > 0
        page.keyboard.type("C 149")
        expect(page.locator("#labels button")).to_have_count(1)
        page.keyboard.press("Enter")
        shows(page, "text 0")
        page.keyboard.press("1")  # a label's own key, as long as nothing is typed
        shows(page, "text 1")
        page.keyboard.press("4")
        shows(page, "text 2")
        page.keyboard.type("topic 14")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        shows(page, "text 3")
        page.keyboard.press("Alt+u")
        shows(page, "text 2")
        page.keyboard.type("xyz")
        page.keyboard.press("Enter")
        page.keyboard.press("Escape")
        page.keyboard.press("?")
        shows(page, "text 3")
        given = labels_of(running)
    assert given[0] == labels[149]
    assert given[1:] == [labels[0], labels[3], labels[140], None, None]
