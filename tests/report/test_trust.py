from pathlib import Path
from typing import Any

from toy_results import write_toy_results
from written_reports import change_metrics, read_page, write_report_on

TITLE = "How far can these labels be trusted"


def system_of(share: str, method: str) -> dict[str, Any]:
    worst = {"value": 0.85, "low": 0.8, "high": 0.9}
    found = {share: 0.934, "low": 0.894, "high": 0.961, "method": method, "more_rows_to_halve": 445}
    return found | {"if_unanswered_wrong": worst, "effective_rows": 300}


def test_a_study_with_gold_and_without_an_audit_has_no_such_section(project: Path) -> None:
    write_report_on(write_toy_results(project))
    assert TITLE not in read_page(project).text


def test_without_gold_nobody_knows_until_somebody_reads(project: Path) -> None:
    arguments = write_toy_results(project, gold=False)
    write_report_on(arguments)
    page = read_page(project).text
    assert f"{TITLE}\n  Nobody knows yet. No person has labelled any of these texts, so all scores here are" in page
    systems = {"teacher": system_of("accuracy", "stratified"), "student": system_of("accuracy", "prediction-powered")}
    second = {"rows": 480, "agreed": 420}
    change_metrics(project, "audit", labelled=150, unsure=4, systems=systems, second_opinion=second, gone=2)
    write_report_on(arguments)
    page = read_page(project).text
    assert "People read 150 texts without seeing a label. They were drawn at random from 2,373, at known rates" in page
    assert "93.4%89.4% \N{EN DASH} 96.1%" in page
    assert "Rows that were looked at and got no label do not count: 4 unsure." in page
    assert (
        "Student: corrected by 480 test texts that nobody labelled, of which student and teacher agree on 87.5%" in page
    )
    assert "2 rows were read of texts that are not in the data any more" in page


def test_sets_have_f1_beside_the_share_of_texts_that_are_right_as_a_whole(project: Path) -> None:
    arguments = write_toy_results(project, kind="multi_label", gold=False)
    f1 = {"micro_f1": {"value": 0.9, "low": None, "high": None}}
    systems = {name: system_of("exact_match", "stratified") | f1 for name in ("teacher", "student")}
    change_metrics(project, "audit", labelled=150, systems=systems)
    write_report_on(arguments)
    page = read_page(project).text
    assert "Texts with just the right labels" in page
    assert "Micro F1" in page
    assert "90.0%" in page
