import re
from pathlib import Path
from typing import Any

from toy_against import PATHS, start_study
from toy_results import write_toy_results
from written_reports import change_metrics, read_page, write_report_on

TITLE = "How far can these labels be trusted"


def system_of(share: str, method: str) -> dict[str, Any]:
    worst = {"value": 0.85, "low": 0.8, "high": 0.9}
    found = {share: 0.934, "low": 0.894, "high": 0.961, "method": method, "more_rows_to_halve": 445}
    return found | {"if_unanswered_wrong": worst, "effective_rows": 300}


def test_without_an_audit_labels_tell_of_themselves(project: Path) -> None:
    arguments = write_toy_results(project)
    write_report_on(arguments)
    page = read_page(project).text
    assert f"{TITLE}\n  The scores above are by people's labels of the test texts." in page
    assert "None of it can see an error that the teacher always makes, in all of its votes: only an audit can." in page
    assert "no answer50.2%0.0%90.0%" in page, "the least agreement first"
    assert "How many texts a label should have is not known here" in page
    assert "Whether another prompt or teacher would give other labels is not known here" in page
    assert "Nobody looked for labels that held-out predictions contradict" in page
    share = {"label": "positive", "texts": 1000, "share": 0.6, "low": 0.58, "high": 0.62, "expected": 0.5}
    likely = share | {"label": "negative", "share": 0.4, "expected": 0.47, "p_value": 0.6}
    close = share | {"label": "so-so", "expected": 0.619, "p_value": 1e-9}
    change_metrics(project, "aggregate", shares=[share | {"p_value": 1e-9}, likely, close])
    change_metrics(project, "train", label_health=0.864, suspects=303)
    write_report_on(arguments)
    page = read_page(project).text
    assert (
        "The label positive is on 60.0% [58.0%, 62.0%] of the texts that the teacher gave an answer (5 got none)"
        in page
    )
    assert "(5 got none), and 50.0% were expected; that is not by" in page
    assert "Share of all texts" in page
    assert "or the teacher gives it too often." in page
    assert (
        "Within chance of what is expected, or within 2 points, are these shares of the texts that the teacher" in page
    )
    assert ": negative 40.0% [58.0%, 62.0%], expected 47.0%; so-so 60.0% [58.0%, 62.0%], expected 61.9%." in page
    assert "take 86.4% of the training labels for right (cleanlab's overall label health), and suspect 303." in page


def test_drift_is_told_by_candidates_that_labelled_the_same_texts(project: Path) -> None:
    write_report_on(write_toy_results(project, candidates=True))
    page = read_page(project).text
    assert "Other labels with the candidate another prompt: 12.2% of 500 texts (Cohen's kappa 0.744)." in page
    assert "Other labels with the candidate then: 14.0% of 500 texts." in page


def test_drift_is_told_by_an_earlier_revision(project: Path) -> None:
    start_study(project, "multi_label")
    write_report_on(PATHS)
    assert re.search(
        r"Other labels since then \(\w{7}\): \d+\.\d% of 90 texts \(F1 0\.\d{3}\)\.", read_page(project).text
    )


def test_parts_of_the_audit_are_shown_by_their_size(project: Path) -> None:
    arguments = write_toy_results(project, gold=False)
    systems = {name: system_of("accuracy", "stratified") for name in ("teacher", "student")}
    strata = [
        {"texts": 900 - number, "rows": 10, "labelled": 9, "labels": list("abcde")[: number % 6], "agreement": 0.67}
        | {"abstained": 10 * (number == 6)}
        for number in range(20)
    ]
    change_metrics(project, "audit", labelled=150, systems=systems, strata=strata)
    write_report_on(arguments)
    page = read_page(project).text
    assert "The 12 largest of 20 parts." in page
    assert "none of the labels67.0%900109" in page
    assert "no answer67.0%894109" in page
    assert "a, b, c and 2 more67.0%895109" in page


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
