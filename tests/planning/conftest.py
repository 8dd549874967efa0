"""The toy project, for the tests of the room."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from toy_pipeline import Toy, enter_copy


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The toy project, reproduced once; copied for each experiment."""
    folder = tmp_path_factory.mktemp("toy") / "project"
    folder.mkdir()
    before = Path.cwd()
    os.chdir(folder)
    Toy(folder).start()
    os.chdir(before)
    yield folder


@pytest.fixture
def toy(pristine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    """A copy of it, which is the working folder."""
    return enter_copy(pristine, tmp_path, monkeypatch)
