"""What finds texts that are unlike the training texts, and what it catches on texts of another kind.

    python benchmarks/unlike_texts.py ../shared/data/tasks/banking77.csv ../shared/data/tasks/goemotions.jsonl . \
        --others ../shared/data/tasks/*.csv --teacher ../shared/tools/erring_teacher.py --keep ../kept

Each file is a task, and has a student as `benchmarks/cascade.py` makes it, in the same folders; a folder is a study
that was run. Its own held-out texts, which are like its training texts, are set against texts of each other task and
of the `--others`, which are not. A score should be higher of the latter: AUROC is how often it is, for a text of each
drawn by lot. The threshold is the one that 95 of 100 validation texts stay below; `lost` is the share of the own
held-out texts beyond it, `caught` that of the others.

The scores: the distance that `export.unlike` keeps (Mahalanobis, what the head reads); the same to the nearest label's
mean, with a covariance within labels (Lee et al. 2018), and that less the former (relative: Ren et al. 2021); the
cosine distance to the tenth-nearest training text (Sun et al. 2022); of words alone, 1 less the highest cosine of
TF-IDF to a training text, and the mean surprisal of the tokens by their counts in these; 1 less the sureness.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import roc_auc_score
from tokenizers import Tokenizer

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.cascade import Line, name_log, read_task, run_line  # noqa: E402
from distil.classifiers.opening import OnnxStudent, open_onnx  # noqa: E402
from distil.core.served import read_default_file  # noqa: E402
from distil.core.tables import TEST, TRAIN, read_rows  # noqa: E402
from distil.export.unlike import fit_unlike, name_read  # noqa: E402

TEXTS = 500  # of a task's held-out texts
LOST = 0.05
NEIGHBOUR = 10
Floats = NDArray[np.floating]


class Read(NamedTuple):
    """Texts, what a student's head reads of them, and how sure it is."""

    texts: Sequence[str]
    read: Floats
    sureness: Floats


Score = Callable[[Read], Floats]


def read(student: OnnxStudent, texts: Sequence[str]) -> Read:
    """Have a student read texts."""
    _, sureness, found = student.judge_and_read(student.encode(texts))
    return Read(texts, found, sureness)


def make_scores(folder: Path, train: Read, labels: Sequence[str], validation: Read) -> dict[str, Score]:
    """The scores by name; those that need one label a text, only where there is one of several texts each."""
    reads = {tuple(one.texts): one.read for one in (train, validation)}
    unlike = fit_unlike("", "", lambda texts: reads[tuple(texts)], train.texts, validation.texts)
    scores: dict[str, Score] = {"Mahalanobis": lambda one: unlike.measure(one.read)}
    if not labels[0].startswith("["):
        nearest = make_nearest_label(train, np.array(labels))
        scores |= {
            "nearest label": lambda one: np.sqrt(nearest(one)),
            "relative": lambda one: nearest(one) - unlike.measure(one.read) ** 2,
        }
    known = train.read / np.linalg.norm(train.read, axis=1, keepdims=True)

    def measure_neighbour(one: Read) -> Floats:
        similar = (one.read / np.linalg.norm(one.read, axis=1, keepdims=True)) @ known.T
        return 1 - np.sort(similar, axis=1)[:, -NEIGHBOUR]

    words = TfidfVectorizer(sublinear_tf=True).fit(train.texts)
    table = words.transform(train.texts).T
    scores |= {
        "neighbour": measure_neighbour,
        "TF-IDF": lambda one: 1 - (words.transform(one.texts) @ table).max(axis=1).toarray().ravel(),
        "surprisal": make_surprisal(folder, train.texts),
        "1 - sureness": lambda one: 1 - one.sureness,
    }
    return scores


def make_nearest_label(train: Read, labels: NDArray[np.str_]) -> Score:
    """The squared distance to the nearest mean of a label's texts."""
    groups = [train.read[labels == label] for label in sorted(set(labels))]
    means = [group.mean(axis=0) for group in groups]
    within = np.concatenate([group - mean for group, mean in zip(groups, means, strict=True)])
    precision = LedoitWolf(assume_centered=True).fit(within).precision_
    axes = np.linalg.cholesky(precision)
    return lambda one: np.min([(((one.read - mean) @ axes) ** 2).sum(axis=1) for mean in means], axis=0)


