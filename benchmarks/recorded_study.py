"""The 2024 study's teacher, replayed in its three ways, each beside a student that learnt from it.

    python benchmarks/recorded_study.py ../shared/data    # twelve trainings, a quarter of an hour

The folder holds mixtral_train.csv, mixtral_test.csv, gpt35_test.csv and gpt4_test.csv, as the preset pins them. In a
copy of this project, which is deleted afterwards, `dvc repro evaluate` runs once for each way to ask; all are scored on
the same test rows, and `--keep FOLDER` keeps each run's metrics there.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.study_copy import check_recorded, copy_project, read_recorded_preset, run_study, write_params  # noqa: E402
from distil.core.metrics import read_details  # noqa: E402

Changes = Mapping[str, Any]
RUNS: dict[str, tuple[Changes, Changes]] = {  # what changes in `annotate`, and in its `recording`
    "simple": ({"votes": 1, "prompt": "prompts/phrasebank_simple.md"}, {"votes": [{"label": "label_llm"}]}),
    "CoT x 1": ({"votes": 1}, {}),
    "CoT x 3": ({"votes": 3}, {}),
}


def run_changed(folder: Path, data: Path, annotating: Changes, recording: Changes) -> dict[str, Any]:
    """Reproduce the preset, with a run's changes, up to its scores; returns these."""
    sections = read_recorded_preset(data)
    sections["annotate"]["recording"] |= recording
    sections["annotate"] |= annotating
    write_params(folder, sections)
    if not run_study(folder):
        sys.exit(f"dvc repro evaluate failed in {folder}; its last lines say why")
    return read_details(folder / "metrics" / "quality.json")


def format_rows(run: str, quality: dict[str, Any]) -> list[str]:
    """A line for each system: accuracy with its interval, difference to the teacher with its interval, p-value."""
    lines = []
    for name in ("teacher", "student", quality["served"]):
        scores = quality["systems"][name]
        cells = [run, name, _format(scores, "accuracy", ".3f"), "", ""]
        if paired := scores.get("vs_teacher"):
            cells[3:] = [_format(paired, "difference", "+.3f"), f"{paired['p_value']:.3g}"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _format(scores: Mapping[str, float], name: str, form: str) -> str:
    return f"{scores[name]:{form}} [{scores[f'{name}_low']:{form}}, {scores[f'{name}_high']:{form}}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of mixtral_train.csv and the others")
    parser.add_argument("--keep", type=Path, help="folder for the metrics of each run")
    arguments = parser.parse_args()
    check_recorded(arguments.data)
    lines = ["| run | system | accuracy | difference to the teacher | McNemar p |", "|---|---|---:|---:|---:|"]
    tested = set()
    with tempfile.TemporaryDirectory() as folder:
        copy_project(Path(folder))
        for run, changes in RUNS.items():
            quality = run_changed(Path(folder), arguments.data, *changes)
            lines += format_rows(run, quality)
            tested.add((quality["rows"], Path(folder, "data", "test.parquet").read_bytes()))
            if arguments.keep:
                shutil.copytree(Path(folder, "metrics"), arguments.keep / run.replace(" ", "_"), dirs_exist_ok=True)
    if len(tested) > 1:
        sys.exit("the runs were not scored on the same test rows, so they cannot be compared")
    ((rows, _),) = tested
    print(*lines, f"\n{rows:,} test rows, the same in all runs; 95 % intervals.", sep="\n")


if __name__ == "__main__":
    main()
