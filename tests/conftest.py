"""What every test may use: a project folder of its own, with its own store and cache for answers."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parent.parent
LONGEST = "test_pipeline.py"
Project = Callable[..., Path]
os.environ["DVC_NO_ANALYTICS"] = (
    "true"  # in a project made by a test: a process for each call of dvc, and a message out
)
# The same examples each time, so that no change fails by another's luck; --hypothesis-profile=default draws new ones.
settings.register_profile("suite", derandomize=True, deadline=None)
settings.load_profile("suite")
# What asserts for several files of tests shows the values that it compared, as a test does.
pytest.register_assert_rewrite(*(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem != "conftest"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest file, then those with slow tests come first: a process that got one last would work on alone."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path.name != LONGEST, item.path not in slow))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A function that makes the working folder a project with the given sections in params.yaml, and its own store.

    A section that is given again replaces the one before.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISTIL_STORE", str(tmp_path / "store" / "answers.sqlite"))
    sections: dict[str, Any] = {
        "task": {
            "name": "toy",
            "description": "Is it good or bad?",
            "language": "en",
            "labels": ["negative", "positive"],
        },
        "compare": {},
        "cost": {},
        "runtime": {"retry_wait_s": 0.001, "timeout_s": 5},
    }

    def write(**changes: Any) -> Path:
        sections.update(changes)
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(sections), encoding="utf-8")
        return tmp_path

    write()
    return write


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """A browser for the tests of a file."""
    from chromium import started  # not above: few tests want it, and it takes its time

    with started() as one:
        yield one
