from pathlib import Path

import pytest

from distil.audit.rows import HEADER, read_audit_rows
from distil.core.errors import InputError

SHA = "0123456789abcdef" * 4
LINE = f"{SHA[:16]},{SHA},a,ann,2026-01-01,,labelled,s,10,0.5\n"


def test_no_file_and_an_empty_one_have_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "audit.csv"
    assert read_audit_rows(path).empty
    path.write_text(HEADER + "\n")
    assert read_audit_rows(path).empty


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "cannot be read as csv"),
        ("id,label\n", "has the columns id, label; they should be id, text_sha"),
        (f"{HEADER}\n{LINE.replace('labelled', 'done')}", "line 2: status 'done' is none of labelled, adjudicated"),
        (f"{HEADER}\n{LINE.replace(SHA, '0' * 64)}", "line 2: text_sha is not the hash of the text with id"),
        (f"{HEADER}\n{LINE.replace('0.5', '1.5')}", "line 2: stratum_texts is a number of texts, and inclusion"),
        (f"{HEADER}\n{LINE.replace(',10,', ',ten,')}", "line 2: stratum_texts and inclusion are numbers"),
        (f"{HEADER}\n{LINE}{LINE}", f"has text {SHA[:16]} twice; 'distil review settle' writes the file anew"),
    ],
)
def test_what_is_no_audit_is_told_in_one_line(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "audit.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=said):
        read_audit_rows(path)
