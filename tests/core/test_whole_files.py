"""What a writer leaves when it is killed, and who takes that away."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from distil.core.whole_files import scratch_beside, written_whole

KILLED = """
import os, signal, sys; from pathlib import Path
from distil.core.whole_files import scratch_beside, written_whole
path = Path(sys.argv[1])
with written_whole(path / "a.json") as half, scratch_beside(path / "onnx") as folder:
    half.write_text("half")
    (folder / "onnx").mkdir()
    (folder / "onnx" / "model").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_a_killed_writer_left_is_taken_away_by_the_next_and_nothing_else_is(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)], check=False, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == -signal.SIGKILL
    file, folder = names(tmp_path)
    assert (file.split(".")[-1], folder.split(".")[-1]) == ("part", "part")
    machine, process, _ = file.split(".")[2].split("-")
    dead, own = f"{machine}-{process}", f"{machine}-{os.getpid()}"
    away = f"00000000-{process}"  # of another machine, whose processes are not known here
    others = [f"a.json.{own}-0123abcd.part", f"a.json.{away}-0123abcd.part", "a.json.part", "a.json.old.part"]
    others += ["onnx.0.part", f"b.{dead}.part"]
    for name in others:
        (tmp_path / name).mkdir()
    elsewhere = tmp_path.parent / f"{tmp_path.name}-elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").touch()
    (tmp_path / f"a.json.{dead}-00000000.part").symlink_to(elsewhere)
    (tmp_path / f"a.json.{own}-00000000.part").mkdir()
    os.utime(tmp_path / f"a.json.{own}-00000000.part", (0, 0))  # of one that had our number before
    for _ in range(2):
        with written_whole(tmp_path / "a.json") as half:
            half.write_text("whole")
        with scratch_beside(tmp_path / "onnx") as scratch:
            (scratch / "model").write_text("whole")
            (scratch / "model").replace(tmp_path / "onnx")
        assert names(tmp_path) == sorted([*others, "a.json", "onnx"])
    assert names(elsewhere) == ["kept"]


def test_two_writers_of_one_path_leave_each_other_alone(tmp_path: Path) -> None:
    with scratch_beside(tmp_path / "onnx") as first, scratch_beside(tmp_path / "onnx") as second:
        assert first != second
        assert first.is_dir()
    with pytest.raises(ZeroDivisionError), scratch_beside(tmp_path / "onnx") as third:
        (third / "half").mkdir()
        raise ZeroDivisionError
    assert not names(tmp_path)
