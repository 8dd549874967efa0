"""Write a file so that nobody ever takes half of it for the whole, and two who write it do not trip over each other."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from distil.core.errors import InputError


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A name of this writer's own beside the path, to write to: it gets the path's name when all is written.

    After an error nothing is left. Raises `InputError` where the disk is full or the folder cannot be written to.
    """
    half = path.with_name(f"{path.name}.{uuid4().hex[:8]}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield half
            half.replace(path)
        finally:
            half.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror or error}); make room there, or mend the rights of its folder"
        ) from None
