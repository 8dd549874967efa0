"""A server of each kind of student, for the tests of a file."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import Running, serving
from tiny_export import export_tiny_several, export_tiny_student, export_tiny_tagger


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_tiny_student(tmp_path_factory)[1]


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_tiny_several(tmp_path_factory)[1]


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_tiny_tagger(tmp_path_factory)[1]


@pytest.fixture(scope="module")
def server(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("served"), model) as running:
        yield running


@pytest.fixture(scope="module")
def of_several(several: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("served"), several) as running:
        yield running


@pytest.fixture(scope="module")
def of_spans(tagger: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("served"), tagger) as running:
        yield running
