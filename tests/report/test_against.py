"""The section of the page, and the line of the tables, on what changed since another revision."""

import re
import shutil
from pathlib import Path
from typing import get_args

import pytest
from dvc.repo import Repo
from toy_against import PATHS, start_study
from toy_revisions import git
from written_reports import assert_inert, change_params, read_card, read_page, read_table, write_report_on

from distil.core.errors import InputError
from distil.core.params import Kind
from distil.revisions.opening import find_commit


@pytest.fixture(params=get_args(Kind))
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


def read_section(project: Path) -> str:
    html = (project / "reports/index.html").read_text("utf-8")
    return html[html.index('<section id="against"') :].partition("</section>")[0]


def test_what_changed_is_told_for_every_kind_and_nothing_runs(project: Path, kind: Kind) -> None:
    start_study(project, kind)
    write_report_on(PATHS)
    page, section, commit = read_page(project), read_section(project), find_commit("then")
    assert_inert(page)
    assert f"What changed since then ({commit[:7]})" in page.text and commit in section
    assert "which then was when this page was made" in section
    assert all(section.count(f'scope="row">{who}<small>on 90 test texts<') == 1 for who in ("Teacher", "Student"))
    assert re.search(r"points worse \[-[0-9.]+, -?[0-9.]+\]<small>this difference (may be|is hardly) chance", section)
    assert ("exact test" if kind == "classification" else "approximate randomisation") in section
    assert "Teacher: another label on " in section and "right to wrong first" in section
    assert "<small>1 vote" in section and "It says &lt;b&gt;so&lt;/b&gt;." in section
    assert "&lt;script&gt;alert(1)" in section and 'class="wrong"' in section
    assert ('class="other"' in section) == (kind == "token_classification") == ("<mark" in section)


def test_tables_have_a_line_each_and_the_card_has_none(project: Path) -> None:
    start_study(project, "classification")
    write_report_on(PATHS)
    table = " ".join(read_table(project).split())
    commit = find_commit("then")[:7]
    assert f"Against then ({commit}), teacher: another label on " in table
    assert f"Against then ({commit}), student: another label on " in table and "chance (McNemar's exact test" in table
    assert max(map(len, read_table(project).splitlines())) <= 100
    assert "- Against then" in (project / "reports/summary.md").read_text("utf-8")
    assert "Against then" not in read_card(project)


def test_without_people_s_labels_nothing_is_called_better(project: Path) -> None:
    start_study(project, "classification", gold=False)
    change_params(project, report={"examples": 2})
    write_report_on(PATHS)
    section = read_section(project)
    assert "People labelled none of the rows" in section and "Here are 2 of them" in section
    assert not re.search("points|accuracy|People</th>|struck|right to", section)


def test_nothing_of_it_is_there_unless_a_revision_is_named(plain: Path) -> None:
    html = (plain / "reports/index.html").read_text("utf-8")
    assert "What changed" not in html and "Against" not in read_table(plain)


def test_a_revision_that_cannot_be_read_stops_the_report(project: Path) -> None:
    start_study(project, "classification", against="gone")
    with pytest.raises(InputError, match="git knows no revision 'gone'"):
        write_report_on(PATHS)


@pytest.mark.parametrize("why", ["labels", "cache"])
def test_what_cannot_be_compared_is_told_and_the_rest_of_the_report_stands(project: Path, why: str) -> None:
    start_study(project, "classification")
    if why == "labels":
        change_params(project, task={"labels": ["negative", "positive", "<script>alert(1)</script>"]})
    else:
        forget_outputs(project)
    write_report_on(PATHS)
    page, section, commit = read_page(project), read_section(project), find_commit("then")
    said = {"labels": "so nothing can be compared", "cache": "is not in DVC's cache here"}[why]
    assert_inert(page)
    assert f"What changed since then ({commit[:7]})" in page.text
    assert f"Nothing is compared with commit {commit}: " in section and "<table" not in section
    table = " ".join(read_table(project).split())
    for told in (page.text, table, (project / "reports/summary.md").read_text("utf-8")):
        assert said in told
    assert f"Against then ({commit[:7]}) nothing is compared: " in table


def forget_outputs(project: Path) -> None:
    """Have DVC keep a table of `then`, in a cache that is gone."""
    (project / "dvc.yaml").write_text(
        "stages:\n  fetch:\n    cmd: 'true'\n    outs: [data/texts.parquet]\n", encoding="utf-8"
    )
    git(project, "rm", "--quiet", "--cached", "data/texts.parquet")
    with Repo(str(project)) as repo:
        repo.commit(force=True)
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "then")
    git(project, "tag", "--force", "then")
    shutil.rmtree(project / ".dvc/cache")
