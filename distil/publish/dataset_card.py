"""Write the card of the labels as a dataset: what the Hub reads (YAML front matter) and what their user should know.

What others wrote is escaped or fenced off, as in the model card. Keys are those of the Hub's dataset card specification
(huggingface.co/docs/hub/datasets-cards, github.com/huggingface/hub-docs/blob/main/datasetcard.md).
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import ConfigDict

from distil.core.params import TaskParams
from distil.forms.labelling import load_labelling
from distil.forms.telling import load_telling
from distil.publish.label_files import Splits
from distil.report.model_card import open_card_template
from distil.report.params import CardParams

SIZES = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M", 10_000_000: "1M<n<10M"}
LARGEST = "10M<n<100M"
BY = {
    "gold": "people",
    "human": "people, who corrected the teacher",
    "adjudicated": "people, where one settled what others differed on",
    "teacher": "the teacher",
}


class SourceParams(CardParams):
    """Of the section `report` what a dataset's card says too."""

    model_config = ConfigDict(extra="ignore")


@dataclass(frozen=True)
class Origin:
    """Where the labels are from: details of metrics/annotate.json, aggregate.json and teacher.json, and the prompt."""

    asked: Mapping[str, Any]
    told: Mapping[str, Any]
    scored: Mapping[str, Any]
    prompt: str | None  # null where the answers are of another one


def render_dataset_card(task: TaskParams, params: SourceParams, splits: Splits, origin: Origin) -> str:
    """The card as Markdown."""
    front_matter = describe_dataset(task, params, splits)
    name_labels = load_labelling(task.kind).form.name_labels
    return open_card_template("distil.publish", "dataset_card.md").render(
        front_matter=yaml.safe_dump(front_matter, sort_keys=False, allow_unicode=True),
        task=task,
        words=load_telling(task.kind).words,
        params=params,
        splits=[_count(name, splits[name], name_labels) for name in splits],
        asked=origin.asked,
        told=origin.told,
        scored=origin.scored,
        prompt=origin.prompt,
    )


def describe_dataset(task: TaskParams, params: SourceParams, splits: Splits) -> dict[str, Any]:
    """The front matter: licence, language, task, size, and the file of each split."""
    rows = sum(map(len, splits.values()))
    files = [{"split": name, "path": f"data/{name}.parquet"} for name in splits]
    return {
        "license": params.texts_license,
        "language": [task.language],
        "pretty_name": task.name,
        "task_categories": [load_telling(task.kind).words.card.tag],
        "size_categories": [next((name for limit, name in SIZES.items() if rows < limit), LARGEST)],
        "annotations_creators": ["machine-generated"],
        "tags": ["distil", "synthetic-labels"],
        **({"source_datasets": [params.dataset]} if params.dataset else {}),
        "configs": [{"config_name": "default", "data_files": files}],
    }


def _count(name: str, rows: Any, name_labels: Callable[[str], list[str]]) -> dict[str, Any]:
    sources = rows["source"].value_counts()
    labels = Counter(named for label in rows["label"] for named in name_labels(label))
    by = [BY[source] if len(sources) == 1 else f"{BY[source]} ({count:,})" for source, count in sources.items()]
    return {"name": name, "rows": len(rows), "by": ", ".join(by), "labels": labels}
