import hashlib
from pathlib import Path

import pytest

from distil.core.errors import InputError
from distil.labels.corrections import read_corrections

HEADER = "id,text_sha,label,reviewer,reviewed_at,note"
SHAS = [hashlib.sha256(text.encode()).hexdigest() for text in ("one", "two")]
ONE, TWO = (sha[:16] for sha in SHAS)


def read_cell(cell: str) -> str:
    if not cell:
        raise ValueError("is empty")
    return cell.upper()


def read(folder: Path, *lines: str, header: str = HEADER) -> dict[str, dict[str, str]]:
    path = folder / "corrections.csv"
    path.write_text("\n".join([header, *lines, ""]), encoding="utf-8")
    return read_corrections(path, read_cell).to_dict("index")


def line(number: int, label: str, *more: str, note: str = "") -> str:
    return ",".join([SHAS[number][:16], SHAS[number], label, "me", "2026-01-01", note, *more])


def test_the_last_line_about_a_text_counts(tmp_path: Path) -> None:
    assert read(tmp_path) == {}
    found = read(tmp_path, line(0, "a"), line(1, "b"), line(0, "c", note="é"))
    assert found == {ONE: {"label": "C", "source": "human"}, TWO: {"label": "B", "source": "human"}}


def test_a_label_of_digits_stays_as_it_stands(tmp_path: Path) -> None:
    assert read(tmp_path, line(0, "01"), line(1, "NA")) == {
        ONE: {"label": "01", "source": "human"},
        TWO: {"label": "NA", "source": "human"},
    }


def test_a_source_is_told_and_an_empty_one_is_a_person(tmp_path: Path) -> None:
    found = read(tmp_path, line(0, "a", "adjudicated"), line(1, "b", ""), header=f"{HEADER},source")
    assert [row["source"] for row in found.values()] == ["adjudicated", "human"]
    with pytest.raises(InputError, match=r"corrections.csv, line 2: source 'robot' is none of human, adjudicated$"):
        read(tmp_path, line(0, "a", "robot"), header=f"{HEADER},source")


def test_a_line_that_is_not_right_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"corrections.csv, line 3: label '' is empty$"):
        read(tmp_path, line(0, "a"), line(1, ""))
    for wrong in (line(1, "a").replace(TWO, ONE, 1), line(1, "a").replace(SHAS[1], SHAS[1][:60])):
        with pytest.raises(InputError, match=r"line 3: text_sha is not the hash of the text with id '"):
            read(tmp_path, line(0, "a"), wrong)


def test_a_file_of_another_shape_is_told_what_its_header_is(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"has the columns id, label; they should be {HEADER.replace(',', ', ')}$"):
        read(tmp_path, header="id,label")
    with pytest.raises(InputError, match=rf"nowhere.csv is missing; a file with only the header {HEADER} means no"):
        read_corrections(tmp_path / "nowhere.csv", read_cell)
    (tmp_path / "latin.csv").write_bytes(f"{HEADER}\n{ONE},{SHAS[0]},a,me,,\xe9\n".encode("latin-1"))
    with pytest.raises(InputError, match=rf"latin.csv cannot be read as csv: .*; its header is {HEADER}$"):
        read_corrections(tmp_path / "latin.csv", read_cell)
