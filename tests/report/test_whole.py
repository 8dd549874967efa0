"""The report as a whole on toy results: complete, self-contained, and inert whatever the texts and names in it say."""

import re
from pathlib import Path

import pytest
import yaml
from toy_results import ARGUMENTS, HOSTILE, HOSTILE_LABELS, leave_int8_out, write_toy_results
from written_reports import (
    Tags,
    assert_inert,
    change_metrics,
    on_the_page,
    read_card,
    read_front_matter,
    read_page,
    read_table,
    write_report_on,
)

from distil.core.errors import InputError
from distil.core.metrics import read_details
from distil.core.tables import PREDICTIONS, read_rows, write_rows
from distil.report.usage import render_usage
from stages.report import main


def test_report_writes_page_table_charts_and_card(plain: Path) -> None:
    page = read_page(plain)
    assert_inert(page)
    assert "The student is right on 80.9% of 612 test texts, its teacher on 83.7%." in page.text
    assert "It labels 130 times as many texts a second and costs 130 times less." in page.text
    assert "AMD EPYC" in page.text
    assert "2026-11-22" in page.text
    assert "3,611 texts" in page.text
    assert page.elements.count("svg") == 17
    assert len(list((plain / "reports").glob("*.png"))) == 17


def test_table_has_a_row_a_system_and_fits_a_terminal(plain: Path) -> None:
    lines = (plain / "reports/table.txt").read_text(encoding="utf-8").splitlines()
    assert max(map(len, lines)) <= 100
    row = next(line for line in lines if line.startswith("Student, ONNX int8"))
    for figure in ("0.809 [0.778, 0.838]", " 0.805 ", "1,290", "$0.022", "0.001 (0.00003-0.003)"):
        assert figure in row
    assert "AMD EPYC" in "".join(lines) and "2026-11-22" in "".join(lines)
    markdown = (plain / "reports/summary.md").read_text(encoding="utf-8").splitlines()
    assert markdown[5].startswith("| Student, ONNX int8 | 0.809 [0.778, 0.838] | 0.805 [0.774, 0.834] |")


def test_hostile_texts_labels_reasons_and_names_come_out_as_text(project: Path) -> None:
    name = "<script>alert('model')</script>"
    arguments = write_toy_results(project, labels=HOSTILE_LABELS, texts=HOSTILE, reason=HOSTILE[0], teacher=name)
    params = yaml.safe_load((project / "params.yaml").read_text(encoding="utf-8"))
    params["task"] |= {"name": "</title><script>", "description": HOSTILE[1]}
    params["report"]["examples"] = 60
    (project / "params.yaml").write_text(yaml.safe_dump(params, allow_unicode=True), encoding="utf-8")
    write_report_on(arguments, on_the_page)
    page = read_page(project)
    assert_inert(page)
    assert name in page.text
    for shown in (*HOSTILE[:4], *HOSTILE_LABELS):
        assert shown in page.text
    assert page.text.count("word ") < 10_000, "long texts are cut"


def test_without_gold_nothing_is_called_accuracy(project: Path) -> None:
    write_report_on(write_toy_results(project, gold=False, ladder=True, short=True), on_the_page)
    page = read_page(project)
    assert "A baseline gives the teacher's label more often than the student. The student agrees" in page.text
    table = (project / "reports/table.txt").read_text(encoding="utf-8")
    card = read_card(project)
    assert "The student agrees with its teacher on 80.9% of 612 test texts." in page.text
    described = " ".join(value for name, value in page.attributes if name == "aria-label")
    html = (project / "reports/index.html").read_text(encoding="utf-8")
    own = Tags(re.sub(r'<section id="published".*?</section>', "", html, flags=re.DOTALL))  # not what others measured
    for text in (own.text, described, table, card):
        assert "ccuracy" not in text
    assert "against the teacher's labels (expected calibration error" in card
    assert "model-index" not in read_front_matter(project)
    assert not (project / "reports/confusion_teacher.png").exists()


