"""The stage fetch: what it writes for each source, and that it fails in one line."""

import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from conftest import ROOT
from hub_server import REPOSITORY, serve_hub
from stage_command import stage_command

from distil.assets.references import sha256_of
from distil.core.errors import InputError
from distil.core.ids import text_id
from distil.core.metrics import read_details, read_metrics
from distil.core.tables import TEXTS, read_rows
from stages.fetch import main

RECORDED = ROOT.parent / "shared" / "data" / "mixtral_test.csv"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "corpus").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_params(labels: list[str], kind: str = "classification", **fetch: Any) -> None:
    task = {"name": "toy", "kind": kind, "description": "Is it good?", "language": "en", "labels": labels}
    Path("params.yaml").write_text(yaml.safe_dump({"task": task, "fetch": fetch}), encoding="utf-8")


def fetch() -> tuple[pd.DataFrame, dict[str, Any]]:
    """Run the stage in this process and return its table and its metrics."""
    main(Path("corpus"), ROOT / "assets.txt", Path("data/texts.parquet"), Path("metrics/fetch.json"))
    counts = read_details(Path("metrics/fetch.json"))
    assert read_metrics(Path("metrics/fetch.json")) == {"texts": counts["texts"], "details": [counts]}
    return read_rows(Path("data/texts.parquet"), TEXTS), counts


def test_corpus_becomes_one_sorted_row_a_text(capsys: pytest.CaptureFixture[str]) -> None:
    write_params(["no", "yes"], source="corpus", columns={"gold": "label"}, files={"a.csv": "train", "b.csv": "test"})
    Path("corpus/a.csv").write_text("text,label\nfine,yes\nbad,no\nodd,no\n", encoding="utf-8")
    Path("corpus/b.csv").write_text("text,label\n fine ,\nodd,yes\nplain,\n", encoding="utf-8")
    rows, metrics = fetch()
    assert rows["id"].tolist() == sorted(map(text_id, ["fine", "bad", "odd", "plain"]))
    by_text = rows.set_index("text")
    assert by_text["split"].to_dict() == {"fine": "test", "bad": "train", "odd": "test", "plain": "test"}
    assert by_text["gold"].dropna().to_dict() == {"fine": "yes", "bad": "no"}
    assert metrics == {
        "texts": 4,
        "with_gold": 2,
        "duplicates_merged": 2,
        "gold_conflicts": 1,
        "by_label": {"no": 1, "yes": 1},
        "by_split": {"train": 1, "validation": 0, "test": 3, "unassigned": 0},
        "left_out": 0,
        "blank": 0,
    }
    said = capsys.readouterr()
    assert said.out.startswith("fetch: 4 texts from corpus, 2 with gold (2 duplicates merged, 1 gold conflicts")
    assert (
        said.err
        == "fetch: texts that stand with different gold labels and keep none: 1; the first is 'odd' (no, yes)\n"
    )


def test_a_sample_is_within_each_larger_one_and_has_its_share_of_every_kind_of_row() -> None:
    rows = [f"text {number},{'ab'[number % 2] if number % 4 < 2 else ''}" for number in range(2000)]
    Path("corpus/toy.csv").write_text("\n".join(["text,gold", *rows]))
    columns = {"text": "text", "gold": "gold"}
    taken: set[str] = set()
    for limit in (1, 400, 800, 3000):
        write_params(["a", "b"], source="corpus", columns=columns, limit=limit)
        table, counts = fetch()
        assert len(table) == counts["texts"] == min(limit, 2000)
        assert (counts["limit"], counts["in_all"]) == (limit, 2000)
        assert taken <= set(table["id"])
        taken = set(table["id"])
        if limit >= 400:
            assert table["gold"].notna().mean() == pytest.approx(0.5, abs=0.05)
    write_params(["a", "b"], source="corpus", columns=columns)
    whole, counts = fetch()
    assert set(whole["id"]) == taken
    assert "in_all" not in counts


def test_a_row_without_a_text_is_told_with_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    write_params(["no", "yes"], source="corpus")
    Path("corpus/a.csv").write_text("id,text\n1,one\n2,\n", encoding="utf-8")
    fetch()
    told = "fetch: rows without a text, left out: 1 (corpus/a.csv, line 3); fetch.blank: error stops there instead\n"
    assert capsys.readouterr().err == told


