"""The presets of kinds whose labels are sets or spans, from their files' own form to the teacher's scores.

The texts are a few of our own, in the files' form, pinned as the presets pin theirs; the teacher knows their labels.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from conftest import ROOT, Project
from loopback_teacher import prompt_of, serve_teacher

from distil.annotate.questions import make_job
from distil.assets.references import sha256_of
from distil.core.errors import InputError
from distil.core.metrics import read_details, read_metrics
from distil.core.params import TaskParams, load_params
from distil.core.runtime import RuntimeParams
from distil.core.tables import ANNOTATIONS, LABELS, TEXTS, TRAIN, read_rows
from distil.cost.prices import PriceParams
from distil.planning.forecasts import forecast_job
from distil.planning.telling import tell_outlay
from distil.prompting.params import AnnotateParams
from distil.store.opening import open_store, store_path
from stages import aggregate, annotate, compare, fetch, split

EMOTIONS = {  # text -> numbers of the labels, as the file has them
    "Thank you so much, that made my day": ("15,17", ["gratitude", "joy"]),
    'He said "no" and left': ("27", ["neutral"]),
    "I miss the old server": ("9,25", ["disappointment", "sadness"]),
    "How does that even work?": ("6,7", ["confusion", "curiosity"]),
}


def write(path: Path, content: str) -> str:
    """Write a file, and return how params name it."""
    path.write_text(content, encoding="utf-8")
    return f"{path}#sha256={sha256_of(path)}"


def set_up(project: Project, preset: str, url: str, **fetch_keys: Any) -> None:
    """Make the working folder the study of a preset, but for its files and its teacher."""
    sections: dict[str, Any] = yaml.safe_load((ROOT / f"presets/{preset}.yaml").read_text(encoding="utf-8"))
    sections["fetch"] |= fetch_keys
    sections["runtime"] = {"base_url": url, "retry_wait_s": 0.001, "timeout_s": 5}
    for name in ("prompt", "examples"):
        value = sections["annotate"][name]
        place = ROOT / (value if isinstance(value, str) else value["file"])
        sections["annotate"][name] = str(place) if isinstance(value, str) else {"file": str(place)}
    project(**sections)
    Path("corpus").mkdir(exist_ok=True)
    Path("corrections.csv").write_text("id,text_sha,label,reviewer,reviewed_at,note\n")


def run_to_split() -> dict[str, Any]:
    """Run the stages, and return the teacher's headline scores."""
    names = ("texts", "annotations", "labels", "train", "validation", "calibration", "test")
    texts, annotations, labels, one, two, three, four = (Path(f"{name}.parquet") for name in names)
    fetch.main(Path("corpus"), Path("assets.txt"), texts, Path("fetch.json"))
    annotate.main(texts, Path("assets.txt"), annotations, Path("annotate.json"))
    aggregate.main(annotations, Path("corrections.csv"), labels, Path("aggregate.json"))
    split.main(texts, labels, one, two, three, four, Path("teacher.json"), Path("audit.csv"))
    found: dict[str, Any] = read_metrics(Path("teacher.json"))["teacher"]
    return found


def answer_from(known: Mapping[str, str]) -> Callable[[dict[str, Any], int], str]:
    """A teacher that knows the answer to each text."""
    return lambda body, _number: next(said for text, said in known.items() if prompt_of(body).rstrip().endswith(text))


def correct(text: str, text_id: str, label: str) -> None:
    """Add a person's correction."""
    with Path("corrections.csv").open("a") as file:
        file.write(f"{text_id},{hashlib.sha256(text.encode()).hexdigest()},{label},ann,2026-01-01,\n")


def emotions_of(tmp_path: Path) -> dict[str, Any]:
    """Where the excerpt lies: rows to train on, and two to test on."""
    rows = [f"{text}\t{numbers}\tid{number}\n" for number, (text, (numbers, _)) in enumerate(EMOTIONS.items())]
    labels = yaml.safe_load((ROOT / "presets/emotions.yaml").read_text(encoding="utf-8"))["task"]["labels"]
    names = [*sorted(set(labels) - {"neutral"}), "neutral"]
    parts = {"train": rows[:1], "validation": rows[1:2], "test": rows[2:]}
    files = {write(tmp_path / f"{part}.tsv", "".join(some)): part for part, some in parts.items()}
    return {"files": files, "label_names": write(tmp_path / "labels.txt", "\n".join(names) + "\n")}


