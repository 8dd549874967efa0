"""What the 2024 study printed, beside what the study at hand has."""

import re
from pathlib import Path

from written_reports import read_page


def test_a_figure_of_the_2024_study_stands_beside_this_study_s(plain: Path) -> None:
    html = (plain / "reports/index.html").read_text(encoding="utf-8")
    rows = [
        [
            " ".join(re.sub(r"<[^>]+>", " ", cell).split())
            for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)
        ]
        for row in html.partition('id="published"')[2].split("</tr>")
    ]
    told = {f"{cells[0]} {cells[1]}": cells[2:4] for cells in rows if len(cells) == 5}
    assert told["RoBERTa-base $ per million texts"] == ["2.7", "$0.022 int8 student"]
    assert told["GPT-4 $ per million texts"] == ["3,061", "$1,851.26 gpt-4-turbo"]
    assert told["RoBERTa-base accuracy"] == ["0.94", "0.809 int8 student"]
    assert told["Mixtral-8x7B, simple prompt accuracy"] == ["0.916", ""]
    assert told["GPT-4 latency in seconds"] == ["no figure", ""]
    assert "and gave as many votes; its texts and its prompt may be others" in html


def test_what_the_2024_study_printed_is_labelled_as_such(plain: Path) -> None:
    text = read_page(plain).text
    assert "Nothing of it was measured in this run" in text
    assert "Other texts, models" not in text, "which a study of the same texts would belie"
    assert "735 \N{EN DASH} 1,100" in text and "3,061" in text and "3,061.0" not in text
    assert "huggingface.co/blog/synthetic-data-save-costs, 2024-02-16" in text
