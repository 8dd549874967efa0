"""A teacher's recorded answers, taken in several ways, each beside a student that learnt from them.

    python benchmarks/recorded_study.py --data ../shared/data            # the 2024 study's; a quarter of an hour
    python benchmarks/recorded_study.py --data ../shared/data --write    # and its table into docs/evaluate.md
    python benchmarks/recorded_study.py my_study.yaml --runs my_runs.yaml
    python benchmarks/recorded_study.py --outdated                       # say in docs/evaluate.md that it is old

A study is a file of parameters with `protocol: recorded`; files that it pins by their sha256 are looked for in the
folder `--data` and downloaded otherwise. A file of runs says by name what each changes in the study's sections; without
one the study runs as it is. In a copy of this project, which is deleted afterwards, `dvc repro evaluate` runs once for
each; all have to be scored on the same test rows. `--keep FOLDER` keeps the metrics of each run.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.docs_block import mark_outdated, take_fingerprint, write_block  # noqa: E402
from benchmarks.study_copy import Sections, copy_project, run_study, use_local_files, write_params  # noqa: E402
from distil.core.metrics import read_details  # noqa: E402

STUDY = ROOT / "presets" / "phrasebank-recorded.yaml"
RUNS = ROOT / "benchmarks" / "recorded_study.yaml"
DOCS = ROOT / "docs" / "evaluate.md"
BLOCK = "benchmarks/recorded_study.py"
RECIPE = (
    "labels",
    "encoders",
    "linear",
    "student",
    "export",
    "kinds/classification/learning",
)  # the rooms that make a student of answers
STAGES = ("aggregate", "split", "train", "export")  # their scripts, and the sections of the study that steer them
HEADINGS = ["run", "system", "accuracy", "difference to the teacher", "McNemar p", "both wrong (by chance), same label"]
Changes = Mapping[str, Any]


def take_recipe() -> str:
    """The fingerprint of what decides on the students in the table: code, the study's sections, and the runs."""
    code = [ROOT / "distil" / room for room in RECIPE] + [ROOT / "stages" / f"{stage}.py" for stage in STAGES]
    study = read_yaml(STUDY)
    return take_fingerprint(code, {stage: study[stage] for stage in STAGES} | {"runs": read_yaml(RUNS)})


def read_yaml(path: Path) -> Sections:
    """The sections of a study, or the runs; ends the program where the file has none."""
    try:
        sections: Sections = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        sys.exit(f"{path} cannot be read: {' '.join(str(error).split())}")
    if not isinstance(sections, dict) or not all(isinstance(one, dict | None) for one in sections.values()):
        sys.exit(
            f"{path} must have entries with keys in them, NAME: {{key: value}}; presets/ has studies to start from"
        )
    return sections


def check_recorded(path: Path, study: Sections) -> None:
    """End the program unless the teacher of the study is a recording."""
    protocol = study.get("annotate", {}).get("protocol")
    if protocol != "recorded":
        sys.exit(f"{path} has annotate.protocol = {protocol!r}, not recorded")


def change(sections: Changes, changes: Changes) -> Sections:
    """The sections with the changes, those of nested sections key by key."""
    nested = {
        key: change(sections[key], value) if isinstance(value, dict) and isinstance(sections.get(key), dict) else value
        for key, value in changes.items()
    }
    return {**sections, **nested}


def run_changed(folder: Path, sections: Sections) -> dict[str, Any]:
    """Reproduce a study up to its scores; returns these."""
    write_params(folder, sections)
    if not run_study(folder):
        sys.exit(f"dvc repro evaluate failed in {folder}; its last lines say why")
    return read_details(folder / "metrics" / "quality.json")


def format_rows(run: str, quality: dict[str, Any]) -> list[str]:
    """A line for each system: accuracy, difference to the teacher, p-value, and the errors that it shares with it."""
    lines = []
    for name in ("teacher", "student", quality["served"]):
        scores = quality["systems"][name]
        cells = [run, name, _format(scores, "accuracy", ".3f"), "", "", ""]
        if paired := scores.get("vs_teacher"):
            shared = scores["with_teacher"]
            chance = f"{shared['both_wrong']} ({shared['expected_both_wrong']:.1f}), {shared['same_wrong_label']}"
            cells[3:] = [_format(paired, "difference", "+.3f"), f"{paired['p_value']:.3g}", chance]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _format(scores: Mapping[str, float], name: str, form: str) -> str:
    return f"{scores[name]:{form}} [{scores[f'{name}_low']:{form}}, {scores[f'{name}_high']:{form}}]"


def measure(study: Sections, runs: Mapping[str, Changes], keep: Path | None) -> list[str]:
    """Run all, and return the lines of the table; ends the program if they were not scored on the same rows."""
    lines = [f"| {' | '.join(HEADINGS)} |", "|---|---|---:|---:|---:|---:|"]
    tested = set()
    with tempfile.TemporaryDirectory() as folder:
        copy_project(Path(folder))
        shutil.copytree(ROOT / "corpus", Path(folder, "corpus"), dirs_exist_ok=True)
        for run, changes in runs.items():
            quality = run_changed(Path(folder), change(study, changes))
            lines += format_rows(run, quality)
            tested.add((quality["rows"], Path(folder, "data", "test.parquet").read_bytes()))
            if keep:
                shutil.copytree(Path(folder, "metrics"), keep / run.replace(" ", "_"), dirs_exist_ok=True)
    if len(tested) > 1:
        sys.exit("the runs were not scored on the same test rows, so they cannot be compared")
    ((rows, _),) = tested
    return [*lines, "", f"{rows:,} test rows, the same in all runs; 95 % intervals."]


def find_path(name: str) -> Path:
    """The path in full, so that a study is known whatever way leads to it."""
    return Path(name).resolve()


def parse_arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The arguments; ends the program where they do not go together."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=find_path, nargs="?", default=STUDY, help="params with protocol: recorded")
    parser.add_argument("--runs", type=Path, help="yaml: what each run changes")
    parser.add_argument("--data", type=Path, help="folder of files that the study pins by their sha256")
    parser.add_argument("--keep", type=Path, help="folder for the metrics of each run")
    parser.add_argument("--write", action="store_true", help="write the table into docs/evaluate.md")
    parser.add_argument("--outdated", action="store_true", help="run nothing; say in docs/evaluate.md that it is old")
    arguments = parser.parse_args(given)
    if arguments.data and not arguments.data.is_dir():
        parser.error(f"--data {arguments.data} is no folder")
    if arguments.write and (arguments.study != STUDY or arguments.runs):
        parser.error("--write is for the table of the 2024 study; leave the study and --runs out")
    return arguments


def main() -> None:
    arguments = parse_arguments()
    if arguments.outdated:
        mark_outdated(DOCS, BLOCK)
        return
    study = read_yaml(arguments.study)
    check_recorded(arguments.study, study)
    recipe = take_recipe()
    runs = arguments.runs or (RUNS if arguments.study == STUDY else None)
    lines = measure(
        use_local_files(study, arguments.data), read_yaml(runs) if runs else {arguments.study.stem: {}}, arguments.keep
    )
    print(*lines, sep="\n")
    if arguments.write:
        write_block(DOCS, BLOCK, recipe, lines)


if __name__ == "__main__":
    main()
