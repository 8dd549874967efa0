"""docs/security.md names a test for each promise, and the test is there."""

import re

import pytest
from conftest import ROOT

NAMED = re.compile(r"`((?:tests/[\w/]+/)?test_\w+\.py)::(test_\w+)`")
PROMISES = NAMED.findall((ROOT / "docs" / "security.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("file", "test"), PROMISES)
def test_the_test_of_a_promise_is_there(file: str, test: str) -> None:
    path = ROOT / (file if "/" in file else f"tests/hostile/{file}")
    assert f"def {test}(" in path.read_text(encoding="utf-8")


def test_each_row_of_the_tables_names_one() -> None:
    rows = [
        line
        for line in (ROOT / "docs" / "security.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| ") and not line.startswith("| promise")
    ]
    assert len(rows) > 20
    assert all(NAMED.search(row) for row in rows)
