"""What was scored label by label, for the page's chart and table where a text may get several labels."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from distil.report.findings import Study

MAX_DRAWN = 20  # labels in the chart; the table has all
TEACHER = "teacher"


def list_f1(study: Study) -> pd.DataFrame:
    """F1 of each label (row) of teacher, against people's labels, and served student (columns); NaN where unknown.

    Of many labels, the `MAX_DRAWN` that the reference has most often, in the order of params.yaml.
    """
    scored = {"teacher": read_labels(study, TEACHER), "student": read_labels(study, study.served)}
    columns = {who: {label: scores["f1"] for label, scores in found.items()} for who, found in scored.items() if found}
    support = pd.Series({label: scores["support"] for label, scores in scored["student"].items()}, dtype=float)
    drawn = support.nlargest(MAX_DRAWN).index
    return pd.DataFrame(columns, index=[label for label in study.task.labels if label in drawn])


def read_labels(study: Study, system: str) -> Mapping[str, Mapping[str, Any]]:
    """A system's precision, recall, f1 and support by label; of labels that occur, and of systems that were scored."""
    found: Mapping[str, Mapping[str, Any]] = (
        study.quality["systems"].get(system, {}).get(study.name_score("per_class")) or {}
    )
    return found
