"""The report on toy results: complete, self-contained, and inert whatever the texts and names in it say."""

import contextlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard, ModelCardData
from huggingface_hub.repocard_data import model_index_to_eval_results
from toy_results import ARGUMENTS, HOSTILE, HOSTILE_LABELS, PROMPT, leave_int8_out, write_toy_results

from distil.core.errors import InputError
from distil.core.metrics import read_details, write_metrics
from distil.core.params import load_params
from distil.core.tables import PREDICTIONS, read_rows, write_rows
from distil.report.usage import render_usage
from stages.report import ReportParams, main


class Tags(HTMLParser):
    """What a browser would find in a page: its elements, attributes and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the report on the toy results as they are."""
    folder = tmp_path_factory.mktemp("plain")
    with contextlib.chdir(folder):
        main(*write_toy_results(folder))
    return folder


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read_page(project: Path) -> Tags:
    return Tags((project / "reports/index.html").read_text(encoding="utf-8"))


def assert_inert(page: Tags) -> None:
    assert not {"script", "img", "iframe", "object", "embed", "form", "b"} & set(page.elements)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    links = [value for name, value in page.attributes if name in ("src", "href", "xlink:href", "action", "data")]
    assert all(link.startswith(("#", "data:,")) for link in links), links
    assert any("default-src 'none'" in value for name, value in page.attributes if name == "content")


def test_report_writes_page_table_charts_and_card(plain: Path) -> None:
    page = read_page(plain)
    assert_inert(page)
    assert "The student is right on 80.9% of 612 test texts, its teacher on 83.7%." in page.text
    assert "It labels 130 times as many texts a second and costs 130 times less." in page.text
    assert "AMD EPYC" in page.text
    assert "2026-11-22" in page.text
    assert "3,611 texts" in page.text
    assert page.elements.count("svg") == 16
    assert len(list((plain / "reports").glob("*.png"))) == 16


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
        "Prices: genai-prices 0.2.3 of 2026-11-10 (as it is, another prompt).",
        "To the best, points",
        "p: McNemar's exact test against the best",
    ):
        assert told in page.text
    assert "then 93.0%" in str(page.attributes)


def test_one_candidate_is_compared_with_none(project: Path) -> None:
    paths = write_toy_results(project, candidates=True)
    found = read_details(project / "metrics/compare.json")["candidates"]
    change_metrics(project, "compare", candidates={"then": found["then"]})
    main(*paths)
    text = read_page(project).text
    assert "Candidates for the teacher" in text
    assert "To the best" not in text and "McNemar's exact test against the best" not in text


def test_a_candidate_s_name_is_text(project: Path) -> None:
    paths = write_toy_results(project, candidates=True)
    details = read_details(project / "metrics/compare.json")
    details["candidates"] = {HOSTILE[0]: details["candidates"]["then"], HOSTILE[1]: details["candidates"]["as it is"]}
    write_metrics(project / "metrics/compare.json", {}, details)
    main(*paths)
    assert_inert(read_page(project))


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


@pytest.mark.parametrize(
    ("texts_per_s", "usd", "sentence"),
    [
        (1287 * 2.5, 0.0222 / 4, "It labels 2.5 times fewer texts a second and costs 4.0 times as much."),
        (1287 / 9.97, 0.0222 * 30, "It labels 10 times as many texts a second and costs 30 times less."),
        (1287 * 1.03, 0.0222, "It is about as fast as its teacher and costs about the same."),
        (None, 0.0222 * 30, "It costs 30 times less."),
        (None, None, None),
    ],
)
def test_the_headline_says_which_of_the_two_is_faster_and_cheaper(
    project: Path, texts_per_s: float | None, usd: float | None, sentence: str | None
) -> None:
    arguments = write_toy_results(project)
    systems = read_details(project / "metrics/cost.json")["systems"]
    systems["teacher"] |= {"texts_per_s": texts_per_s, "usd_per_million": usd}
    change_metrics(project, "cost", systems=systems)
    main(*arguments)
    told = re.findall(r"<span>(It .*?)</span>", (project / "reports/index.html").read_text(encoding="utf-8"))
    assert told == ([sentence] if sentence else [])


