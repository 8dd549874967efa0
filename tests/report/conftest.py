"""The report on toy results, and a folder to write another into."""

import contextlib
from pathlib import Path

import pytest
from toy_results import write_toy_results

from stages.report import main


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the report on the toy results as they are, to be read and left alone."""
    folder = tmp_path_factory.mktemp("plain")
    with contextlib.chdir(folder):
        main(*write_toy_results(folder))
    return folder


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path
