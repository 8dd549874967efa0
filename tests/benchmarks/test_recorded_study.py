"""benchmarks/recorded_study.py and docs_block.py: figures in docs are of the code that is, or say that they are old."""

from hashlib import sha256
from pathlib import Path

import pytest
import yaml

from benchmarks import recorded_study
from benchmarks.docs_block import OUTDATED, is_told_old_or, mark_outdated, take_fingerprint, write_block
from benchmarks.study_copy import Sections, use_local_files

COMMAND = "benchmarks/some.py"


def test_the_table_in_the_docs_is_of_this_recipe_or_says_that_it_is_old() -> None:
    recipe = recorded_study.take_recipe()
    assert is_told_old_or(recipe, recorded_study.DOCS, recorded_study.BLOCK), (
        f"the recipe (now {recipe}) has changed since the table in docs/evaluate.md was measured: run "
        "'python benchmarks/recorded_study.py --write', or with '--outdated' let it say so"
    )


def test_comments_docstrings_and_layout_make_no_figure_old(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text('"""One."""\n\n\ndef double(x: int) -> int:\n    """Two."""\n    return 2 * x  # twice\n')
    before = take_fingerprint([tmp_path], {"epochs": 3})
    file.write_text("def double(\n    x: int,\n) -> int:\n    return 2 * x\n")
    assert take_fingerprint([file], {"epochs": 3}) == before
    assert take_fingerprint([file], {"epochs": 4}) != before
    file.write_text("def double(x: int) -> int:\n    return 3 * x\n")
    assert take_fingerprint([file], {"epochs": 3}) != before


def test_a_block_is_written_in_the_place_of_the_old_one(tmp_path: Path) -> None:
    doc = tmp_path / "doc.md"
    doc.write_text(f"# Before\n\n<!-- {COMMAND} {'0' * 16} -->\nold\n<!-- end -->\n\nAfter.\n", encoding="utf-8")
    assert not is_told_old_or("1" * 16, doc, COMMAND)
    mark_outdated(doc, COMMAND)
    once = doc.read_text(encoding="utf-8")
    mark_outdated(doc, COMMAND)
    assert doc.read_text(encoding="utf-8") == once and f"{OUTDATED}\n\nold\n<!-- end -->" in once
    assert is_told_old_or("1" * 16, doc, COMMAND)
    write_block(doc, COMMAND, "1" * 16, ["| a |", "| \\1 |"])
    assert is_told_old_or("1" * 16, doc, COMMAND) and not is_told_old_or("2" * 16, doc, COMMAND)
    written = f"# Before\n\n<!-- {COMMAND} {'1' * 16} -->\n| a |\n| \\1 |\n<!-- end -->\n\nAfter.\n"
    assert doc.read_text(encoding="utf-8") == written


def test_a_doc_without_the_block_is_named(tmp_path: Path) -> None:
    (tmp_path / "doc.md").write_text("nothing", encoding="utf-8")
    with pytest.raises(SystemExit, match="has no block that begins with <!-- benchmarks/some"):
        mark_outdated(tmp_path / "doc.md", COMMAND)


def test_a_run_changes_nested_sections_key_by_key() -> None:
    study: Sections = {"annotate": {"votes": 3, "recording": {"text": "text", "votes": [1, 2, 3]}}, "split": {}}
    changed = recorded_study.change(study, {"annotate": {"recording": {"votes": [1]}}})
    assert changed == {"annotate": {"votes": 3, "recording": {"text": "text", "votes": [1]}}, "split": {}}
    assert study["annotate"]["recording"] == {"text": "text", "votes": [1, 2, 3]}


def test_the_runs_change_what_the_preset_has() -> None:
    study, runs = (recorded_study.read_yaml(path) for path in (recorded_study.STUDY, recorded_study.RUNS))
    for changes in runs.values():
        assert set(changes) <= set(study)
        assert set(changes.get("annotate", {})) <= set(study["annotate"])


def test_any_recording_takes_the_files_that_have_its_hashes(tmp_path: Path) -> None:
    (tmp_path / "answers.csv").write_bytes(b"text,label\n")
    pin = f"#sha256={sha256(b'text,label' + bytes([10])).hexdigest()}"
    other = f"https://host/other.csv#sha256={'0' * 64}"
    sections: Sections = {
        "fetch": {"files": {f"https://host/a.csv{pin}": "train", other: "test"}},
        "files": [f"b.csv{pin}"],
    }
    here = f"{tmp_path / 'answers.csv'}{pin}"
    assert use_local_files(sections, tmp_path) == {"fetch": {"files": {here: "train", other: "test"}}, "files": [here]}
    assert use_local_files(sections, None) == sections
    with pytest.raises(SystemExit, match="no file with a sha256 that the study pins"):
        use_local_files({"fetch": {"files": [other]}}, tmp_path)


def test_the_study_is_known_by_a_relative_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(recorded_study.STUDY.parent)
    assert recorded_study.parse_arguments([recorded_study.STUDY.name, "--write"]).study == recorded_study.STUDY


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "mine.yaml cannot be read: [Errno 2]"),
        ("a: [", "mine.yaml cannot be read: while parsing"),
        ("just words", "mine.yaml must have entries with keys in them"),
        ("annotate: recorded", "mine.yaml must have entries with keys in them"),
        ("train: {}", "mine.yaml has annotate.protocol = None, not recorded"),
    ],
)
def test_what_is_no_study_is_one_line(tmp_path: Path, content: str | None, complaint: str) -> None:
    path = tmp_path / "mine.yaml"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        recorded_study.check_recorded(path, recorded_study.read_yaml(path))
    assert complaint in str(ended.value) and "\n" not in str(ended.value)


def test_a_folder_of_files_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        recorded_study.parse_arguments(["--data", str(tmp_path / "nothing")])
    assert "nothing is no folder" in capsys.readouterr().err


def test_a_table_of_another_study_is_not_written_into_the_docs(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"annotate": {"protocol": "chat"}}), encoding="utf-8")
    with pytest.raises(SystemExit):
        recorded_study.parse_arguments([str(tmp_path / "mine.yaml"), "--write"])