def test_same_rows_in_another_order_give_the_same_bytes() -> None:
    write_params(["no", "yes"], source="corpus")
    Path("corpus/a.csv").write_text("text\none\ntwo\nthree\n", encoding="utf-8")
    fetch()
    first = Path("data/texts.parquet").read_bytes()
    Path("corpus/a.csv").write_text("text\nthree\ntwo\none\n", encoding="utf-8")
    fetch()
    assert Path("data/texts.parquet").read_bytes() == first


def write_reviews(path: Path, lines: str) -> str:
    """Write an archive laid out as the built-in study's; return a reference to it."""
    data = lines.encode()
    with tarfile.open(path, "w:gz") as tar:
        member = tarfile.TarInfo("hutto_ICWSM_2014/amazonReviewSnippets_GroundTruth.txt")
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
    return f"{path}#sha256={sha256_of(path)}"


def test_reviews_keep_what_is_clear_and_count_the_rest(project: Path) -> None:
    lines = '1_1\t-0.5\t"bad, he said\r\n1_2\t0.45\tmeh\r\n1_3\t3.1\tNone\r\n1_4\t-0.2\tso\r\n'
    archive = write_reviews(project / "reviews.tar.gz", lines)
    write_params(["positive", "negative"], source="reviews", archive=archive, min_rating=0.5)
    rows, metrics = fetch()
    assert rows.set_index("text")["gold"].to_dict() == {'"bad, he said': "negative", "None": "positive"}
    assert (metrics["texts"], metrics["left_out"]) == (2, 2)
    write_params(["positive", "negative"], source="reviews", archive=archive, min_rating=3.5)
    with pytest.raises(InputError, match=r"fetch\.min_rating = 3\.5 leaves none of 4 texts"):
        fetch()
    write_params(["positive", "negative"], "multi_label", source="reviews", archive=archive, min_rating=0.5)
    assert fetch()[0]["gold"].isin(['["positive"]', '["negative"]']).all()
    write_params(["positive", "negative"], "token_classification", source="reviews", archive=archive, min_rating=0.5)
    with pytest.raises(InputError, match="one label a text, and no spans"):
        fetch()
    write_params(["good", "bad"], source="reviews", archive=archive, min_rating=0.5)
    with pytest.raises(InputError, match=r"has the label 'negative', which task\.labels lacks: good, bad"):
        fetch()


def test_reviews_of_the_default_study() -> None:
    archive = "pypi:vaderSentiment==3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
    write_params(["negative", "positive"], source="reviews", archive=archive, min_rating=0.5)
    _, metrics = fetch()
    assert metrics["texts"] == metrics["with_gold"] == 2977
    assert metrics["duplicates_merged"] == 8
    assert metrics["by_label"] == {"negative": 1233, "positive": 1744}


def test_url_and_pinned_file(project: Path) -> None:
    source = project / "elsewhere.jsonl"
    source.write_text('{"text": "fine", "label": "yes"}\n', encoding="utf-8")
    write_params(["no", "yes"], source="url", files=[f"{source}#sha256={sha256_of(source)}"], columns={"gold": "label"})
    rows, _ = fetch()
    assert rows[["text", "gold"]].to_numpy().tolist() == [["fine", "yes"]]
    source.write_text('{"text": "fine", "label": "no"}\n', encoding="utf-8")
    with pytest.raises(InputError, match="is not what was pinned"):
        fetch()


@pytest.mark.skipif(not RECORDED.exists(), reason="the recorded answers are not beside the project")
def test_recorded_study() -> None:
    reference = f"{RECORDED}#sha256={sha256_of(RECORDED)}"
    columns = {"gold": "label_experts"}
    write_params(["negative", "neutral", "positive"], source="url", files={reference: "test"}, columns=columns)
    _, metrics = fetch()
    assert metrics["texts"] + metrics["duplicates_merged"] == 453
    assert metrics["by_split"]["test"] == metrics["texts"]


SOME = {"data_files": {"some": ["nested/*.jsonl"], "void": ["empty/*.jsonl"]}, "columns": {"text": "data.body"}}
AGREE = {"train": ["agree/train/*.parquet"], "test": ["agree/test/*.parquet"]}


