"""Write the model card: what the Hub reads (YAML front matter) and what a user of the student should know.

The front matter is dumped as YAML, and what others wrote is escaped in the text, so a label or a name of a model cannot
turn into either. Keys are those of the Hub's model card specification (huggingface.co/docs/hub/model-cards).
"""

import re
from collections.abc import Sequence
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from distil.results import Result, render_markdown
from distil.study import Study, describe_votes, find_hub_name, name_model

MARKDOWN_SIGNS = re.compile(r"([\\`*_\[\]<>|~$&])")


def render_model_card(study: Study, results: Sequence[Result], license_id: str) -> str:
    """The card as Markdown; `license_id` is an identifier that the Hub knows."""
    environment = Environment(
        loader=PackageLoader("distil"),
        autoescape=False,  # noqa: S701 - not HTML: `md` escapes Markdown
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"md": escape_markdown, "model": name_model, "votes": describe_votes}
    return environment.get_template("model_card.md").render(
        study=study,
        front_matter=yaml.safe_dump(describe_model(study, results, license_id), sort_keys=False, allow_unicode=True),
        table=render_markdown(results, study),
    )


def describe_model(study: Study, results: Sequence[Result], license_id: str) -> dict[str, Any]:
    """The front matter: licence, language, base model, tags and, against people's labels only, the scores."""
    card: dict[str, Any] = {
        "license": license_id,
        "language": [study.task.language],
        "library_name": "transformers",
        "pipeline_tag": "text-classification",
        "tags": ["distil", "onnx", "knowledge-distillation", "synthetic-labels"],
    }
    if base := find_hub_name(study.train["base"]):
        card["base_model"] = base
    student = next(result for result in results if result.system == "student")
    if study.has_gold and student.score and student.macro_f1:
        metrics = [
            {"type": "accuracy", "value": round(student.score.value, 4), "name": "Accuracy"},
            {"type": "f1", "value": round(student.macro_f1.value, 4), "name": "Macro F1"},
        ]
        task = {"type": "text-classification", "name": "Text Classification"}
        described = " ".join(study.task.description.split())  # a line of dashes in it would end the front matter
        dataset = {"type": study.task.name, "name": described, "split": "test"}
        card["model-index"] = [
            {"name": study.task.name, "results": [{"task": task, "dataset": dataset, "metrics": metrics}]}
        ]
    return card


def escape_markdown(text: object) -> str:
    """The text on one line, with every character escaped that is markup to Markdown or HTML within a line."""
    return MARKDOWN_SIGNS.sub(r"\\\1", " ".join(str(text).split()))
