"""The charts of quality: scores, differences to the teacher, confusion, calibration, scores by label and by bin.

Where a text may get several labels none stands in the place of another, so there is no confusion: scores by label do.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd

from distil.report.by_label import list_f1
from distil.report.charts.canvas import MARKERS, Chart
from distil.report.charts.confusion import describe_confusion, draw_confusion
from distil.report.charts.lines import Line, draw_bins, draw_calibration
from distil.report.charts.rows import Row, describe_rows, draw_bars, draw_by_label, draw_differences, format_points
from distil.report.findings import Study, find_calibration
from distil.report.results import Result, find_family

NO_LABEL = "(no label)"
MAX_CONFUSIONS = 10  # in the list of them
LARGEST_POINT = 90.0  # pt^2, of the bin with most texts
BESIDE = 0.05  # of the distance between two bins: how far a system stands from the middle


def list_quality_charts(study: Study, results: Sequence[Result]) -> Iterator[Chart]:
    """Those that need people's labels only where there are any, calibration only where there are probabilities."""
    yield _chart_scores(study, results)
    yield from _chart_differences(study, results)
    yield from _chart_confusion(study) if has_confusion(study) else _chart_f1(study)
    yield from _chart_calibration(study)
    yield from _chart_bins(study, "by_agreement", "how far the teacher's votes agree", study.words.votes.axis)
    yield from _chart_bins(study, "by_words", "length of the text", "words in the text")


def count_confusion(study: Study, system: str) -> pd.DataFrame:
    """How often each reference label (row) got each label (column) on the test rows.

    The columns end with `NO_LABEL` where the system abstained at least once. Rows without reference are left out.
    """
    labels = study.task.labels
    taught = study.labels.set_index("id")["teacher_label"].reindex(study.test["id"])
    predicted = study.predictions[study.predictions["system"] == system].set_index("id")["label"]
    truth = study.test.set_index("id")["gold"] if study.has_gold else taught
    truth = truth[truth.notna()]
    given = (taught if system == "teacher" else predicted).reindex(truth.index).fillna(NO_LABEL)
    columns = [*labels, NO_LABEL] if (given == NO_LABEL).any() else labels
    counts = pd.crosstab(truth.to_numpy(), given.to_numpy())
    return counts.reindex(index=labels, columns=columns, fill_value=0)


def list_confusions(study: Study, system: str) -> list[tuple[str, str, int]]:
    """The pairs that a system confuses most often: the reference label, the one that it gave, and on how many rows.

    None where it has no confusion.
    """
    if not has_confusion(study):
        return []
    pairs = count_confusion(study, system).stack()
    wrong = pairs[[actual != given for actual, given in pairs.index]].nlargest(MAX_CONFUSIONS)
    return [(str(actual), str(given), int(count)) for (actual, given), count in wrong.items() if count]


def has_confusion(study: Study) -> bool:
    """Whether evaluate counted what is confused with what."""
    return bool(study.quality["systems"][study.served].get(study.name_score("confusion")))


def _chart_scores(study: Study, results: Sequence[Result]) -> Chart:
    score = study.score.title
    rows = [
        Row(result.title, find_family(result.system), it.value, f"{it.value:.1%}", it.low, it.high)
        for result in results
        if (it := result.score)
    ]
    title = f"{score} by system"
    return Chart("scores", title, describe_rows(title, rows), partial(draw_bars, rows, _within(score)))


def _chart_differences(study: Study, results: Sequence[Result]) -> Iterator[Chart]:
    """Paired differences; without people's labels there are none."""
    rows = []
    for result in results:
        paired = study.quality["systems"].get(result.system, {}).get("vs_teacher")
        if paired:
            difference, low, high = (paired[f"difference{end}"] for end in ("", "_low", "_high"))
            text = format_points(difference, 1)
            rows.append(Row(result.title, find_family(result.system), difference, text, low, high))
    if rows:
        title = f"{study.score.title} less the teacher's on the same texts"
        unit = "percentage points more or less than the teacher"
        yield Chart("differences", title, describe_rows(title, rows), partial(draw_differences, rows, unit))