def make_dataset() -> dict[str, bytes]:
    """The files of a dataset on the Hub: parquet with class numbers in two splits, and a csv."""
    features = {
        "sentence": {"dtype": "string", "_type": "Value"},
        "label": {"names": ["negative", "neutral", "positive"], "_type": "ClassLabel"},
    }
    about = {"huggingface": json.dumps({"info": {"features": features}})}
    configs = [
        {"config_name": "agree", "data_files": [{"split": name, "path": AGREE[name]} for name in AGREE]},
    ]
    files = {
        "README.md": f"---\n{yaml.safe_dump({'configs': configs})}---\n".encode(),
        "csv/a.csv": b"sentence,label\nNone,neutral\nn/a,\n",
        "empty/a.csv": b"sentence,label\n",
        "empty/a.jsonl": b"",
        "nested/a.jsonl": b'{"data": {"body": "deep"}}\n{"data": {"body": " "}}\n',
    }
    for name, cells in {
        "agree/train/0000.parquet": {"sentence": ["a fine year", "n/a"], "label": [2, 0]},
        "agree/test/0000.parquet": {"sentence": ["so so"], "label": [-1]},
        "empty/0000.parquet": {"sentence": pa.array([], pa.string()), "label": pa.array([], pa.int64())},
    }.items():
        files[name] = to_parquet(cells, about)
    several = {**features, "label": {"feature": features["label"], "_type": "List"}}
    about = {"huggingface": json.dumps({"info": {"features": several}})}
    mixed: dict[str, Any] = {"sentence": ["mixed", "dull", "?", "!"], "label": [[2, 0], [], None, [-1]]}
    files["several/0000.parquet"] = to_parquet(mixed, about)
    tags = {"feature": {"names": ["O", "B-positive", "I-positive"], "_type": "ClassLabel"}, "_type": "List"}
    words = {"feature": features["sentence"], "_type": "List"}
    about = {"huggingface": json.dumps({"info": {"features": {"sentence": words, "label": tags}}})}
    tokens = [["a", "fine", "year"], ["so", "so"], ["so"], ["it"]]
    files["tags/0000.parquet"] = to_parquet({"sentence": tokens, "label": [[0, 1, 2], [0, 0], None, [0]]}, about)
    files["odd/0000.parquet"] = to_parquet({"sentence": [["a", "fine"]], "label": [[1]]}, about)
    return files


def to_parquet(cells: dict[str, Any], about: dict[str, str]) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table(cells).replace_schema_metadata(about), stream)
    return stream.getvalue()


