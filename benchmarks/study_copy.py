"""Studies in a copy of this project, for benchmarks that compare whole runs of the pipeline."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
RECORDED = {  # how the addresses end that presets/phrasebank-recorded.yaml pins, and the files here
    "df_train_HF_2024-02-06-21-57_mixtral.csv": "mixtral_train.csv",
    "df_test_HF_2024-02-06-21-57_mixtral.csv": "mixtral_test.csv",
    "df_test_OAI_2024-02-06-21-38_gpt35-turbo-0613.csv": "gpt35_test.csv",
    "df_test_OAI_2024-02-07-08-47_gpt-4-0125-preview.csv": "gpt4_test.csv",
}
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
    """The recorded study with the files of `data`, under the sha256 that the preset pins."""
    sections: Sections = _bring_here(read_preset("phrasebank-recorded"), data.resolve())
    return sections


def _bring_here(value: Any, data: Path) -> Any:
    """The value with each pinned address in it as the path of the file in the folder."""
    if isinstance(value, dict):
        return {_bring_here(key, data): _bring_here(one, data) for key, one in value.items()}
    if isinstance(value, list):
        return [_bring_here(one, data) for one in value]
    if isinstance(value, str) and value.startswith("https://") and "#sha256=" in value:
        address, _, pin = value.partition("#")
        return f"{data / RECORDED[address.rpartition('/')[2]]}#{pin}"
    return value


def check_recorded(data: Path) -> None:
    """End the program if a file of the recorded study is missing."""
    if missing := [name for name in RECORDED.values() if not (data / name).is_file()]:
        sys.exit(f"{data} has no {' and no '.join(missing)}; see presets/phrasebank-recorded.yaml for its source")


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
