"""The toy project, for the tests of the room."""

from contextlib import chdir
from pathlib import Path

import pytest
from toy_pipeline import Toy, enter_copy


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy project, reproduced once; copied for each experiment."""
    folder = tmp_path_factory.mktemp("toy") / "project"
    folder.mkdir()
    with chdir(folder):
        Toy(folder).start()
    return folder


@pytest.fixture
def toy(pristine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    """A copy of it, which is the working folder."""
    return enter_copy(pristine, tmp_path, monkeypatch)
