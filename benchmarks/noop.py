"""How long `dvc repro` takes where there is nothing to do, against the same DAG with tiny files.

    python benchmarks/noop.py --rounds 7

The project as it stands, with outputs made up in the number of files that the stages write, and a project of the same
stages and edges, in which a stage has a file of one byte, one byte from each stage before it, and writes one.
Both are taken as computed (`dvc commit`), and reproduced in turn in processes of their own.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from study_copy import copy_project, read_preset, write_params

FILES = {"models/student": 6, "models/onnx": 7, "reports": 25}  # that a folder of the default study holds
BYTES = 10_000


def paths_of(stage: dict[str, Any], *kinds: str) -> list[str]:
    entries = [entry for kind in kinds for entry in stage.get(kind, [])]
    return [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries]


def make_outputs(folder: Path, stages: dict[str, Any]) -> None:
    for name, stage in stages.items():
        for path in paths_of(stage, "outs", "metrics", "plots"):
            for number in range(FILES.get(path, 1)):
                file = folder / path / f"{number}.bin" if path in FILES else folder / path
                file.parent.mkdir(parents=True, exist_ok=True)
                if not file.exists():
                    file.write_text("{}\n" if path.endswith(".json") else f"{name} {path} {number}\n" * (BYTES // 20))


def make_whole(folder: Path) -> dict[str, Any]:
    folder.mkdir()
    copy_project(folder)
    write_params(folder, read_preset("reviews"))
    stages: dict[str, Any] = yaml.safe_load((folder / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    make_outputs(folder, stages)
    return stages


def make_tiny(folder: Path, stages: dict[str, Any]) -> None:
    folder.mkdir()
    makers = {path: name for name, stage in stages.items() for path in paths_of(stage, "outs", "metrics", "plots")}
    tiny = {}
    for name, stage in stages.items():
        before = sorted({makers[path] for path in paths_of(stage, "deps") if path in makers})
        tiny[name] = {"cmd": "true", "deps": [f"{name}.in", *(f"{one}.out" for one in before)], "outs": [f"{name}.out"]}
        for end in ("in", "out"):
            (folder / f"{name}.{end}").write_text(name[0])
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": tiny}), encoding="utf-8")
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)


def take_as_computed(folder: Path) -> None:
    for command in (["init", "-q", "-f"], ["commit", "-q", "-f"]):
        subprocess.run([sys.executable, "-m", "dvc", *command], cwd=folder, check=True)


def reproduce(folder: Path) -> tuple[float, float]:
    """Seconds by the clock and of CPU; ends the program if anything ran."""
    started = time.perf_counter()
    with (folder / "said.log").open("w+") as log:
        child = subprocess.Popen([sys.executable, "-m", "dvc", "repro"], cwd=folder, stdout=log, stderr=log)
        _, status, used = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - started
        log.seek(0)
        said = log.read()
    if status or "Running stage" in said or "is cached" in said:
        sys.exit(f"something ran in {folder}:\n{said}")
    return seconds, used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as place:
        whole, tiny = Path(place) / "whole", Path(place) / "tiny"
        make_tiny(tiny, make_whole(whole))
        for folder in (whole, tiny):
            take_as_computed(folder)
            reproduce(folder)  # DVC notes the hashes of files
        runs = [(reproduce(whole), reproduce(tiny)) for _ in range(rounds)]
    for what, index in (("by the clock", 0), ("of CPU", 1)):
        large, small = ([pair[side][index] for pair in runs] for side in (0, 1))
        ratios = sorted(one / other for one, other in zip(large, small, strict=True))
        print(
            f"seconds {what}: {statistics.median(large):.2f} for the project, {statistics.median(small):.2f} for tiny "
            f"files; ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}) in {rounds} rounds"
        )


if __name__ == "__main__":
    main()
