"""The charts of the report, in the order of the page.

The page places them by name and says beside each what was measured; the PNG files carry the names and titles.
"""

from collections.abc import Sequence
from functools import partial

import pandas as pd

from distil.report.charts.canvas import Chart
from distil.report.charts.lines import draw_training
from distil.report.charts.of_candidates import list_candidate_charts
from distil.report.charts.of_cascade import list_cascade_charts
from distil.report.charts.of_cost import list_cost_charts
from distil.report.charts.of_ladder import list_ladder_charts
from distil.report.charts.of_quality import list_quality_charts
from distil.report.charts.of_speed import list_speed_charts
from distil.report.charts.rows import draw_by_label
from distil.report.findings import Study
from distil.report.results import Result

MAX_SHARES = 20  # labels in the chart of their shares


def list_charts(study: Study, results: Sequence[Result], compared: Sequence[Result]) -> list[Chart]:
    """All the charts that the study has figures for; `compared` are the models that were priced, not run."""
    return [
        *list_quality_charts(study, results),
        *list_cascade_charts(study),
        *list_speed_charts(study),
        *list_cost_charts(study, [*results, *compared]),
        *list_ladder_charts(study),
        *list_candidate_charts(study),
        _chart_labels(study),
        _chart_training(study),
    ]


def count_label_shares(study: Study) -> pd.DataFrame:
    """The share of each label (row) among the teacher's labels and, where there are any, people's (columns).

    Of many labels, the `MAX_SHARES` that the teacher gave most often.
    """
    counts = {"teacher": study.aggregate["by_label"]}
    if study.fetch["with_gold"]:
        counts["people"] = study.fetch["by_label"]
    shares = {
        who: [by_label.get(label, 0) / max(sum(by_label.values()), 1) for label in study.task.labels]
        for who, by_label in counts.items()
    }
    frame = pd.DataFrame(shares, index=study.task.labels)
    return frame.loc[frame.index.isin(frame["teacher"].nlargest(MAX_SHARES).index)]


def _chart_labels(study: Study) -> Chart:
    shares = count_label_shares(study)
    rows = (
        f"{label} " + ", ".join(f"{who} {share:.0%}" for who, share in row.items()) for label, row in shares.iterrows()
    )
    title, draw = "Shares of the labels", partial(draw_by_label, shares, study.words.votes.shares)
    return Chart("labels", title, f"{title}: " + "; ".join(rows), draw)


def _chart_training(study: Study) -> Chart:
    title, losses = "Training loss by epoch", study.curve["loss"].tolist()
    ends = f": from {losses[0]:.3f} to {losses[-1]:.3f}" if losses else ""
    return Chart("training", title, title + ends, partial(draw_training, study.curve))
