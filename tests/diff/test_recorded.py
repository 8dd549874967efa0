"""Two prompts of the 2024 study, as recorded: what changed is what its csv files say, counted without this code."""

from collections import Counter
from math import comb
from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT, Project

from benchmarks.study_copy import Sections, read_recorded_preset
from distil.diff.comparing import compare_sides
from distil.diff.sides import Places, Side, read_working_tree
from stages import aggregate, annotate, fetch, split

DATA = ROOT.parent / "shared" / "data"
LABELS = ("negative", "neutral", "positive")
VOTES = ("sc_iter1", "sc_iter2", "sc_iter3")
NOWHERE = Path("nowhere")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.exists(), reason="the recording (../shared) is not part of the project"),
]


def label(project: Project, name: str, study: Sections, **changes: object) -> Side:
    """Fetch, annotate, aggregate and split in the working folder; no student."""
    given = study["annotate"] | changes
    project(**study | {"annotate": given | {"prompt": str(ROOT / given["prompt"])}})
    texts, votes, labels, *rest = (Path(name) / part for part in ("texts", "votes", "labels", *"abcdefgh"))
    assets, corrections = ROOT / "assets.txt", ROOT / "review/corrections.csv"
    fetch.main(NOWHERE, assets, texts, rest[0])
    annotate.main(texts, assets, votes, rest[1])
    aggregate.main(votes, corrections, labels, rest[2])
    split.main(texts, labels, rest[3], rest[4], rest[7], rest[5], rest[6], Path("audit.csv"))
    return read_working_tree(Places(texts, labels, rest[5], NOWHERE, NOWHERE), name)


def count_by_hand() -> tuple[Counter[tuple[str, str]], dict[str, tuple[int, int]]]:
    """What became of the label of each distinct text, and by file on how many right became wrong, and wrong right."""
    files = {name: DATA / f"mixtral_{name}.csv" for name in ("test", "train")}
    rows = pd.concat(
        pd.read_csv(path, dtype=str, keep_default_na=False).assign(file=name) for name, path in files.items()
    )
    rows = rows.loc[~rows["text"].str.split().str.join(" ").duplicated()]
    moves: Counter[tuple[str, str]] = Counter()
    flips = {name: [0, 0] for name in files}
    for _, row in rows.iterrows():
        said = Counter(row[vote] for vote in VOTES if row[vote] in LABELS).most_common()
        decided = said and (len(said) == 1 or said[0][1] > said[1][1])
        old, new, gold = row["label_llm"], said[0][0] if decided else "", row["label_experts"]
        moves[old, new] += old != new
        flips[row["file"]][0] += old == gold != new
        flips[row["file"]][1] += new == gold != old
    return +moves, {name: (worse, better) for name, (worse, better) in flips.items()}


def test_the_counts_are_those_of_the_csv_files(project: Project) -> None:
    study = read_recorded_preset(DATA)
    recording = study["annotate"]["recording"] | {"tokenizer": None}
    simple = {"votes": 1, "recording": recording | {"votes": [{"label": "label_llm"}]}}
    diff = compare_sides(
        label(project, "simple", study, **simple), label(project, "CoT x 3", study, recording=recording)
    )
    moves, flips = count_by_hand()
    teacher = diff.teacher
    assert len(teacher.changed) == moves.total() == 230
    assert {(old, new): count for old, new, count in teacher.moves} == {key: n for key, n in moves.items() if key[1]}
    assert (teacher.abstained_before, teacher.abstained_after) == (0, sum(n for key, n in moves.items() if not key[1]))
    for part, file in (("test", "test"), ("dev", "train")):
        judged = teacher.judged[part]
        worse, better = flips[file]
        assert (judged.right_to_wrong, judged.wrong_to_right) == (worse, better)
        tail = sum(comb(worse + better, count) for count in range(min(worse, better) + 1))
        assert judged.p_value == pytest.approx(2 * tail / 2 ** (worse + better))