def test_several_labels_come_from_numbers_and_answers_to_scores(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = {text: json.dumps({"reason": "so", "labels": names}) for text, (_, names) in EMOTIONS.items()}
    known["I miss the old server"] = "Labels: sadness"
    with serve_teacher(answer_from(known)) as server:
        set_up(project, "emotions", server.url, **emotions_of(tmp_path))
        scores = run_to_split()
    gold = read_rows(Path("texts.parquet"), TEXTS).set_index("text")["gold"]
    assert {text: json.loads(label) for text, label in gold.items()} == {
        text: names for text, (_, names) in EMOTIONS.items()
    }
    assert scores == {"micro_f1": pytest.approx(6 / 7), "macro_f1": pytest.approx(0.75), "exact_match": 0.5} | {
        "dev_micro_f1": 1.0
    }
    assert "teacher's micro F1 0.857 (2 rows) on test" in capsys.readouterr().out
    assert set(read_rows(Path("annotations.parquet"), ANNOTATIONS)["status"]) == {"ok"}
    assert read_details(Path("annotate.json"))["labels"]["sadness"] == 1
    (row,) = read_rows(Path("train.parquet"), TRAIN).to_dict("records")
    assert (row["label"], sum(row["soft"])) == ('["gratitude", "joy"]', 2.0)


def test_each_label_is_a_question_of_its_own(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named = {text: names for text, (_, names) in EMOTIONS.items()}

    def say(body: dict[str, Any], _number: int) -> str:
        text, label = prompt_of(body).split("\nLabel: ")
        return "yes" if label.strip() in next(names for known, names in named.items() if text.endswith(known)) else "no"

    with serve_teacher(say) as server:
        set_up(project, "emotions", server.url, **emotions_of(tmp_path))
        Path("each.md").write_text("Does it show the emotion?\n{text}\nLabel: {label}\n")
        sections = yaml.safe_load(Path("params.yaml").read_text())
        project(annotate=sections["annotate"] | {"ask": "each", "prompt": "each.md"})
        scores = run_to_split()
    job = make_job(
        load_params("task", TaskParams),
        load_params("annotate", AnnotateParams),
        Path("texts.parquet"),
        Path("assets.txt"),
        "cpu",
    )
    runtime = load_params("runtime", RuntimeParams)
    with open_store(store_path()) as store:
        told = "\n".join(tell_outlay(forecast_job(job, store, runtime, PriceParams()), runtime))
    assert scores["micro_f1"] == 1.0
    row = read_rows(Path("annotations.parquet"), ANNOTATIONS).iloc[0]
    assert json.loads(row["reply"])["anger"] == "no"
    details = read_details(Path("annotate.json"))
    assert (details["requests"], details["ask"]) == (4 * 28, "each")
    assert "4 texts, 1 vote a text, a question for each of 28 labels" in told


def test_a_correction_is_a_cell_with_several_labels(project: Project, tmp_path: Path) -> None:
    known = {text: json.dumps(names) for text, (_, names) in EMOTIONS.items()}
    with serve_teacher(answer_from(known)) as server:
        set_up(project, "emotions", server.url, **emotions_of(tmp_path))
        run_to_split()
        row = read_rows(Path("texts.parquet"), TEXTS).set_index("text").loc["How does that even work?"]
        correct("How does that even work?", row["id"], "curiosity; love")
        run_to_split()
    labels = read_rows(Path("labels.parquet"), LABELS).set_index("id")
    told = labels.loc[row["id"]]
    assert (told["label"], told["teacher_label"]) == ('["curiosity", "love"]', '["confusion", "curiosity"]')
    assert told["source"] == "human"


def test_what_knows_one_label_alone_says_so(project: Project, tmp_path: Path) -> None:
    set_up(project, "emotions", "http://127.0.0.1:9/v1", **emotions_of(tmp_path))
    sections = yaml.safe_load(Path("params.yaml").read_text())
    project(annotate=sections["annotate"] | {"method": "score", "max_tokens": 1})
    fetch.main(Path("corpus"), Path("assets.txt"), Path("texts.parquet"), Path("fetch.json"))
    with pytest.raises(InputError, match=r"reads one label a text, and task.kind is multi_label"):
        annotate.main(Path("texts.parquet"), Path("assets.txt"), Path("a.parquet"), Path("a.json"))


def compare_two(project: Project, url: str, published: bool) -> None:
    """Compare a candidate with one that is asked by another prompt."""
    Path("prompts").mkdir(exist_ok=True)
    Path("prompts/other.md").write_text("Other {labels}: {text}")
    told: dict[str, Any] = {"published": {"accuracy": 0.5}} if published else {}
    candidates = [{"name": "one"}, {"name": "other", "prompt": "prompts/other.md"} | told]
    project(compare={"candidates": candidates, "rows": "gold"}, cost={"hardware": "c7a.large", "compare_models": []})
    fetch.main(Path("corpus"), Path("assets.txt"), Path("texts.parquet"), Path("fetch.json"))
    paths = map(Path, ("comparison.parquet", "compare.json", "candidates.csv"))
    compare.main(Path("texts.parquet"), Path("prompts"), ROOT / "prices", Path("assets.txt"), *paths)


def test_candidates_are_compared_by_the_score_of_the_kind(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def label(body: dict[str, Any], _number: int) -> str:
        prompt = prompt_of(body)
        names = next(names for text, (_, names) in EMOTIONS.items() if prompt.rstrip().endswith(text))
        return json.dumps(names[:1] if prompt.startswith("Other") else names)

    with serve_teacher(label) as server:
        set_up(project, "emotions", server.url, **emotions_of(tmp_path))
        compare_two(project, server.url, published=False)
        found = read_details(Path("compare.json"))
        one, other = found["candidates"].values()
        assert (found["score"], found["best"], one["micro_f1"]) == ("micro_f1", "one", 1)
        assert other["vs_best"]["difference"] == pytest.approx(2 * 4 / (7 + 4) - 1)
        assert pd.read_csv("candidates.csv")["score"].tolist() == pytest.approx([1, 8 / 11], abs=1e-5)
        assert read_metrics(Path("compare.json"))["best"] == 1
        said = capsys.readouterr().out
        assert re.search(r"^candidate +micro F1 +macro F1 +to the best", said, re.MULTILINE)
        assert "(approximate randomisation at 0.05, Holm over the candidates)" in said
        with pytest.raises(InputError, match=r"'other' has a published accuracy, and the score of task.kind = 'multi"):
            compare_two(project, server.url, published=True)


CONLL = """Anna\tB-PER
Berg\tI-PER
sings\tO
in\tO
Oslo\tB-LOC

nothing\tO
here\tO
"""


def test_spans_come_from_conll_and_answers_to_scores(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tagged = "<person>Anna Berg</person> sings in <location>Oslo</location>"
    listed = '[{"text": "anna berg", "label": "person"}, {"text": "Bergen", "label": "location"}]'
    known = {"\nText: Anna Berg sings in Oslo": tagged, "nothing here": "none", "the Anna Berg show": listed}
    files = {
        write(tmp_path / "btc.train", CONLL): "train",
        write(tmp_path / "btc.dev", "also\tO\nnothing\tO\nhere\tO\n"): "validation",
        write(tmp_path / "btc.test", "the\tO\nAnna\tB-PER\nBerg\tI-PER\nshow\tO\n"): "test",
    }
    with serve_teacher(answer_from(known)) as server:
        set_up(project, "names", server.url, files=files)
        scores = run_to_split()
        texts = read_rows(Path("texts.parquet"), TEXTS).set_index("text")
        spans = [{"start": 0, "end": 9, "label": "person"}, {"start": 19, "end": 23, "label": "location"}]
        assert json.loads(texts.loc["Anna Berg sings in Oslo", "gold"]) == spans
        assert scores["micro_f1"] == scores["dev_micro_f1"] == 1.0
        assert read_details(Path("annotate.json"))["unplaced"] == 1  # Bergen, which the text does not have
        train_rows = read_rows(Path("train.parquet"), TRAIN).set_index("text")
        assert train_rows.loc["Anna Berg sings in Oslo", "soft"].tolist() == [0, 9, 0, 1, 19, 23, 2, 1]
        correct("nothing here", texts.loc["nothing here", "id"], "0-900 person")
        with pytest.raises(InputError, match=r"has a span that ends at 900, past the end of its text at 12"):
            run_to_split()
    assert "teacher's micro F1 1.000 (1 rows) on test" in capsys.readouterr().out
