"""Tables and metric files that a stranger altered: read as they should be, or one line with the remedy."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import ROOT
from hostile_cases import CASES, try_cases
from hypothesis import strategies as st

from distil.core.errors import InputError
from distil.core.metrics import read_csv, read_details, read_metrics, write_metrics
from distil.core.served import read_default_file
from distil.core.tables import TEST, TRAIN, count_rows, iter_rows, read_rows, write_rows

ROW = {"id": "1", "text": "a", "label": "b", "soft": [0.5, 0.5], "source": "teacher"}


def write_table(path: Path, columns: dict[str, Any]) -> None:
    pq.write_table(pa.table(columns), path)


def read_all(path: Path, schema: pa.Schema) -> None:
    read_rows(path, schema)
    list(iter_rows(path, schema, 7))
    count_rows(path, schema)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is not a parquet file, or a damaged one"),
        (b"PAR1", "is not a parquet file, or a damaged one"),
        (b"PAR1" + b"\xff" * 100 + b"PAR1", "is not a parquet file, or a damaged one"),
        ({"id": ["1"]}, "has the columns id instead of id, text, gold"),
        ({f"column {number}": [1] for number in range(500)}, "column 19, ... instead of"),
        ({"id": [1], "text": ["a"], "gold": ["b"]}, "has id as int64 instead of id as string not null"),
        ({"id": [["1"]], "text": ["a"], "gold": ["b"]}, "instead of id as string not null"),
        ({"id": [None], "text": ["a"], "gold": ["b"]}, "has id as null instead of id as string not null"),
    ],
)
def test_a_table_of_another_kind_is_one_short_line(tmp_path: Path, content: Any, said: str) -> None:
    path = tmp_path / "t.parquet"
    path.write_bytes(content) if isinstance(content, bytes) else write_table(path, content)
    for read in (read_rows, count_rows, lambda path, schema: list(iter_rows(path, schema, 7))):
        with pytest.raises(InputError) as caught:
            read(path, TEST)
        assert said in str(caught.value)
        assert "'dvc repro' writes it anew" in str(caught.value)
        assert len(str(caught.value)) < 600 + len(str(tmp_path))


def test_a_folder_in_a_table_s_place_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a parquet file"):
        read_rows(tmp_path, TEST)


@CASES
def test_no_damaged_table_ends_in_a_traceback(tmp_path: Path, cases: int) -> None:
    path = tmp_path / "t.parquet"
    write_rows(path, TRAIN, [ROW | {"id": str(number)} for number in range(50)])
    content = path.read_bytes()

    def check(changes: list[tuple[int, int]]) -> None:
        some = bytearray(content)
        for place, value in changes:
            some[place % len(some)] = value
        path.write_bytes(bytes(some))
        with contextlib.suppress(InputError):
            read_all(path, TRAIN)

    place = st.one_of(st.integers(0, 300), st.integers(len(content) - 400, len(content)), st.integers(0, len(content)))
    try_cases(check, st.lists(st.tuples(place, st.integers(0, 255)), min_size=1, max_size=10), cases)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[" * 100_000, "is nested too deeply"),
        ('{"a":' * 100_000, "is nested too deeply"),
        (f'{{"details": [{{"a": {"1" * 5000}}}]}}', "is not JSON"),
        (b"\xff\xfe{}", "is not JSON"),
        ("[]", "has no details, it holds no object"),
        ('"details"', "has no details, it holds no object"),
        ('{"details": {}}', "has no details"),
        ('{"details": "a"}', "has no details"),
        ('{"details": ["a"]}', "has no details"),
        ('{"details": [{}, {}]}', "has no details"),
    ],
)
def test_a_metric_file_of_another_kind_is_one_line(tmp_path: Path, content: str | bytes, said: str) -> None:
    path = tmp_path / "m.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as caught:
        read_details(path)
    assert said in str(caught.value)
    assert str(caught.value).startswith(str(path))


def test_a_metric_file_is_harmless_to_look_at_and_reads_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    evil = {"a\x1b[31m\x9b\u202e": ["b\x7f\ud800", "naïve 漢字\n"]}
    write_metrics(path, {}, evil)
    assert read_details(path) == evil
    assert all(line.isprintable() for line in path.read_text().splitlines())
    assert "naïve 漢字" in path.read_text()


def test_a_figure_that_is_not_there_is_named_at_any_depth(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    write_metrics(path, {"a": 1}, {"systems": {"x": [{"y": 1}]}})
    details = read_details(path)
    assert details["systems"]["x"][0]["y"] == 1
    assert json.dumps(read_metrics(path)) == '{"a": 1, "details": [{"systems": {"x": [{"y": 1}]}}]}'
    for place in (details, details["systems"]["x"][0]):
        with pytest.raises(InputError, match=r"m\.json has no 'z' where it belongs"):
            place["z"]
    write_metrics(path, {}, {"default_file": "../../.env"})
    with pytest.raises(InputError, match="default_file"):
        read_default_file(path)


@pytest.mark.parametrize("content", ["", 'a,"b\n', "c,d\n1,2\n", b"a,b\n\xff,1\n", None])
def test_a_curve_of_another_kind_is_one_line(tmp_path: Path, content: str | bytes | None) -> None:
    path = tmp_path / "c.csv"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=r"c\.csv (is missing or empty|cannot be read as csv|has not the columns)"):
        read_csv(path, ["a", "b"])


@pytest.mark.parametrize("kind", ["table", "metrics", "text"])
def test_a_full_disk_is_one_line_and_leaves_no_half_file(tmp_path: Path, kind: str) -> None:
    code = (
        "import resource, sys; from pathlib import Path; from distil.core.command import call\n"
        "from distil.core.metrics import write_metrics; from distil.core.tables import LABELS, write_rows\n"
        "row = dict.fromkeys(LABELS.names) | {'votes': 1, 'source': 'teacher'}\n"
        "rows = [row | {'id': str(number) * 9, 'reason': str(number ** 9)} for number in range(20_000)]\n"
        "write = {'table': lambda path: write_rows(path, LABELS, rows),\n"
        "         'metrics': lambda path: write_metrics(path, {'x': ['y' * 100] * 9_000}),\n"
        "         'text': lambda path: path.with_name(path.name).write_text('x' * 999_999)}[sys.argv[1]]\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "call(lambda: write(Path(sys.argv[2])))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, kind, str(tmp_path / "out")],
        cwd=ROOT, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("error: "), done.stderr
    assert done.stderr.count("\n") == 1
    assert kind == "text" or not list(tmp_path.iterdir())
