"""How long the page for readers keeps them waiting: from a key to the next text, drawn.

Labels texts by keys in Chromium, and prints the median and the 95th percentile of the wait, in ms, with the part of it
that is one write and fsync of a line on the same disk, measured in the same run.

    python benchmarks/reading.py --texts 200
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from playwright.sync_api import Browser, sync_playwright  # noqa: E402
from reading import opened, write_study  # noqa: E402

from distil.core.params import Kind  # noqa: E402

LABELS = {"classification": 9, "multi_label": 9, "token_classification": 9, "150 labels": 150}
POLL_MS = 5
KEYS = {"classification": "1", "multi_label": "0", "token_classification": "0", "150 labels": "1"}
WATCH = """() => {
  window.waits = []
  document.addEventListener('keydown', () => { window.pressed = performance.now() }, true)
  new MutationObserver(() => requestAnimationFrame(() => window.waits.push(performance.now() - window.pressed)))
    .observe(document.getElementById('text'), { childList: true })
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=200)
    parser.add_argument("--characters", type=int, default=400)
    arguments = parser.parse_args()
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--disable-quic"])
        for name in LABELS:
            with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
                waits = read_all(browser, Path(folder), name, arguments.texts, arguments.characters)
                disk = [1000 * seconds for seconds in time_writes(Path(folder) / "line", len(waits))]
            tell = ", ".join(
                f"{what} {statistics.median(values):.1f} / {statistics.quantiles(values, n=20)[-1]:.1f} ms"
                for what, values in (("wait", waits), ("disk", disk))
            )
            print(f"{name}: {tell} (median / 95th percentile of {len(waits)} texts)")
        browser.close()


def read_all(browser: Browser, folder: Path, name: str, texts: int, characters: int) -> list[float]:
    """Milliseconds from each key to the next text."""
    kind: Kind = "classification" if name == "150 labels" else name  # type: ignore[assignment]
    written = [f"{number} " + "word " * (characters // 5) for number in range(texts)]
    labels = [f"label {number}" for number in range(LABELS[name])]
    write_study(folder, kind, labels, written, [None] * texts, texts)
    with opened(folder) as running:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(f"{running.origin}/?reader=a&sheet=audit#token={running.token}")
        page.locator("#reading:not([hidden])").wait_for()
        page.evaluate(WATCH)
        for number in range(1, texts):
            page.keyboard.press(KEYS[name])
            while page.evaluate("window.waits.length") < number:
                page.wait_for_timeout(POLL_MS)
        waits: list[float] = page.evaluate("window.waits")
        page.close()
    return waits


def time_writes(path: Path, count: int) -> list[float]:
    """Seconds that a line takes to be on disk."""
    seconds = []
    for _ in range(count):
        begun = time.perf_counter()
        with path.open("ab") as file:
            file.write(b"x" * 300 + b"\n")
            file.flush()
            os.fsync(file.fileno())
        seconds.append(time.perf_counter() - begun)
    return seconds


if __name__ == "__main__":
    main()
