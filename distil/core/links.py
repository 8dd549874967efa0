"""What a path stands for, if it came from others: a link to a file that is nobody's business but yours, or a device."""

import re
from pathlib import Path

from distil.core.errors import InputError

IN_DVC_CACHE = re.compile(r"/files/md5/[0-9a-f]{2}/[0-9a-f]{30}$")  # with `dvc config cache.type symlink`


def leads_out(path: Path, folder: Path) -> bool:
    """Whether a path of a folder is by links a file elsewhere, or none at all.

    What DVC keeps in its cache and links to, under the name of its hash, counts as inside.
    """
    if not path.exists():  # also a circle of links
        return path.is_symlink()
    meant = path.resolve()
    return not (meant.is_relative_to(folder.resolve()) or IN_DVC_CACHE.search(meant.as_posix()))


def check_ends(path: Path, name: str) -> None:
    """Raise `InputError` for a device, a pipe or a socket, which may never end; `name` is what messages call it."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise InputError(f"{name} is a device, a pipe or a socket, and no file; name a file")