def fetch_from_hub(project: Path, endpoint: str, sections: list[dict[str, Any]]) -> list[Any]:
    """Run the stage once a section; return the rows (text, gold, split) or what is said instead.

    In one process of its own, since the library reads HF_ENDPOINT when it is imported.
    """
    hub = {"source": "hub", "dataset": REPOSITORY, "revision": "some/branch"}
    columns = {"columns": {"text": "sentence", "gold": "label"}}
    for number, section in enumerate(sections):
        (project / str(number)).mkdir()
        os.chdir(project / str(number))
        task_kind = section.pop("kind", "classification")
        write_params(["negative", "neutral", "positive"], task_kind, **(hub | columns | section))
    code = """
import contextlib, os, sys
from pathlib import Path
from distil.core.errors import DistilError
from stages.fetch import main
for folder in sys.argv[1:]:
    os.chdir(folder)
    try:
        main(Path("corpus"), Path("assets.txt"), Path("texts.parquet"), Path("fetch.json"))
    except DistilError as error:
        Path("said").write_text(str(error))
"""
    folders = [str(project / str(number)) for number in range(len(sections))]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HF_ENDPOINT": endpoint, "HF_HOME": str(project / "hf")}
    done = subprocess.run([sys.executable, "-c", code, *folders], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [read_outcome(Path(folder)) for folder in folders]


def read_outcome(folder: Path) -> str | list[list[str]]:
    if (folder / "said").exists():
        return (folder / "said").read_text()
    rows = read_rows(folder / "texts.parquet", TEXTS).fillna("-")
    return sorted(rows[["text", "gold", "split"]].to_numpy().tolist())


def test_datasets_of_the_hub(project: Path) -> None:
    with serve_hub(make_dataset()) as endpoint:
        one, two, kept, nested, several, tagged, odd = fetch_from_hub(
            project,
            endpoint,
            [
                {"data_files": AGREE["train"]},
                {"config": "agree", "splits": {"train": "validation", "test": None}},
                {"data_files": ["csv/*.csv"]},
                SOME | {"splits": ["some", "void"]},
                {"data_files": ["several/*.parquet"], "kind": "multi_label"},
                {"data_files": ["tags/*.parquet"], "kind": "token_classification"},
                {"data_files": ["odd/*.parquet"], "kind": "token_classification"},
            ],
        )
    assert one == [["a fine year", "positive", "-"], ["n/a", "negative", "-"]]
    assert two == [["a fine year", "positive", "validation"], ["n/a", "negative", "validation"], ["so so", "-", "-"]]
    assert kept == [["None", "neutral", "-"], ["n/a", "-", "-"]]
    assert nested == [["deep", "-", "-"]]
    span = '[{"start": 2, "end": 11, "label": "positive"}]'
    assert tagged == [["a fine year", span, "-"], ["it", "[]", "-"], ["so", "-", "-"], ["so so", "[]", "-"]]
    assert odd == "someone/thing, split train, row 1: 2 tokens and 1 tags; each token has one"
    assert several == [
        ["!", "-", "-"],
        ["?", "-", "-"],
        ["dull", "[]", "-"],
        ["mixed", '["negative", "positive"]', "-"],
    ]


def test_what_the_hub_refuses_is_one_line(project: Path) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"data_files": AGREE}, "has the splits test, train; say which are read as what"),
        ({"data_files": AGREE, "splits": ["dev"]}, "has no split 'dev'; it has: test, train"),
        (SOME | {"splits": ["void"]}, "someone/thing has no rows in: void; name others in fetch.splits"),
        ({"data_files": ["empty/*.csv"]}, "someone/thing has no rows in: train; name others in fetch.splits"),
        ({"data_files": ["empty/*.jsonl"]}, "someone/thing@some/branch: its files have no rows"),
        ({"data_files": ["empty/*.parquet"]}, "someone/thing@some/branch: its files cannot be read (BatchSize"),
        (
            {"data_files": AGREE["train"], "columns": {"text": "body"}},
            "set fetch.columns.text to one of: sentence, label",
        ),
        ({"data_files": ["no/*.parquet"]}, "No (supported) data files found"),
        ({"config": "nobody"}, "BuilderConfig 'nobody' not found. Available: ['agree']"),
        ({"dataset": "someone/else"}, "someone/else@some/branch: not on the Hub, or private"),
        ({"dataset": "someone/gated"}, "someone/gated@some/branch: gated; accept its terms"),
        ({"revision": "absent"}, "someone/thing@absent: the Hub has no such revision"),
    ]
    with serve_hub(make_dataset()) as endpoint:
        said = fetch_from_hub(project, endpoint, [section for section, _ in cases])
    for (_, complaint), message in zip(cases, said, strict=True):
        assert complaint in message
        assert "\n" not in message


def test_dataset_that_no_machine_can_hold(project: Path) -> None:
    with serve_hub(make_dataset(), {"agree/train/0000.parquet": 10**12}) as endpoint:
        (said,) = fetch_from_hub(project, endpoint, [{"data_files": AGREE["train"]}])
    assert "someone/thing@some/branch would bring 1,000,000,000,000 bytes in 1 file(s), more than" in said


def test_dataset_made_by_a_script_names_the_way_round(project: Path) -> None:
    with serve_hub({"thing.py": b"raise SystemExit"}) as endpoint:
        assert "set revision: refs/convert/parquet" in fetch_from_hub(project, endpoint, [{}])[0]


def test_unreachable_hub_fails_the_command_in_one_line(project: Path) -> None:
    write_params(["no", "yes"], source="hub", dataset="someone/thing", revision="main")
    command = stage_command("fetch", "corpus", "assets.txt", "texts.parquet", "fetch.json")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(project)}
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: someone/thing@main: the Hub cannot be reached")
    assert (
        "without a network take its files: download them where there is one, and put them into corpus/" in done.stderr
    )
    assert "cache" not in done.stderr, "source: hub asks the Hub whatever a cache has"
    assert done.stderr.count("\n") == 1
    assert not (project / "texts.parquet").exists()
