"""A loopback Hub for a test to publish to."""

from collections.abc import Iterator

import pytest
from hub_upload_server import UploadServer, serve_uploads
from huggingface_hub import constants


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[UploadServer]:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # as the environment variable does, when it is imported
    with serve_uploads() as server:
        yield server
