"""What the page says on toy results, whatever the study has and has not."""

import re
from pathlib import Path

import pytest
from toy_results import write_toy_results
from written_reports import (
    change_metrics,
    on_the_page,
    read_card,
    read_page,
    read_table,
    write_report_on,
)

from distil.core.metrics import read_details


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
    write_report_on(arguments)
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


def test_unknown_prices_are_not_available_and_the_page_says_what_to_give(project: Path) -> None:
    write_report_on(write_toy_results(project, priced=False), on_the_page)
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
    write_report_on(write_toy_results(project, reason="Because it lasts."))
    assert "Because it lasts." in read_page(project).text
    assert "The teacher's reason" not in read_page(plain).text


def test_a_marker_in_the_place_of_a_reason_is_none(project: Path) -> None:
    write_report_on(write_toy_results(project, reason="FAIL"))
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
    write_report_on(arguments, on_the_page)
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
    write_report_on(arguments, on_the_page)
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
    write_report_on(write_toy_results(project, gold=False))
    text = read_page(project).text
    assert "its price is not known" in text and "labelled by people here" not in text


def test_a_row_on_which_the_teacher_abstained_is_no_disagreement(project: Path) -> None:
    write_report_on(
        write_toy_results(project, texts=tuple(f"text number {number}." for number in range(150))), on_the_page
    )
    page = read_page(project)
    assert "text number 0." not in page.text
    assert "(no label)" in page.text, "but it counts in the teacher's confusion matrix"


def test_many_long_labels_are_drawn_shortened(project: Path) -> None:
    labels = tuple(f"label {number} with a rather long name" for number in range(40))
    write_report_on(write_toy_results(project, labels=labels), on_the_page)
    page = read_page(project)
    assert "label 39 with a rather" in page.text, "in the first of two lines"
    assert "The 20 that the teacher gave most often, of 40." in page.text
    assert "they are too many for their names" in page.text
    assert "What the int8 student confuses most often" in page.text


def test_the_pairs_that_are_confused_most_often_come_first(plain: Path, project: Path) -> None:
    labels = tuple(f"label {number}" for number in range(12))
    write_report_on(write_toy_results(project, labels=labels))
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


def test_a_load_that_no_queue_can_take_has_no_predicted_wait(project: Path) -> None:
    arguments = write_toy_results(project)
    server = read_details(project / "metrics/speed.json")["server"]
    server["student_int8"]["highest_arrivals_per_s"] = None
    server["student_int8"]["loads"][-1]["predicted_wait_ms"] = None
    change_metrics(project, "speed", server=server)
    write_report_on(arguments, on_the_page)
    assert "At none of the rates tried does the int8 student answer 99 of 100 within 50 ms." in read_page(project).text


@pytest.mark.parametrize(
    ("endpoint", "control", "price"),
    [(False, "runs here", "on the rented hardware below"), (True, "behind an endpoint", "by its tokens")],
)
def test_the_trade_offs_tell_where_the_teacher_is(project: Path, endpoint: bool, control: str, price: str) -> None:
    write_report_on(write_toy_results(project, endpoint=endpoint, compared=False))
    text = read_page(project).text
    assert control in text and price in text
    assert ("A teacher behind an endpoint is priced by its tokens." in text) == endpoint


def test_the_loss_and_the_making_are_those_of_the_student(project: Path, plain: Path) -> None:
    arguments = write_toy_results(project)
    change_metrics(project, "train", rung="frozen", trained="a linear head on the base as it is")
    write_report_on(arguments)
    page = read_page(project).text
    assert "Cross-entropy against the teacher's labels" in page
    assert "a linear head on the base as it is" in page
    assert "is its base as it was, with a linear head that distil fitted to those labels" in read_card(project)
    assert "was fine-tuned on those labels with distil" in read_card(plain)


def test_the_page_tells_whose_batches_are_how_large(plain: Path) -> None:
    told = "The ONNX students take batches of 256 tokens, the pipeline of 8 texts, what else runs in torch its own"
    assert told in read_page(plain).text


def test_a_loss_curve_without_a_step_is_drawn_empty(project: Path) -> None:
    arguments = write_toy_results(project)
    (project / "metrics/training.csv").write_text("step,epoch,loss,learning_rate\n", encoding="utf-8")
    write_report_on(arguments, on_the_page)
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
