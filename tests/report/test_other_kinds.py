"""Page, table and model card of several labels a text and of spans: their own scores, by their own names."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from tiny_export import export_tiny_several, export_tiny_tagger
from toy_results import write_toy_results
from written_reports import (
    assert_inert,
    change_metrics,
    parse_card,
    read_card,
    read_head,
    read_page,
    read_table,
    write_report_on,
)

from distil.core.metrics import read_details
from distil.core.params import Kind

EMOTIONS, NAMES = ("anger", "joy", "love"), ("person", "location")
TEXTS = (
    "שלום לאנה ברג מחיפה, היא שרה \N{SPARKLES}",
    "Zoe\N{COMBINING DIAERESIS} met <b>Bob</b> & \N{FAMILY}\r\nin S\N{LATIN SMALL LETTER A WITH TILDE}o Paulo\ttoday.",
    "</td></table><script>alert(1)</script> {{ 7 * 7 }} said so",
    "word " * 300 + "and Anna",
)
OF_KINDS: dict[Kind, tuple[str, tuple[str, ...]]] = {
    "multi_label": ("micro F1", EMOTIONS),
    "token_classification": ("exact F1", NAMES),
}


@pytest.fixture(params=OF_KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


def write_study(project: Path, kind: Kind, **options: object) -> None:
    write_report_on(write_toy_results(project, kind, labels=OF_KINDS[kind][1], **options))  # type: ignore[arg-type]


def read_told(project: Path) -> str:
    """All that a reader of page, tables and card sees."""
    files = ("table.txt", "summary.md", "MODEL_CARD.md")
    return read_page(project).text + "".join((project / "reports" / name).read_text("utf-8") for name in files)


def test_the_score_is_called_by_its_name_everywhere(project: Path, kind: Kind) -> None:
    score = OF_KINDS[kind][0]
    write_study(project, kind, ladder=True)
    told, html = read_told(project), (project / "reports/index.html").read_text("utf-8")
    head = read_head(html)
    assert f"The student reaches {'a micro' if kind == 'multi_label' else 'an exact'} F1 of 80.9%" in head
    assert ", its teacher 83.7%." in head
    heading = score[0].upper() + score[1:]
    assert f"<dt>{heading}</dt>" in head and f"{heading} by system" in html
    assert heading.split()[0] in read_table(project)
    assert f"Scores: {score} against people's" in told
    ours = re.sub('<section id="published".*?</section>', "", html, flags=re.DOTALL) + read_table(project)
    assert not re.search("[Aa]ccura|is right on", ours + read_card(project))
    assert f"{score} on held-out" in told, "the ladder"


def test_what_a_student_falls_short_of_is_told_in_words_of_its_score(project: Path, kind: Kind) -> None:
    write_study(project, kind, ladder=True, short=True, gold=False)
    head = read_head((project / "reports/index.html").read_text("utf-8"))
    assert f"A baseline has a higher {OF_KINDS[kind][0]} against the teacher" in head
    assert "Frozen encoder + linear head, which was taken, 87.4%" in head
    assert f" reaches 86.1% (84.7% to 87.4%) {OF_KINDS[kind][0]} on held-out" in head


def test_without_gold_the_score_is_against_the_teacher_by_name(project: Path, kind: Kind) -> None:
    write_study(project, kind, gold=False)
    told = read_told(project)
    assert f"Against its teacher's {'labels' if kind == 'multi_label' else 'spans'} the student reaches" in told
    assert "0.809" in read_table(project) and "F1 with" in told.replace("\n", " ")
    assert "do not tell\nhow often those are right." in read_card(project)


def test_labels_have_scores_of_their_own_in_the_place_of_a_confusion(project: Path, kind: Kind) -> None:
    write_study(project, kind)
    page = read_page(project)
    assert "confuses" not in page.text and "F1 by label" in page.text and "Each label" in page.text
    chart = next(value for name, value in page.attributes if name == "aria-label" and value.startswith("F1 by label"))
    assert f"{OF_KINDS[kind][1][0]} teacher 84%, student 81%" in chart
    others = ("Exact match", "Jaccard") if kind == "multi_label" else ("Partial F1", "Type F1")
    assert all(name in page.text for name in others)


def test_a_score_that_a_system_has_not_is_not_known(project: Path) -> None:
    arguments = write_toy_results(project, "multi_label", labels=EMOTIONS)
    quality = read_details(project / "metrics/quality.json")
    for end in ("", "_low", "_high"):
        del quality["systems"]["teacher"][f"mean_average_precision{end}"]
    change_metrics(project, "quality", systems=quality["systems"])
    write_report_on(arguments)
    html = (project / "reports/index.html").read_text("utf-8")
    assert 'data-label="Mean average precision"><span>n/a</span>' in html


def test_examples_show_sets_of_labels_side_by_side(project: Path) -> None:
    write_study(project, "multi_label")
    html = (project / "reports/index.html").read_text("utf-8")
    examples = html[html.index('<section id="examples"') :]
    assert "gives other labels than the teacher on" in examples
    assert re.search(r'data-label="Student">(<span>|<span class="wrong">)joy</span>, ', examples)
    assert 'data-label="Teacher"><span>none</span>' in examples


def test_spans_are_drawn_in_texts_of_any_kind_and_nothing_runs(project: Path) -> None:
    labels = ("<i>person</i>", "location & more")
    write_report_on(write_toy_results(project, "token_classification", labels=labels, texts=TEXTS))
    page = read_page(project)
    assert_inert(page)
    assert not {"i"} & set(page.elements)
    assert page.elements.count("mark") > 20 and ("dir", "auto") in page.attributes
    html = (project / "reports/index.html").read_text("utf-8")
    drawn = re.findall(r'<td class="text" dir="auto">(.*?)</td>', html, re.DOTALL)
    shown = {re.sub(r"<small.*?</small>|</?mark[^>]*>", "", cell) for cell in drawn}
    assert any(TEXTS[0] in cell for cell in shown), "the text of an example is whole, and in its order"
    assert any("&lt;b&gt;Bob&lt;/b&gt;" in cell for cell in shown)
    assert all(len(cell) < 700 for cell in shown), "a long one is cut"


def test_the_hub_reads_the_card_of_each_kind(project: Path, kind: Kind) -> None:
    write_study(project, kind)
    data = parse_card(project)
    assert data.pipeline_tag == ("text-classification" if kind == "multi_label" else "token-classification")
    first = (data.eval_results or [])[0]
    name = "Micro F1" if kind == "multi_label" else "Exact F1"
    assert (first.metric_type, first.metric_value, first.metric_name) == ("f1", 0.811, name)
    assert first.task_type == data.pipeline_tag


def test_the_card_says_how_each_kind_is_opened(project: Path, kind: Kind) -> None:
    write_study(project, kind)
    card = read_card(project)
    assert "from distil.classifiers.opening import open_onnx" in card
    told = ("top_k=None", "top_k: null", "thresholds") if kind == "multi_label" else ("first", "ignore_labels", "utf16")
    assert all(word in card for word in told)
    assert card.count("```") % 2 == 0 and "{{" not in card and "{%" not in card


def test_the_python_in_the_card_compiles(project: Path, kind: Kind) -> None:
    write_study(project, kind)
    blocks = re.findall(r"```python\n(.*?)```", read_card(project), re.DOTALL)
    assert len(blocks) == 4
    for block in blocks:
        compile(block, "card", "exec")


def test_a_recall_that_was_asked_for_is_told_with_its_price(project: Path) -> None:
    arguments = write_toy_results(project, "token_classification", labels=NAMES)
    figures = {"target": 0.95, "shift": -1.3, "words": 412, "recall_before": 0.871, "recall_after": 0.951}
    figures |= {"precision_before": 0.902, "precision_after": 0.713, "exact_f1_before": 0.85, "exact_f1_after": 0.79}
    change_metrics(project, "train", recall=figures)
    write_report_on(arguments)
    told = "recall went from 87.1% to 95.1%, and precision from 90.2% to 71.3%; exact F1 from 85.0% to 79.0%."
    assert told in read_page(project).text
    assert told in read_card(project).replace("\\", "")


def test_texts_that_nobody_wrote_are_told_of_everywhere(project: Path) -> None:
    results = write_toy_results(project, "token_classification", labels=NAMES)
    change_metrics(project, "fetch", synthetic=True)
    write_report_on(results)
    for name in ("index.html", "table.txt", "summary.md", "MODEL_CARD.md"):
        told = " ".join((project / "reports" / name).read_text("utf-8").split())
        assert "The texts are synthetic, made from templates" in told, name


@pytest.mark.slow
def test_the_card_s_own_code_runs_on_the_exported_folder(
    project: Path, kind: Kind, tmp_path_factory: pytest.TempPathFactory
) -> None:
    write_study(project, kind)
    export = export_tiny_several if kind == "multi_label" else export_tiny_tagger
    shutil.copytree(export(tmp_path_factory)[1], project / "models/onnx")
    codes = [
        code for code in re.findall(r"```python\n(.+?)```", read_card(project), re.DOTALL) if "optimum" not in code
    ]
    assert len(codes) == 3, "distil, transformers and ONNX Runtime; optimum needs an environment of its own"
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    for code in codes:
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=project, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        if "pipeline(" in code and kind == "token_classification":
            assert all(
                {"entity_group", "start", "end"} <= set(span) for span in ast.literal_eval(strip_numpy(done.stdout))
            )
        elif kind == "multi_label":
            assert re.search(r"['\"\[ ][abc]['\",\]]|\[\]", done.stdout), done.stdout


def strip_numpy(printed: str) -> str:
    """What NumPy's numbers are as plain ones."""
    return re.sub(r"np\.\w+\(([^)]*)\)", r"\1", printed)
