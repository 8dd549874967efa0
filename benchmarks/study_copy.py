"""Studies in a copy of this project, for benchmarks that compare whole runs of the pipeline."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from distil.assets.references import sha256_of  # noqa: E402

PIN = re.compile(r"#sha256=([0-9a-f]{64})")
LEFT_OUT = {"dvc.lock", "params.yaml"}
Sections = dict[str, Any]


def copy_project(folder: Path) -> None:
    """Copy what git tracks, as it stands in the working tree, into a repository of its own."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in set(listed.splitlines()) - LEFT_OUT:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)


def read_preset(name: str) -> Sections:
    """The sections of a preset."""
    sections: Sections = yaml.safe_load((ROOT / "presets" / f"{name}.yaml").read_text(encoding="utf-8"))
    return sections


def read_recorded_preset(data: Path) -> Sections:
    """The recorded study with the files of `data` under the sha256 that the preset pins."""
    return use_local_files(read_preset("phrasebank-recorded"), data)


def use_local_files(sections: Sections, data: Path | None) -> Sections:
    """The sections with each pinned reference to the file of `data` that has its hash, if there is one.

    A path that is pinned is made absolute, since studies run in a copy. Ends the program if `data` has no such file.
    """
    local = {sha256_of(path): path.resolve() for path in sorted(data.iterdir()) if path.is_file()} if data else {}
    if data and not set(local) & set(PIN.findall(json.dumps(sections))):
        sys.exit(f"{data} has no file with a sha256 that the study pins")

    def replace(value: Any) -> Any:
        if isinstance(value, dict):
            return {replace(key): replace(each) for key, each in value.items()}
        if isinstance(value, list):
            return [replace(each) for each in value]
        if isinstance(value, str) and (pin := PIN.search(value)):
            place = local.get(pin[1]) or (ROOT / value[: pin.start()]).resolve()
            return f"{place}{pin[0]}" if place.exists() else value
        return value

    replaced: Sections = replace(sections)
    return replaced


def write_params(folder: Path, sections: Mapping[str, Any]) -> None:
    """Write params.yaml."""
    text = yaml.safe_dump(dict(sections), sort_keys=False, allow_unicode=True)
    (folder / "params.yaml").write_text(text, encoding="utf-8")


def run_study(folder: Path, stage: str = "evaluate", log: IO[str] | None = None, own_store: bool = True) -> bool:
    """Reproduce the study up to a stage; whether it succeeded.

    `log` takes what it prints; `own_store` keeps answers that are of no use to another study out of the user's store.
    """
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    if own_store:
        environment["DISTIL_STORE"] = str(folder / "answers.sqlite")
    command = [sys.executable, "-m", "dvc", "repro", stage]
    return not subprocess.run(command, cwd=folder, env=environment, stdout=log, stderr=log, check=False).returncode
