"""Write a file so that nobody ever takes half of it for the whole, and two who write it do not trip over each other.

What is not whole lies beside it as NAME.MACHINE-PROCESS-LOT.part. Where its process was killed, the next that
writes the same there takes it away.
"""

import glob
import os
import platform
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import psutil

from distil.core.errors import InputError

CLOCK_S = 2.0  # by which the start of a process may be told too late
HALF = re.compile(r".*\.([0-9a-f]{8})-(\d+)-[0-9a-f]{8}\.part", re.DOTALL)  # machine, process, lot


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A name of this writer's own beside the path, to write to: it gets the path's name when all is written.

    After an error nothing is left. Raises `InputError` where the disk is full or the folder cannot be written to.
    """
    half = _name_half(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _clear_halves(path)
        try:
            yield half
            half.replace(path)
        finally:
            half.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror or error}); make room there, or mend the rights of its folder"
        ) from None


@contextmanager
def scratch_beside(path: Path) -> Iterator[Path]:
    """A folder of this writer's own beside the path, on the same disk, so that what is whole can be moved there.

    In the end it is gone, with all that is still in it. Raises `OSError`.
    """
    scratch = _name_half(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _clear_halves(path)
    scratch.mkdir()
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _name_half(path: Path) -> Path:
    return path.with_name(f"{path.name}.{_name_machine()}-{os.getpid()}-{uuid4().hex[:8]}.part")


def _name_machine() -> str:
    """This machine, or container: the numbers of processes mean nothing on another that shares the folder."""
    return sha256(platform.node().encode()).hexdigest()[:8]


def _clear_halves(path: Path) -> None:
    """Take away what processes of this machine that are no more began for the path; what cannot be taken away stays."""
    for half in path.parent.glob(f"{glob.escape(path.name)}.*.part"):
        found = HALF.fullmatch(half.name)
        if found is None or found[1] != _name_machine() or not _is_abandoned(half, int(found[2])):
            continue
        if half.is_dir() and not half.is_symlink():
            shutil.rmtree(half, ignore_errors=True)
        else:
            with suppress(OSError):
                half.unlink()


def _is_abandoned(half: Path, process: int) -> bool:
    """Whether the process that began it is no more; one that has its number now, as in a container, began later."""
    try:
        return psutil.Process(process).create_time() > half.lstat().st_mtime + CLOCK_S
    except psutil.NoSuchProcess:
        return True
    except (psutil.Error, OSError):
        return False
