"""What make setup brings: the files of requirements.lock and no others, and no code of theirs runs before."""

import os
import re
import shutil
import site
import subprocess
import sys
import tomllib
from hashlib import sha256
from pathlib import Path

import pytest
from conftest import ROOT
from hostile_archives import SDIST, WHEEL, make_sdist, make_wheel
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

RECORD = ("demo-1.0.dist-info/RECORD", b"demo.py,,\ndemo-1.0.dist-info/RECORD,,\n")
DEMO = make_wheel([("demo.py", b"ours = True\n"), RECORD])
OTHER = make_wheel([("demo.py", b"ours = False\n"), RECORD])


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A project with our Makefile, whose lock has demo==1.0 alone; pip and setuptools are those that run this test."""
    (tmp_path / "index").mkdir()
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "toy"\nversion = "1"\n')
    (tmp_path / "requirements-torch.lock").write_text("demo==1.0\n")
    write_lock(tmp_path, DEMO)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / ".venv"], check=True)
    find_packages(tmp_path).joinpath("outer.pth").write_text("\n".join(site.getsitepackages()))
    return tmp_path


def write_lock(clone: Path, archive: bytes) -> None:
    (clone / "requirements.lock").write_text(f"demo==1.0 \\\n    --hash=sha256:{sha256(archive).hexdigest()}\n")


def find_packages(clone: Path) -> Path:
    return next((clone / ".venv").glob("[Ll]ib*/**/site-packages"))


def set_up(clone: Path) -> subprocess.CompletedProcess[str]:
    settings = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(clone / "index")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", "setup"], cwd=clone, env=kept | settings, capture_output=True, text=True, check=False
    )


def test_a_file_with_the_hash_of_the_lock_is_installed(clone: Path) -> None:
    (clone / "index" / WHEEL).write_bytes(DEMO)
    done = set_up(clone)
    assert done.returncode == 0, done.stderr
    assert (find_packages(clone) / "demo.py").read_text() == "ours = True\n"
    assert (clone / ".venv" / ".ready").exists()


def refuse(clone: Path) -> str:
    done = set_up(clone)
    assert done.returncode, done.stdout
    assert not (find_packages(clone) / "demo.py").exists()
    assert not (clone / ".venv" / ".ready").exists()
    return done.stderr


def test_another_file_under_the_same_name_is_refused(clone: Path) -> None:
    (clone / "index" / WHEEL).write_bytes(OTHER)
    assert sha256(OTHER).hexdigest() in refuse(clone)


def test_a_line_without_a_hash_is_refused(clone: Path) -> None:
    (clone / "index" / WHEEL).write_bytes(DEMO)
    (clone / "requirements.lock").write_text("demo==1.0\n")
    assert f"--hash=sha256:{sha256(DEMO).hexdigest()}" in refuse(clone)


def test_a_source_archive_is_not_built_though_its_hash_is_in_the_lock(clone: Path) -> None:
    archive = make_sdist([], clone / "trace")
    (clone / "index" / SDIST).write_bytes(archive)
    write_lock(clone, archive)
    assert "demo==1.0" in refuse(clone)
    assert not (clone / "trace").exists()


def read_lock(name: str) -> list[str]:
    """The requirements of a lock, each in one line with its hashes."""
    text = (ROOT / name).read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def test_the_lock_has_versions_with_hashes_and_nothing_else() -> None:
    pinned = re.compile(r"[\w.-]+==[\w.]+( ; [^:/]+?)?( +--hash=sha256:[0-9a-f]{64})+")
    assert [line for line in read_lock("requirements.lock") if not pinned.fullmatch(line)] == []


def test_the_locks_have_what_the_project_asks_for_each_once() -> None:
    locked = [Requirement(line.partition(" --hash")[0]) for line in read_lock("requirements.lock")]
    torch = [Requirement(line) for line in read_lock("requirements-torch.lock")]
    versions = {canonicalize_name(each.name): str(each.specifier).removeprefix("==") for each in [*locked, *torch]}
    assert [each.name for each in torch] == ["torch"]
    assert len(versions) == len(locked) + 1
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]["local"]
    asked = map(Requirement, [*project["project"]["dependencies"], *extras, *project["dependency-groups"]["dev"]])
    held = [(each, versions.get(canonicalize_name(each.name))) for each in asked]
    assert [str(each) for each, version in held if version is None or version not in each.specifier] == []
