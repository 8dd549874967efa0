"""The user's cache folder: what is kept between runs and projects, outside the project."""

import os
from pathlib import Path

from platformdirs import user_cache_path


def cache_folder() -> Path:
    """Return distil's own folder in the user's cache; the environment variable DISTIL_CACHE moves it as a whole."""
    moved = os.environ.get("DISTIL_CACHE")
    return Path(moved).expanduser().absolute() if moved else user_cache_path("distil", appauthor=False)
