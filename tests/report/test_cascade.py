"""A cascade on the page, in the tables and in the model card; and where none is certified, or none is asked for."""

import re
from pathlib import Path

import pytest
from toy_results import write_toy_results
from written_reports import change_metrics, read_card, read_page, read_table, write_report_on

from distil.core.metrics import read_details


@pytest.mark.parametrize("gold", [True, False])
def test_student_cascade_and_teacher_stand_side_by_side(project: Path, gold: bool) -> None:
    write_report_on(write_toy_results(project, cascade=True, gold=gold))
    page, card, table = read_page(project), read_card(project), read_table(project)
    assert "Student and teacher together" in page.text
    assert (
        "The student keeps a text from a sureness of 0.8234 on, which was chosen on 412 calibration rows" in page.text
    )
    asked = "people's label on at least 80%" if gold else "the teacher's label on at least 97%"
    assert f"The target: {asked} of the texts, at a risk of 5.0% of missing it." in page.text
    assert "Cascade: the teacher where the student is unsure" in page.text
    described = [value for name, value in page.attributes if name == "aria-label"]
    assert any("the threshold keeps 71.3%" in words for words in described)
    assert "Cascade of both: the student where it is sure enough" in " ".join(table.split())
    assert any(line.startswith("Cascade of both    ") for line in table.splitlines())
    assert "from a sureness of 0.8234 on are the model's own, certified for" in card


def test_the_times_of_a_cascade_are_a_mixture_of_the_student_s_and_of_both(project: Path) -> None:
    write_report_on(write_toy_results(project, cascade=True))
    page, table = read_page(project), read_table(project)
    found = re.findall(r"^(Teacher|Student, ONNX int8|Cascade).* ([\d.,]+) / ([\d.,]+) ", table, re.MULTILINE)
    p50, p95 = ({one[0]: float(one[place].replace(",", "")) for one in found} for place in (1, 2))
    assert (p50["Teacher"], p95["Teacher"]) == (750, 1200)
    assert p50["Student, ONNX int8"] < p50["Cascade"] < 2, "half of the texts are the student's own"
    passed_on, wanted = 1 - 0.713, 0.95 - 0.713
    assert p95["Cascade"] == pytest.approx(250 + 1000 * wanted / passed_on, rel=0.02)
    assert "median while it labelled, several texts at once; 95 of 100 in 1,200 ms" in page.text
    assert "The teacher's time besides for 28.7% of the texts" in page.text
    assert "Each time of the one is joined to each of the other." in page.text


def test_without_times_of_the_teacher_none_is_told_of_the_cascade(project: Path) -> None:
    arguments = write_toy_results(project, cascade=True)
    run = read_details(project / "metrics/annotate.json")["run"]
    change_metrics(project, "annotate", run={name: value for name, value in run.items() if name != "text_seconds"})
    write_report_on(arguments)
    page = read_page(project).text
    assert "for 71.3% of the texts; the teacher's time for the others besides" in page
    assert "Its latency is not told: a text that is kept takes the student's time" in page
    assert "95 of 100 in" in page, "of the student"


def test_where_none_is_certified_it_is_told_why(project: Path) -> None:
    arguments = write_toy_results(project, cascade=True)
    quality = read_details(project / "metrics/quality.json")
    del quality["systems"]["cascade"]
    cascade = {key: quality["cascade"][key] for key in ("target", "risk", "calibration_rows")}
    change_metrics(project, "quality", systems=quality["systems"])
    change_metrics(project, "quality", cascade=cascade | {"threshold": None, "why": "about 900 rows would do"})
    write_report_on(arguments)
    assert "No threshold is certified on 412 calibration rows: about 900 rows would do." in read_page(project).text
    assert "Cascade of both" not in read_table(project)
    assert "no threshold is certified for accuracy 0.8" in read_card(project)


def test_without_one_nothing_is_said_of_it(plain: Path) -> None:
    assert "ascade" not in read_page(plain).text + read_card(plain) + read_table(plain)
    assert "The texts that it is surest of" in read_page(plain).text
