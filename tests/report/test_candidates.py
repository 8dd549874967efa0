"""The candidates for the teacher on the page."""

from pathlib import Path

from toy_results import HOSTILE, write_toy_results
from written_reports import assert_inert, change_metrics, on_the_page, read_page, write_report_on

from distil.core.metrics import read_details, write_metrics
from stages.report import main


def test_candidates_have_a_table_and_a_chart_and_without_any_there_is_no_section(plain: Path, project: Path) -> None:
    assert "Candidates for the teacher" not in read_page(plain).text
    main(*write_toy_results(project, candidates=True))
    page = read_page(project)
    assert_inert(page)
    assert (project / "reports/candidates.png").stat().st_size > 10_000
    for told in (
        "Candidates for the teacher",
        "Each labelled the same 500 rows (dev)",
        "model, prompts/other.md, 1 vote180 tokens in, 2.00 out",
        "gpt-4, recorded, 3 votes",
        "\N{MINUS SIGN}12.0p = 0.0012",
        "then: published 0.940 with ties drawn by lot.",
        "Compared on 500 rows outside the test set",
        "Priced by genai-prices 0.2.3 of 2026-11-10: as it is; another prompt.",
        "To the best, points",
        "p: McNemar's exact test against the best",
    ):
        assert told in page.text
    assert "then 93.0%" in str(page.attributes)


def test_one_candidate_is_compared_with_none(project: Path) -> None:
    paths = write_toy_results(project, candidates=True)
    found = read_details(project / "metrics/compare.json")["candidates"]
    change_metrics(project, "compare", candidates={"then": found["then"]})
    write_report_on(paths, on_the_page)
    text = read_page(project).text
    assert "Candidates for the teacher" in text
    assert "To the best" not in text and "McNemar's exact test against the best" not in text


def test_a_candidate_s_name_is_text(project: Path) -> None:
    paths = write_toy_results(project, candidates=True)
    details = read_details(project / "metrics/compare.json")
    details["candidates"] = {HOSTILE[0]: details["candidates"]["then"], HOSTILE[1]: details["candidates"]["as it is"]}
    write_metrics(project / "metrics/compare.json", {}, details)
    write_report_on(paths, on_the_page)
    assert_inert(read_page(project))