def test_charts_share_a_page_and_take_its_colours(plain: Path) -> None:
    page = read_page(plain)
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(set(ids)) == len(ids)
    references = {value.strip("#url()") for name, value in page.attributes if name in ("xlink:href", "clip-path")}
    assert references and references <= set(ids)
    styles = " ".join(value for name, value in page.attributes if name == "style")
    assert {"var(--ink)", "var(--teacher)", "var(--student)"} <= set(re.findall(r"var\(--[a-z-]+\)", styles))
    assert not re.findall(r"(?:fill|stroke): #", styles), "a colour of its own would not follow light and dark"


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
    main(*arguments)
    page = read_page(project)
    assert_inert(page)
    assert name in page.text
    for shown in (*HOSTILE[:4], *HOSTILE_LABELS):
        assert shown in page.text
    assert page.text.count("word ") < 10_000, "long texts are cut"


def test_without_gold_nothing_is_called_accuracy(project: Path) -> None:
    main(*write_toy_results(project, gold=False, ladder=True, short=True))
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


def test_unknown_prices_are_not_available_and_the_page_says_what_to_give(project: Path) -> None:
    main(*write_toy_results(project, priced=False))
    page = read_page(project)
    teacher = next(
        line
        for line in (project / "reports/table.txt").read_text(encoding="utf-8").splitlines()
        if line.startswith("Teacher")
    )
    assert teacher.split()[-4:] == ["n/a"] * 4
    assert "cost.teacher_usd_per_million_tokens" in page.text
    assert "times less" not in page.text


def test_reasons_are_shown_where_the_teacher_gave_any(project: Path, plain: Path) -> None:
    main(*write_toy_results(project, reason="Because it lasts."))
    assert "Because it lasts." in read_page(project).text
    assert "The teacher's reason" not in read_page(plain).text


def test_a_marker_in_the_place_of_a_reason_is_none(project: Path) -> None:
    main(*write_toy_results(project, reason="FAIL"))
    assert "FAIL" not in read_page(project).text and "The teacher's reason" not in read_page(project).text


UNPRICED = ("usd_per_million", "kg_co2_per_million", "co2_source", "input_tokens_per_text", "output_tokens_per_text")


def test_a_recording_names_no_prompt_and_no_endpoint_and_its_captions_only_what_is_drawn(
    project: Path, plain: Path
) -> None:
    arguments = write_toy_results(project, endpoint=True, priced=False)
    change_metrics(project, "annotate", server="recorded")  # of several teachers: the section's protocol is another
    compared = read_details(project / "metrics/cost.json")["compared_models"]
    unknown = [model | dict.fromkeys(UNPRICED) for model in compared]
    change_metrics(project, "cost", compared_models=unknown)
    main(*arguments)
    text = read_page(project).text
    assert "prompts/reviews.md" not in text and "of the recording, not known here" in text
    assert "was asked elsewhere" in text
    assert "answers recorded elsewhere, 1 vote" in read_card(project)
    assert "this study's tokens at their prices" not in read_table(project)
    for drawn in (
        "Diamonds: models",
        "A teacher behind an endpoint",
        "Dollars spent in all",
        "The teacher's figure is",
    ):
        assert drawn not in text
    for drawn in ("Diamonds: models", "Dollars spent in all", "The teacher's figure is", "rings: tokenization left"):
        assert drawn in read_page(plain).text


def test_int8_s_agreement_with_fp32_says_on_which_texts(plain: Path) -> None:
    text = read_page(plain).text
    assert "99.2% of 2,000 texts outside test" in text
    assert re.search(r"\d+\.\d% of the 612 test texts", text)


def test_rows_that_the_teacher_did_not_label_are_no_bin_of_a_line(plain: Path) -> None:
    described = [value for name, value in read_page(plain).attributes if name == "aria-label"]
    (bins,) = (words for words in described if words.startswith("Accuracy by how far the teacher's votes agree"))
    assert "no label" not in bins and "88-100% (122 texts)" in bins
    assert (
        "Not drawn: the 122 texts that the teacher did not label; the int8 student is right on" in read_page(plain).text
    )