def _chart_confusion(study: Study) -> Iterator[Chart]:
    rows = "people's label" if study.has_gold else "teacher's label"
    confused = {study.served: ("confusion_student", f"Labels of the {study.precision} student", "student's label")}
    if study.has_gold:
        confused["teacher"] = ("confusion_teacher", "Labels of the teacher", "teacher's label")
    for system, (name, title, columns) in confused.items():
        counts = count_confusion(study, system)
        title = f"{title} against {rows}s"
        draw = partial(draw_confusion, counts, find_family(system), rows, columns)
        yield Chart(name, title, describe_confusion(title, counts), draw)


def _chart_f1(study: Study) -> Iterator[Chart]:
    scores = list_f1(study)
    if not scores.empty:
        described = (
            f"{label} " + ", ".join(f"{who} {f1:.0%}" for who, f1 in row.dropna().items())
            for label, row in scores.iterrows()
        )
        title = "F1 by label"
        yield Chart("f1_by_label", title, f"{title}: " + "; ".join(described), partial(draw_by_label, scores, "F1"))


def _chart_calibration(study: Study) -> Iterator[Chart]:
    lines, described = [], []
    right = next(column for column in study.calibration.columns if column not in ("system", "confidence", "rows"))
    for system, name in study.followed.items():
        bins = study.calibration[study.calibration["system"] == system].sort_values("confidence")
        found = find_calibration(study, system)
        if found is None or bins.empty:
            continue
        sizes = LARGEST_POINT * bins["rows"].to_numpy() / bins["rows"].max()
        described.append(f"{name} ECE {found['ece']:.3f}")
        title = f"{name}\nECE {found['ece']:.3f}"
        confidences, shares = bins["confidence"].tolist(), bins[right].tolist()
        family = find_family(system)
        lines.append(Line(title, family, confidences, shares, marker=MARKERS[family], sizes=sizes.tolist()))
    if lines:
        title = "Calibration: how often probabilities are right"
        y_label = "right" if study.has_gold else "agrees with the teacher"
        description = f"{title}: " + "; ".join(described)
        draw = partial(draw_calibration, lines, study.words.calibration.axis, y_label)
        yield Chart("calibration", title, description, draw)


def _chart_bins(study: Study, key: str, by: str, unit: str) -> Iterator[Chart]:
    bins = [each for each in study.quality[key] if each["from"] is not None]  # without a label the teacher is not right
    names = [_name_bin(each, shares=key == "by_agreement") for each in bins]
    lines = [_draw_bins(bins, system, title) for system, title in study.followed.items()]
    lines = [line for line in lines if line.x]
    if lines:
        title = f"{study.score.in_groups_title} by {by}"
        described = "; ".join(_describe_bin(study, each, name) for each, name in zip(bins, names, strict=True))
        below = [f"{name}\n{each['rows']:,}" for each, name in zip(bins, names, strict=True)]
        draw = partial(draw_bins, lines, below, f"{unit}, and number of texts", _within(study.score.in_groups_title))
        yield Chart(key, title, f"{title}: {described}", draw)


def _draw_bins(bins: Sequence[Mapping[str, Any]], system: str, title: str) -> Line:
    """A system's share in each bin that has one, with its bounds; systems stand beside one another, not on top."""
    family = find_family(system)
    beside = BESIDE if family == "teacher" else -BESIDE
    known = [(place + beside, each) for place, each in enumerate(bins) if system in each["systems"]]
    shares = [each["systems"][system] for _, each in known]
    bounds = [tuple(each["bounds"][system]) for _, each in known]
    return Line(title, family, [place for place, _ in known], shares, marker=MARKERS[family], bounds=bounds)


def _name_bin(each: Mapping[str, Any], shares: bool) -> str:
    """The bounds of a bin: 2-9 words, 67-100%, or a single value."""
    bounds = [f"{100 * each[end]:.0f}" if shares else f"{each[end]:,.0f}" for end in ("from", "to")]
    return "-".join(dict.fromkeys(bounds)) + ("%" if shares else "")


def _describe_bin(study: Study, each: Mapping[str, Any], name: str) -> str:
    shares = (
        f"{title} {each['systems'][system]:.0%}"
        for system, title in study.followed.items()
        if system in each["systems"]
    )
    return f"{name} ({each['rows']:,} texts) {', '.join(shares)}"


def _within(title: str) -> str:
    """A title as it stands within a sentence."""
    return title[:1].lower() + title[1:]
