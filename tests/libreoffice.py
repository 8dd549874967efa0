"""LibreOffice for tests: files go through it without a window, as if somebody had opened and saved them."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

SOFFICE = shutil.which("soffice")
needs_libreoffice = pytest.mark.skipif(
    SOFFICE is None, reason="no soffice on the PATH; Debian: apt-get install --no-install-recommends libreoffice-calc"
)
UTF_8 = "Text - txt - csv (StarCalc):44,34,76,1"  # commas, quotes, its number of UTF-8, from the first line


def save_as(form: str, paths: Sequence[Path], folder: Path) -> None:
    """Have LibreOffice open files and save each in the folder in another form: `xlsx`, `ods`, `csv`."""
    subprocess.run(
        [
            *(str(SOFFICE), f"-env:UserInstallation={(folder.parent / 'profile').as_uri()}", "--headless"),
            *([f"--infilter={UTF_8}"] if {path.suffix for path in paths} == {".csv"} else []),
            *("--convert-to", f"csv:{UTF_8}" if form == "csv" else form, "--outdir", str(folder)),
            *map(str, paths),
        ],
        check=True,
        capture_output=True,
        timeout=600,
    )
