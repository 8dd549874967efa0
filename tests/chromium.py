"""A browser for tests that look at pages: Debian's Chromium, or whatever of its kind is on the PATH."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium on the PATH; Debian: apt-get install chromium"
)


@contextmanager
def started() -> Iterator[Browser]:
    """The browser, as long as it is wanted."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--disable-quic"])
        yield browser
        browser.close()


@contextmanager
def small_page(browser: Browser, *allowed: str) -> Iterator[Page]:
    """A dark page of 390 px; foreign requests and complaints, but for those that begin as allowed, fail the test."""
    context = browser.new_context(viewport={"width": 390, "height": 800}, color_scheme="dark")
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: complaints.append(request.url) if "127.0.0.1" not in request.url else None)
    yield page
    assert [it for it in complaints if not it.startswith(("data:", "Failed to load resource", *allowed))] == []
    context.close()