def test_no_width_of_zero_is_told(project: Path) -> None:
    arguments = write_toy_results(project)
    cost, speed = (read_details(project / f"metrics/{name}.json") for name in ("cost", "speed"))
    cost["compared_models"][0]["kg_co2_per_million"] = dict.fromkeys(("low", "mid", "high"), 0.07)
    speed["ratios"]["served_to_pipeline"] = dict.fromkeys(("median", "min", "max"), 7.0)
    change_metrics(project, "cost", compared_models=cost["compared_models"])
    change_metrics(project, "speed", ratios=speed["ratios"])
    main(*arguments)
    page, table = read_page(project).text, read_table(project)
    assert "0.07 \N{EN DASH} 0.07" not in page and "0.07-0.07" not in table and "0.07" in table
    assert "7.0 times the texts" in " ".join(table.split()) and "7.0 to 7.0" not in page + table


def test_co2_is_written_one_way_and_sources_once(plain: Path) -> None:
    text = read_page(plain).text
    assert "CO\N{SUBSCRIPT TWO}" not in text and "CO2" in text
    assert text.count("genai-prices") == 1
    assert text.count("the vendor's price list") == 1 and "[1] the vendor's price list" in text


def test_the_trade_offs_have_a_column_for_labelling_by_hand(project: Path, plain: Path) -> None:
    text = read_page(plain).text
    assert "By hand: people label, the same student learns" in text
    assert "its price is not known; 2,985 texts are labelled by people here" in text
    assert "accuracy of Few-shot LR, from a few texts a label alone" in text
    main(*write_toy_results(project, gold=False))
    text = read_page(project).text
    assert "its price is not known" in text and "labelled by people here" not in text


def test_a_row_on_which_the_teacher_abstained_is_no_disagreement(project: Path) -> None:
    main(*write_toy_results(project, texts=tuple(f"text number {number}." for number in range(150))))
    page = read_page(project)
    assert "text number 0." not in page.text
    assert "(no label)" in page.text, "but it counts in the teacher's confusion matrix"


