"""The charts of the report: their names and titles, and the figures that each is drawn from.

The page places them by name and says beside each what was measured; the PNG files carry the names and titles.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from distil.charts import (
    Draw,
    draw_co2,
    draw_confusion,
    draw_cost,
    draw_label_shares,
    draw_latency,
    draw_scores,
    draw_throughput,
    draw_training,
)
from distil.results import Result
from distil.study import Study

NO_LABEL = "(no label)"
MAX_SHARES = 20  # labels in the chart of their shares


@dataclass(frozen=True)
class Chart:
    """A chart by name, with a title that also describes it to those who cannot see it."""

    name: str
    title: str
    draw: Draw


def list_charts(study: Study, results: Sequence[Result]) -> list[Chart]:
    """All the charts of a study; the teacher's confusion only where people's labels are known."""
    score = "Accuracy" if study.has_gold else "Agreement with the teacher"
    charts = [
        Chart("scores", f"{score} by system", partial(draw_scores, results, score.lower())),
        Chart("throughput", "Texts per second by system", partial(draw_throughput, results, read_spread(study))),
        Chart("latency", "Latency of one text by system", partial(draw_latency, read_latencies(study.timings))),
        Chart("cost", "Dollars per million texts by system", partial(draw_cost, results)),
        Chart("co2", "Kilograms of CO2 per million texts by system", partial(draw_co2, results)),
        Chart("labels", "Shares of the labels", partial(draw_label_shares, count_label_shares(study))),
        Chart("training", "Training loss by epoch", partial(draw_training, study.curve)),
    ]
    rows = "people's label" if study.has_gold else "teacher's label"
    confused = {"student_int8": ("confusion_student", "Labels of the int8 student", "student's label")}
    if study.has_gold:
        confused["teacher"] = ("confusion_teacher", "Labels of the teacher", "teacher's label")
    for system, (name, title, columns) in confused.items():
        counts = count_confusion(study, system)
        charts.append(
            Chart(name, f"{title} against the {rows}", partial(draw_confusion, counts, system, rows, columns))
        )
    return charts


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


def read_latencies(timings: pd.DataFrame) -> dict[str, NDArray[np.float64]]:
    """The milliseconds of all single-stream answers, by system, the slowest first."""
    single = timings[timings["scenario"] == "single_stream"]
    times = {str(system): 1000 * rows["seconds"].to_numpy() for system, rows in single.groupby("system")}
    return dict(sorted(times.items(), key=lambda item: -float(np.median(item[1]))))


def read_spread(study: Study) -> dict[str, tuple[float, float]]:
    """The slowest and the fastest offline repetition in texts per second, by system as the results name it."""
    measured = {name: system["offline"] for name, system in study.speed["systems"].items()}
    spread = {name: (rates["texts_per_s_min"], rates["texts_per_s_max"]) for name, rates in measured.items()}
    return {"student" if name == "pipeline" else name: bounds for name, bounds in spread.items()}
