"""The Dockerfile's packages: all in the lock with their hashes, and enough to serve, with nothing else installed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
NOTHING_ELSE = """
import importlib.metadata, re, sys
allowed = set(sys.argv[2].split("|")) | {"distil", "onnxruntime-gpu"}
named = importlib.metadata.packages_distributions().items()
absent = {top for top, of in named if not allowed & {re.sub("[-_.]+", "-", name).lower() for name in of}}
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
from pathlib import Path
import distil.cli.serve as command, distil.serve.server
student = command.open_student(Path(sys.argv[1]), command.choose_file(Path(sys.argv[1])))
print(student.predict(["good thing"]), command.find_chat(student)[1][:20])
"""


@pytest.fixture(scope="module")
def packages() -> str:
    found = re.search(r'PACKAGES="(.*?)"', DOCKERFILE, re.DOTALL)
    assert found
    return found[1].replace("\\\n", "")


def test_each_package_of_the_image_is_locked_with_its_hashes(packages: str) -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for name in packages.split("|"):
        found = re.search(rf"^{name}==[^\n]* \\\n    --hash=sha256:", lock, re.MULTILINE)
        assert found, f"{name} is not in requirements.lock"


@pytest.mark.parametrize("of_study", [False, True])
def test_they_are_enough_to_serve(packages: str, model: Path, tmp_path: Path, of_study: bool) -> None:
    if of_study:
        (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    done = subprocess.run(
        [sys.executable, "-c", NOTHING_ELSE, str(model), packages],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "this server has a" in done.stdout


def test_the_image_runs_as_a_user_of_its_own_and_copies_no_more_than_it_needs() -> None:
    assert re.search(r"^USER serve$", DOCKERFILE, re.MULTILINE)
    assert re.findall(r"^COPY (.*)$", DOCKERFILE, re.MULTILINE) == ["requirements.lock ./", "distil ./distil"]
    assert "torch" not in DOCKERFILE.split("FROM", 1)[1]
