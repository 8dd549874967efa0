"""Whether tiny untrained students of several architectures give distil's own labels in other tools, as run.py has it.

    python benchmarks/compat/kinds.py                                            # a few architectures, all tools
    python benchmarks/compat/kinds.py --kinds deberta-v2,llama --tools transformers

Each is made as tests/tiny_bases.py has it, and exported; exits with 1 if anything is wrong.
"""

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from run import TOOLS, check_folder

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests"))

from tiny_bases import KINDS, make_base  # noqa: E402

from distil.encoders.bases import load_base  # noqa: E402
from distil.encoders.outputs import Outputs  # noqa: E402
from distil.encoders.torch_model import token_limit  # noqa: E402
from distil.export.onnx_files import FP32, INT8, copy_student, export_fp32, quantize_int8  # noqa: E402

LABELS = ["negative", "neutral", "positive"]
TEXTS = ["", "good", "a bad camera", "the phone broke . it was poor !", "so very nice , " * 40, "unheard words ."]


def export_kind(kind: str, place: Path) -> Path:
    """Write a student of a kind, whose head is random, and its export; returns the latter's folder."""
    folder = place / "onnx"
    model, tokenizer = load_base(make_base(place / "base", kind), Outputs(tuple(LABELS)))
    tokenizer.model_max_length = token_limit(model, tokenizer)  # as train writes it for other tools
    for part in (model, tokenizer):
        part.save_pretrained(place / "student")
    copy_student(place / "student", folder)
    export_fp32(place / "student", folder / FP32, 20)
    quantize_int8(folder / FP32, folder / INT8, "portable", [])
    return folder


def main() -> None:
    """Read the arguments, check a student of each kind and say what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", default="distilbert,modernbert,deberta-v2", help="with commas between (%(default)s)")
    parser.add_argument("--tools", default=",".join(TOOLS), help="which to run, with commas between (%(default)s)")
    parser.add_argument("--skip-missing", action="store_true", help="a tool that is not to be had is no failure")
    arguments = parser.parse_args()
    kinds, tools = arguments.kinds.split(","), arguments.tools.split(",")
    if unknown := set(kinds) - set(KINDS) | set(tools) - set(TOOLS):
        parser.error(f"no such kind or tool: {', '.join(sorted(unknown))}; there are {', '.join([*KINDS, *TOOLS])}")
    problems = []
    for kind in kinds:
        print(f"\n{kind}\n")
        with TemporaryDirectory() as place:
            found = check_folder(export_kind(kind, Path(place)), TEXTS, tools, arguments.skip_missing)
            problems += [f"{kind}: {problem}" for problem in found]
    if problems:
        sys.exit("\n".join(problems))


if __name__ == "__main__":
    main()
