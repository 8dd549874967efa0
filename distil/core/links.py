"""Where links lead: a folder that came from others may hold links to files that are nobody's business but yours."""

import re
from pathlib import Path

IN_DVC_CACHE = re.compile(r"/files/md5/[0-9a-f]{2}/[0-9a-f]{30}$")  # with `dvc config cache.type symlink`


def leads_out(path: Path, folder: Path) -> bool:
    """Whether a path of a folder is by links a file elsewhere, or none at all.

    What DVC keeps in its cache and links to, under the name of its hash, counts as inside.
    """
    if not path.exists():  # also a circle of links
        return path.is_symlink()
    meant = path.resolve()
    return not (meant.is_relative_to(folder.resolve()) or IN_DVC_CACHE.search(meant.as_posix()))