def make_surprisal(folder: Path, texts: Sequence[str]) -> Score:
    """The mean of a text's tokens' -log p, where p is by how often the training texts have them, half a time more."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()

    def number(some: Sequence[str]) -> list[list[int]]:
        return [one.ids for one in tokenizer.encode_batch(some, add_special_tokens=False)]

    counts = np.full(tokenizer.get_vocab_size(), 0.5)
    for ids in number(texts):
        np.add.at(counts, ids, 1)
    surprisal = -np.log(counts / counts.sum())
    return lambda one: np.array([surprisal[ids].mean() if ids else 0.0 for ids in number(one.texts)])


def compare(name: str, folder: Path, others: Mapping[str, Sequence[str]]) -> list[dict[str, object]]:
    """A row for each score and other task: AUROC, and the shares lost and caught."""
    file = read_default_file(folder / "metrics" / "export.json")
    onnx = folder / "models" / "onnx"
    student = open_onnx(onnx, file, device="cpu", reads=name_read(onnx, file))
    taught, held_out = (read_rows(folder / "data" / f"{one}.parquet", TRAIN) for one in ("train", "validation"))
    train, validation, own = (read(student, list(texts)) for texts in (taught["text"], held_out["text"], others[name]))
    scores = make_scores(onnx, train, taught["label"].to_list(), validation)
    rows = []
    for other, texts in others.items():
        if other == name:
            continue
        far = read(student, texts)
        for score, measure in scores.items():
            known, near, beyond = np.sort(measure(validation)), measure(own), measure(far)
            threshold = known[int(np.ceil((len(known) + 1) * (1 - LOST))) - 1]
            truth = np.repeat([0, 1], [len(near), len(beyond)])
            auroc = roc_auc_score(truth, np.concatenate([near, beyond]))
            caught = (beyond > threshold).mean()
            rows.append({"task": name, "other": other, "score": score, "AUROC": auroc, "caught": caught})
            rows[-1]["lost"] = (near > threshold).mean()
    return rows


def main() -> None:
    """Run the studies that are not there, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "tasks", type=Path, nargs="+", help="csv or jsonl files with text and gold, or studies' folders"
    )
    parser.add_argument("--others", type=Path, nargs="*", default=(), help="files with more texts of other kinds")
    parser.add_argument("--teacher", type=Path, required=True, help="program that serves a file's labels")
    parser.add_argument("--accuracy", type=float, default=0.94)
    parser.add_argument("--confusion", choices=("near", "uniform"), default="near")
    parser.add_argument("--rung", default="frozen", help="train.rung: frozen is quick, fine_tuned, or auto")
    parser.add_argument("--keep", type=Path, required=True, help="folder of the studies, each of which is run once")
    arguments = parser.parse_args()
    folders = {path.absolute().name: path for path in arguments.tasks if path.is_dir()}
    for path in arguments.tasks:
        if path.is_dir():
            continue
        line = Line(path, arguments.accuracy)
        folders[path.stem] = arguments.keep / line.name
        if not run_line(line, folders[path.stem], arguments):
            sys.exit(f"{line.name} failed; {name_log(folders[path.stem])} says why")
    texts = {path.stem: read_task(path)["text"].to_list()[-TEXTS:] for path in arguments.others}
    texts |= {
        name: read_rows(folder / "data" / "test.parquet", TEST)["text"].to_list()[:TEXTS]
        for name, folder in folders.items()
    }
    found = pd.DataFrame([row for name, folder in folders.items() for row in compare(name, folder, texts)])
    for value in ("AUROC", "caught", "lost"):
        table = found.pivot_table(index="task", columns="score", values=value, sort=False)
        print(f"\n{value}, mean over the other tasks", table.map("{:.3f}".format).to_string(), sep="\n")
    print(
        "\nmean", found.groupby("score", sort=False)[["AUROC", "caught", "lost"]].mean().map("{:.3f}".format), sep="\n"
    )
    mine = found[found["score"] == "Mahalanobis"].pivot_table(
        index="task", columns="other", values="caught", sort=False
    )
    print("\ncaught, Mahalanobis, by the other task", mine.map("{:.0%}".format).to_string(), sep="\n")


if __name__ == "__main__":
    main()