def test_the_same_results_give_the_same_bytes(project: Path, plain: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(*write_toy_results(project))
    again, first = (
        {path.name: path.read_bytes() for path in (folder / "reports").iterdir()} for folder in (project, plain)
    )
    assert again == first
    assert capsys.readouterr().out == f"report: 8 systems, 16 charts -> {project / 'reports/index.html'}\n"


def test_many_long_labels_are_drawn_shortened(project: Path) -> None:
    labels = tuple(f"label {number} with a rather long name" for number in range(40))
    main(*write_toy_results(project, labels=labels))
    page = read_page(project)
    assert "label 39 with a rather" in page.text, "in the first of two lines"
    assert "The 20 that the teacher gave most often, of 40." in page.text
    assert "they are too many for their names" in page.text
    assert "What the int8 student confuses most often" in page.text


def test_the_pairs_that_are_confused_most_often_come_first(plain: Path, project: Path) -> None:
    labels = tuple(f"label {number}" for number in range(12))
    main(*write_toy_results(project, labels=labels))
    html = (project / "reports/index.html").read_text(encoding="utf-8")
    table = html[html.index("confuses most often</h3>") :].partition("</table>")[0]
    cells = (
        r"<tr><td[^>]*><span>(.*?)</span></td><td[^>]*><span>(.*?)</span></td><td class=.figure.[^>]*>(\d+)</td></tr>"
    )
    rows = re.findall(cells, table)
    counts = [int(count) for *_, count in rows]
    assert len(rows) == 10 and counts == sorted(counts, reverse=True) and counts[-1] >= 1
    assert all(actual != given for actual, given, _ in rows)
    assert "confuses most often" not in read_page(plain).text, "of two labels all is in the chart"


def read_table(project: Path) -> str:
    return (project / "reports/table.txt").read_text(encoding="utf-8")


def test_baselines_have_a_row_only_if_they_have_scores(project: Path, plain: Path) -> None:
    arguments = write_toy_results(project)
    quality = read_details(project / "metrics/quality.json")
    del quality["systems"]["few_shot"]
    change_metrics(project, "quality", systems=quality["systems"])
    main(*arguments)
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
    main(*arguments)
    ratio = "13.9 (13.1 to 14.8) times the texts a second of the pipeline."
    assert f"- int8: fp32's label on {told} measured in turns, {ratio}" in read_card(project).splitlines()


def test_without_models_to_compare_nothing_speaks_of_them(project: Path) -> None:
    main(*write_toy_results(project, compared=False))
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
    main(*write_toy_results(project, rows=1))
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
    main(*arguments)
    assert next(line for line in read_table(project).splitlines() if line.startswith("Student, ONNX int8")).split()[
        3:5
    ] == ["0.809", "0.805"]


def test_a_load_that_no_queue_can_take_has_no_predicted_wait(project: Path) -> None:
    arguments = write_toy_results(project)
    server = read_details(project / "metrics/speed.json")["server"]
    server["student_int8"]["highest_arrivals_per_s"] = None
    server["student_int8"]["loads"][-1]["predicted_wait_ms"] = None
    change_metrics(project, "speed", server=server)
    main(*arguments)
    assert "At none of the rates tried does the int8 student answer 99 of 100 within 50 ms." in read_page(project).text


@pytest.mark.parametrize(
    ("endpoint", "control", "price"),
    [(False, "runs here", "on the rented hardware below"), (True, "behind an endpoint", "by its tokens")],
)
def test_the_trade_offs_tell_where_the_teacher_is(project: Path, endpoint: bool, control: str, price: str) -> None:
    main(*write_toy_results(project, endpoint=endpoint, compared=False))
    text = read_page(project).text
    assert control in text and price in text
    assert ("A teacher behind an endpoint is priced by its tokens." in text) == endpoint


def test_what_the_2024_study_printed_is_labelled_as_such(plain: Path) -> None:
    text = read_page(plain).text
    assert "Nothing of it was measured in this run" in text
    assert "Other texts, models" not in text, "which a study of the same texts would belie"
    assert "735 \N{EN DASH} 1,100" in text and "3,061" in text and "3,061.0" not in text
    assert "huggingface.co/blog/synthetic-data-save-costs, 2024-02-16" in text


def test_the_loss_and_the_making_are_those_of_the_student(project: Path, plain: Path) -> None:
    arguments = write_toy_results(project)
    change_metrics(project, "train", rung="contrastive", trained="32 contrastive steps and a linear head")
    main(*arguments)
    page = read_page(project).text
    assert "The contrastive loss of each step" in page and "Cross-entropy against" not in page
    assert "32 contrastive steps and a linear head" in page
    assert "after contrastive training on those labels with distil, and a linear head" in read_card(project)
    assert "Cross-entropy against the teacher's labels" in read_page(plain).text


def test_warnings_of_training_and_notes_of_quality_and_cost_are_warnings(project: Path) -> None:
    arguments = write_toy_results(project)
    change_metrics(project, "train", reading={"texts_cut": 1204, "unread_share": 0.62}, warnings=["of training"])
    change_metrics(project, "quality", notes=["of quality"])
    change_metrics(project, "cost", notes=["of <cost>"])
    main(*arguments)
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


def read_head(html: str) -> str:
    """What stands above the sections of the page."""
    return html.partition("</header>")[0]


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
    contrastive = "Contrastive encoder + linear head 85.5%"
    assert f"Frozen encoder + linear head 87.4%, chosen after 14.2 s; {contrastive} after 27.5 s; Fine-tuned" in rungs
    curve = next(words for words in described if words.startswith("Learning curve"))
    assert "268 texts 64.2%" in curve and "2,149 texts 87.4%" in curve
    html = (project / "reports/index.html").read_text(encoding="utf-8")
    ((title, cells),) = re.findall(r'<tr class="main"><th scope="row">(?!<)(.*?)</th>(.*?)</tr>', html)
    assert title == "Frozen encoder + linear head"
    assert "87.4%<small>86.0% \N{EN DASH} 88.7%</small>" in cells and "14.2" in cells
    assert "Majority label</th><td>2.1%" in html
    assert "Frozen and fine-tuned are alike on held-out labels" in page.text
    assert f"Frozen encoder + linear head 87.4% (taken), {contrastive}, Fine-tuned encoder 86.1%. Frozen and" in card
    assert "the student,\nis its base as it was, with a linear head that distil fitted to those labels. No text" in card
    assert "was fine-tuned on those labels with distil. No text" in read_card(plain)
    assert "- Fitted to the data by distil: head\\_learning\\_rate 0.01 (the head starts from nothing)\n" in card
    assert "\n\n\n\n" not in card
    assert len(list((project / "reports").glob("*.png"))) == 18
    for text in (read_page(plain).text, read_card(plain)):
        assert not re.search("eld-out|Learning curve|more texts help|Fitted to", text)


def read_front_matter(project: Path) -> dict[str, object]:
    _, front, _ = read_card(project).split("---\n", 2)
    loaded: dict[str, object] = yaml.safe_load(front)
    return loaded


def change_params(project: Path, **sections: dict[str, object]) -> None:
    params = yaml.safe_load((project / "params.yaml").read_text(encoding="utf-8"))
    for name, changes in sections.items():
        params[name] |= changes
    (project / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")


def read_card(project: Path) -> str:
    return (project / "reports/MODEL_CARD.md").read_text(encoding="utf-8")


def parse_card(project: Path) -> ModelCardData:
    """The front matter, as the Hub's own library reads it."""
    data = ModelCard(read_card(project)).data
    assert isinstance(data, ModelCardData)
    return data


def test_the_hub_s_own_parser_reads_the_model_card(plain: Path) -> None:
    data = parse_card(plain)
    assert data.license == "apache-2.0"
    assert data.language == ["en"]
    assert data.library_name == "transformers"
    assert data.pipeline_tag == "text-classification"
    assert (data.base_model, data["base_model_relation"]) == ("sentence-transformers/all-MiniLM-L6-v2", "finetune")
    assert data.metrics == ["accuracy", "f1", "ece"]
    assert data.datasets is None
    accuracy, f1, ece = data.eval_results or []
    assert (accuracy.metric_type, accuracy.metric_value, accuracy.metric_name) == ("accuracy", 0.811, "Accuracy")
    assert (f1.metric_type, f1.metric_value, f1.metric_name) == ("f1", 0.807, "Macro F1")
    assert (ece.metric_type, ece.metric_value) == ("ece", 0.0713)
    for result in (accuracy, f1, ece):
        assert (result.task_type, result.dataset_type, result.dataset_split) == (
            "text-classification",
            "reviews",
            "test",
        )
        assert result.dataset_name == "product-review sentences of the VADER data"
    index = read_front_matter(plain)["model-index"]
    assert isinstance(index, list)
    name, results = model_index_to_eval_results(index)
    assert (name, results) == ("reviews", [accuracy, f1, ece])


def test_model_card_tells_how_it_was_made_and_is_for_the_folder(plain: Path) -> None:
    card = read_card(plain)
    assert "- Texts: product-review sentences of the VADER data\n" in card
    assert "- Teacher: SmolLM2-135M-Instruct.Q4\\_1, method score over the completion protocol, 1 vote a text\n" in card
    assert "labelled 2980, with a mean share of 0.871 for the winning label\n" in card
    assert "all agree on 70.0% of the texts that got at least two; Krippendorff's alpha 0.620\n" in card
    assert f"```text\n{PROMPT.strip()}\n```\n" in card
    assert "This model: apache-2.0. Its base: apache-2.0. The texts it learned from: mit.\n" in card
    assert "(expected calibration error, 95% interval 0.051 to 0.096).\n" in card
    assert card.endswith(render_usage("onnx/model_quantized.onnx"))
    assert "\n\n\n\n" not in card


def change_metrics(project: Path, stage: str, **changes: object) -> None:
    path = project / f"metrics/{stage}.json"
    write_metrics(path, {}, read_details(path) | changes)


def test_model_card_names_a_dataset_doubtful_labels_and_no_prompt_of_a_recording(project: Path) -> None:
    arguments = write_toy_results(project)
    change_params(project, report={"dataset": "takala/financial_phrasebank"}, task={"language": "no"})
    change_metrics(project, "annotate", server="recorded", counted={"tokenizer": "a/tokenizer.json", "stand_in": True})
    change_metrics(project, "train", suspects=31, noise="drop", below_min_agreement=12)
    main(*arguments)
    data = parse_card(project)
    assert data.datasets == ["takala/financial_phrasebank"]
    assert [result.dataset_type for result in data.eval_results or []] == 3 * ["takala/financial_phrasebank"]
    assert data.language == ["no"], "Norwegian, not YAML's word for false"
    assert "- Left out: 12 texts, on which the teacher's votes agree too little\n" in read_card(project)
    assert "- Labels that are probably wrong, by cross-validation: 31, left out\n" in read_card(project)
    assert "The answers were recorded elsewhere" in read_card(project)
    assert "not known here; costs are counted with prompts/reviews.md" in read_page(project).text
    assert ", counted here" in read_page(project).text
    assert PROMPT not in read_card(project)


def test_the_page_tells_whose_batches_are_how_large(plain: Path) -> None:
    told = "The ONNX students take batches of 256 tokens, the pipeline of 8 texts, what else runs in torch its own"
    assert told in read_page(plain).text


def test_the_model_card_lists_each_file_with_its_own_size(project: Path, plain: Path) -> None:
    line = next(line for line in read_card(plain).splitlines() if line.startswith("- Files: "))
    assert line == (
        "- Files: `model.safetensors` (91 MB), `onnx/model.onnx` (fp32, 91 MB), `onnx/model_quantized.onnx` "
        "(int8, 23 MB); int8 gives the label of fp32 on 99.2% of 2000 texts outside test"
    )
    arguments = write_toy_results(project)
    change_metrics(project, "export", torch={"megabytes": 45.4}, fp16={"megabytes": 45.6})
    main(*arguments)
    card = read_card(project)
    assert "`model.safetensors` (45 MB), `onnx/model.onnx` (fp32, 91 MB)" in card
    assert "(int8, 23 MB), `onnx/model_fp16.onnx` (fp16, 46 MB); int8" in card


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
    assert card.endswith(render_usage("onnx/model.onnx"))
    for text in (page.text.replace(why, ""), table.replace("since int8", ""), card.replace(why, "")):
        assert "int8 student" not in text and "ONNX int8" not in text
    assert "quantized" not in card and '"q8"' not in card and 'dtype: "fp32"' in card


def test_layers_that_stayed_in_fp32_are_told(project: Path) -> None:
    arguments = write_toy_results(project)
    int8 = read_details(project / "metrics/export.json")["int8"] | {"fp32_layers": ["head", "layer 3"]}
    change_metrics(project, "export", int8=int8)
    main(*arguments)
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


def test_a_distilled_student_is_not_said_to_have_learned_the_teacher_s_labels(project: Path, plain: Path) -> None:
    told = "Cross-entropy against the teacher's labels"
    assert told in read_page(plain).text and "istilled" not in read_page(plain).text
    arguments = write_toy_results(project)
    change_metrics(project, "train", distilled_from=5, suspects=31, noise="drop")
    main(*arguments)
    page, card = read_page(project).text, read_card(project)
    assert told not in page
    assert "Cross-entropy against the mean answers of 5 students, which learned the teacher's labels, by epoch." in page
    assert "Distilled from5 students" in page
    assert (
        "5 students were fine-tuned on those labels with distil, and this model on the\nmean of their answers. No"
        in card
    )
    assert "31, left out (for those 5 students)\n" in card


def test_model_card_quotes_and_escapes_what_others_wrote(project: Path) -> None:
    arguments = write_toy_results(project, labels=HOSTILE_LABELS, teacher="x\n---\nlicense: mit\n# <img src=x>")
    hostile = "a: b\n---\nlicense: mit"
    change_params(project, task={"description": hostile}, report={"texts": hostile})
    prompt = "---\nlicense: mit\n---\n````\n<img src=x>\n# {text}"
    (project / "prompts/reviews.md").write_text(prompt, encoding="utf-8")
    main(*arguments)
    card = read_card(project)
    assert read_front_matter(project)["license"] == "apache-2.0"
    assert parse_card(project).license == "apache-2.0"
    assert f"\n`````text\n{prompt}\n`````\n" in card
    outside = card.replace(prompt, "")
    assert "<img" not in outside.replace("\\<img", "")
    assert "\n# <" not in outside
    assert "\\<b\\>bad\\</b\\>" in outside


@pytest.mark.parametrize(
    ("licenses", "complaint"),
    [
        ({"texts_license": "cc-by-nc-sa-3.0"}, "texts_license = 'cc-by-nc-sa-3.0' (not for commercial use, only under"),
        ({"base_license": "cc-by-sa-4.0", "license": "mit"}, "license = 'mit' is looser than base_license"),
        ({"texts_license": "cc-by-nc-4.0", "license": "cc-by-sa-4.0"}, "(not for commercial use)"),
        ({"texts_license": "cc-by-nc-sa-3.0", "license": "cc-by-nc-sa-4.0"}, None),
        ({"texts_license": "cc-by-nc-sa-3.0", "license": "other"}, None),
        ({"dataset": "https://huggingface.co/datasets/a/b"}, "report.dataset = 'https"),
        ({"dataset": "owner"}, "report.dataset = 'owner'"),
    ],
)
def test_a_licence_may_not_drop_a_condition_of_base_or_texts(
    tmp_path: Path, licenses: dict[str, str], complaint: str | None
) -> None:
    given = {"examples": 1, "license": "apache-2.0", "base_license": "mit", "texts": "x", "texts_license": "mit"}
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump({"report": given | licenses}), encoding="utf-8")
    if complaint is None:
        assert load_params("report", ReportParams, path).license == licenses["license"]
    else:
        with pytest.raises(InputError, match=re.escape(complaint)):
            load_params("report", ReportParams, path)


def test_a_prompt_that_is_gone_is_named(project: Path) -> None:
    arguments = write_toy_results(project)
    (project / "prompts/reviews.md").unlink()
    with pytest.raises(InputError, match=r"^prompts/reviews\.md, the prompt, cannot be read"):
        main(*arguments)


@pytest.mark.parametrize("name", ARGUMENTS[:-1])
def test_a_missing_file_is_named_in_one_line(project: Path, name: str) -> None:
    arguments = write_toy_results(project)
    (project / name).unlink()
    with pytest.raises(InputError) as caught:
        main(*arguments)
    assert f"{name} is missing" in str(caught.value) and "\n" not in str(caught.value)


def test_a_loss_curve_without_a_step_is_drawn_empty(project: Path) -> None:
    arguments = write_toy_results(project)
    (project / "metrics/training.csv").write_text("step,epoch,loss,learning_rate\n", encoding="utf-8")
    main(*arguments)
    assert "Training loss by epoch" in [value for name, value in read_page(project).attributes if name == "aria-label"]


def test_charts_tell_their_figures_in_words(plain: Path) -> None:
    described = [value for name, value in read_page(plain).attributes if name == "aria-label"]
    scores = next(words for words in described if words.startswith("Accuracy by system: "))
    assert "Student, ONNX int8 80.9%" in scores
    assert any("Teacher (LLM) 0.1 (0.004-0.5)" in words for words in described)
    assert any("the student has paid for itself after 3,611 texts" in words for words in described)
    assert any(
        "Student, ONNX int8 \N{MINUS SIGN}2.8" in words for words in described if words.startswith("Accuracy less")
    )