def test_the_same_results_give_the_same_bytes(project: Path, plain: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(*write_toy_results(project))
    again, first = (
        {path.name: path.read_bytes() for path in (folder / "reports").iterdir()} for folder in (project, plain)
    )
    assert again == first
    assert capsys.readouterr().out == f"report: 8 systems, 17 charts -> {project / 'reports/index.html'}\n"


def test_baselines_have_a_row_only_if_they_have_scores(project: Path, plain: Path) -> None:
    arguments = write_toy_results(project)
    quality = read_details(project / "metrics/quality.json")
    del quality["systems"]["few_shot"]
    change_metrics(project, "quality", systems=quality["systems"])
    write_report_on(arguments)
    assert "Few-shot" in read_table(plain) and "Few-shot" not in read_table(project)
    assert "Few-shot" not in read_page(project).text


def test_a_model_that_was_priced_only_is_called_not_run_everywhere(plain: Path) -> None:
    _, below = read_table(plain).split("Models not run, only priced")
    row = next(line for line in below.splitlines() if line.startswith("gpt-4o "))
    assert row.split() == ["gpt-4o", "$465.25", "9", "(3-20)"]
    assert "Models not run: this study's tokens at their prices of 2026-10-01." in below
    assert "API: gpt-4o (not run)" in read_page(plain).text
    assert "gpt-4o" not in read_card(plain), "the card is about what was measured"
    assert "Models not run" not in read_card(plain)


@pytest.mark.parametrize(
    ("agreed", "accuracy", "told"),
    [
        (3, 0.811 - 0.0123, "75.0% of the test texts, accuracy 1.2 points lower;"),
        (4, 0.811 + 0.004, "100.0% of the test texts, accuracy 0.4 points higher;"),
        (4, 0.811, "100.0% of the test texts, accuracy the same;"),
    ],
)
def test_what_int8_loses_and_gains_stands_below_the_table(
    project: Path, agreed: int, accuracy: float, told: str
) -> None:
    arguments = write_toy_results(project, rows=4)
    path = project / "data/predictions.parquet"
    rows = read_rows(path, PREDICTIONS)
    rows.loc[rows["system"] == "student_onnx", "label"] = "positive"
    rows.loc[rows["system"] == "student_int8", "label"] = [*agreed * ["positive"], "negative"][:4]
    write_rows(path, PREDICTIONS, rows)
    systems = read_details(project / "metrics/quality.json")["systems"]
    systems["student_int8"]["accuracy"] = accuracy
    change_metrics(project, "quality", systems=systems)
    write_report_on(arguments)
    ratio = "13.9 (13.1 to 14.8) times the texts a second of the pipeline."
    assert f"- int8: fp32's label on {told} measured in turns, {ratio}" in read_card(project).splitlines()


def test_without_models_to_compare_nothing_speaks_of_them(project: Path) -> None:
    write_report_on(write_toy_results(project, compared=False), on_the_page)
    assert "ot run" not in read_table(project)
    assert "ot run" not in read_page(project).text
    assert "API" not in read_page(project).text


def test_without_probabilities_there_is_no_word_of_calibration(project: Path) -> None:
    main(*write_toy_results(project, calibrated=False))
    page = read_page(project)
    assert "ECE" not in page.text and "alibration" not in page.text
    assert not (project / "reports/calibration.png").exists()
    assert "they were not calibrated against people's labels.\n" in read_card(project)
    assert read_front_matter(project)["metrics"] == ["accuracy", "f1"]


def test_one_test_row_is_reported_with_its_warning(project: Path) -> None:
    write_report_on(write_toy_results(project, rows=1), on_the_page)
    page = read_page(project)
    assert "of 1 test text," in page.text
    assert "Only 1 test rows: the intervals are wide." in page.text


def test_scores_whose_bounds_are_unknown_stand_alone(project: Path) -> None:
    arguments = write_toy_results(project)
    quality = read_details(project / "metrics/quality.json")
    for scores in quality["systems"].values():
        unknown = [name for name in scores if name.endswith(("_low", "_high"))]
        scores |= dict.fromkeys(unknown)
        if "vs_teacher" in scores:
            scores["vs_teacher"] |= dict.fromkeys(("difference_low", "difference_high"))
    change_metrics(project, "quality", systems=quality["systems"])
    write_report_on(arguments, on_the_page)
    assert next(line for line in read_table(project).splitlines() if line.startswith("Student, ONNX int8")).split()[
        3:5
    ] == ["0.809", "0.805"]


def test_warnings_of_training_and_notes_of_quality_and_cost_are_warnings(project: Path) -> None:
    arguments = write_toy_results(project)
    change_metrics(project, "train", reading={"texts_cut": 1204, "unread_share": 0.62}, warnings=["of training"])
    change_metrics(project, "quality", notes=["of quality"])
    change_metrics(project, "cost", notes=["of <cost>"])
    write_report_on(arguments)
    html = (project / "reports/index.html").read_text(encoding="utf-8")
    assert re.findall(r'class="note warning">([^<]*)<', html) == ["Of training.", "Of quality.", "Of &lt;cost&gt;."]
    assert read_table(project).endswith("Warning: of training\nNote: of quality\nNote: of <cost>\n")
    card = read_card(project)
    assert "- Warning: of training\n- Note: of quality\n- Note: of \\<cost\\>\n" in card
    assert (
        "- More of a text than its first 128 tokens: it does not read on. Of the texts that it learned from, 1204 "
        in card
    )
    assert "are longer, and 62.0% of all their tokens were not read.\n" in card
    assert (project / "reports/summary.md").read_text(encoding="utf-8").endswith("Note: of \\<cost\\>\n")


def test_where_the_student_falls_short_everything_begins_with_it(
    project: Path, plain: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(*write_toy_results(project, ladder=True, short=True))
    finding = "The student is right on 58.1% of 612 test texts, its teacher on 94.2%."
    alarm = "The student is worse than a baseline and much worse than its teacher."
    head, quiet = (
        (folder / "reports/index.html").read_text(encoding="utf-8").partition("</header>")[0].partition("<body>")[2]
        for folder in (project, plain)
    )
    assert f"<h1>{alarm} <span>The student is right on 80.9%" in head
    assert f"<p>{finding}</p>" in head and "<li>More texts: the learning curve still rises" in head
    table, card = read_table(project), read_card(project).split("---\n", 2)[2]
    assert table.startswith("Warning: The student is right on 58.1% of 612 test texts, logistic regression over")
    assert table.index(finding) < table.index("- More texts: ") < table.index("Student, ONNX int8")
    assert max(map(len, table.splitlines())) <= 100
    assert (
        (project / "reports/summary.md").read_text(encoding="utf-8").startswith(f"> **Warning: {alarm}** The student")
    )
    assert card.startswith(f"\n# reviews\n\n> **Warning: {alarm}** The student")
    assert card.index("> - More texts: ") < card.index("A small text classifier")
    err = capsys.readouterr().err
    assert err.startswith(f"warning: {alarm} More texts: ") and err.count("\n") == 1
    assert "<h1>The student is right on 80.9% of 612 test texts, its teacher on 83.7%. <span>" in quiet
    assert "shortfalls" not in quiet and "arning:" not in read_table(plain) + read_card(plain)
    assert_rungs_stand_with_their_cost_and_the_curve_beside_them(project, plain)


def assert_rungs_stand_with_their_cost_and_the_curve_beside_them(project: Path, plain: Path) -> None:
    page, card = read_page(project), read_card(project)
    described = [value for name, value in page.attributes if name == "aria-label"]
    rungs = next(words for words in described if words.startswith("Held-out teacher labels"))
    assert "Frozen encoder + linear head 87.4%, chosen after 14.2 s; Fine-tuned" in rungs
    curve = next(words for words in described if words.startswith("Learning curve"))
    assert "268 texts 64.2%" in curve and "2,149 texts 87.4%" in curve
    html = (project / "reports/index.html").read_text(encoding="utf-8")
    ((title, cells),) = re.findall(r'<tr class="main"><th scope="row">(?!<)(.*?)</th>(.*?)</tr>', html)
    assert title == "Frozen encoder + linear head"
    assert "87.4%<small>86.0% \N{EN DASH} 88.7%</small>" in cells and "14.2" in cells
    assert "Majority label</th><td>2.1%" in html
    assert "Frozen and fine-tuned are alike on held-out labels" in page.text
    assert "Frozen encoder + linear head 87.4% (taken), Fine-tuned encoder 86.1%. Frozen and" in card
    assert "the student,\nis its base as it was, with a linear head that distil fitted to those labels. No text" in card
    assert "was fine-tuned on those labels with distil. No text" in read_card(plain)
    fitted = "head\\_learning\\_rate 0.01 (the head starts from nothing), head\\_learns labels"
    assert f"- Fitted to the data by distil: {fitted}\n" in card
    assert "\n\n\n\n" not in card
    assert len(list((project / "reports").glob("*.png"))) == 19
    for text in (read_page(plain).text, read_card(plain)):
        assert not re.search("eld-out (teacher )?labels|Learning curve|more texts help|Fitted to", text)


def test_where_fp32_is_served_page_table_and_card_are_about_fp32_and_say_why(project: Path, plain: Path) -> None:
    arguments = write_toy_results(project)
    why = "int8 gives fp32's label on 91.20% of 2,000 texts, with head in fp32"
    leave_int8_out(project, why)
    main(*arguments)
    page, table, card = read_page(project), read_table(project), read_card(project)
    assert "The student is right on 81.1% of 612 test texts" in page.text
    for title in ("Response time of the fp32 student under load", "Labels of the fp32 student"):
        assert any(title in value for _, value in page.attributes)
    assert page.elements.count("svg") == read_page(plain).elements.count("svg")
    assert "runs as a file of 91 MB" in page.text
    served = f"fp32: served, since {why}; measured in turns, 13.9 (13.1 to 14.8) times the texts"
    assert served in " ".join(table.split())
    assert f"(fp32, 91 MB); no int8, since {why}\n" in card
    assert card.endswith(render_usage("classification", "onnx/model.onnx"))
    for text in (page.text.replace(why, ""), table.replace("since int8", ""), card.replace(why, "")):
        assert "int8 student" not in text and "ONNX int8" not in text
    assert "quantized" not in card and '"q8"' not in card and 'dtype: "fp32"' in card


def test_layers_that_stayed_in_fp32_are_told(project: Path) -> None:
    arguments = write_toy_results(project)
    int8 = read_details(project / "metrics/export.json")["int8"] | {"fp32_layers": ["head", "layer 3"]}
    change_metrics(project, "export", int8=int8)
    write_report_on(arguments)
    assert "99.2% of 2000 texts outside test, with head, layer 3 in fp32\n" in read_card(project)
    assert "In fp32 within int8" in read_page(project).text


def test_labels_that_no_font_has_are_told_in_one_line(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    recwarn: pytest.WarningsRecorder,
) -> None:
    monkeypatch.setattr("distil.report.charts.fonts.FALLBACKS", ())
    arguments = write_toy_results(project, labels=("gut", "漢字", "ひらがな"))
    main(*arguments)
    err = capsys.readouterr().err
    assert err.startswith("warning: no font that is looked for has all of '漢字' (2 such labels), so PNG")
    assert err.count("\n") == 1
    monkeypatch.setattr("distil.report.charts.fonts.FALLBACKS", ("not installed", "Last Resort High-Efficiency"))
    main(*arguments)
    assert capsys.readouterr().err == ""
    assert not recwarn.list


def test_a_prompt_that_is_gone_is_named(project: Path) -> None:
    arguments = write_toy_results(project)
    (project / "prompts/reviews.md").unlink()
    with pytest.raises(InputError, match=r"^prompts/reviews\.md, the prompt, cannot be read"):
        main(*arguments)


@pytest.mark.parametrize("name", ARGUMENTS[:-2])  # texts are read only beside another revision
def test_a_missing_file_is_named_in_one_line(project: Path, name: str) -> None:
    arguments = write_toy_results(project)
    (project / name).unlink()
    with pytest.raises(InputError) as caught:
        main(*arguments)
    assert f"{name} is missing" in str(caught.value) and "\n" not in str(caught.value)
