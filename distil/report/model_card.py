"""Write the model card: what the Hub reads (YAML front matter) and what a user of the student should know.

The front matter is dumped as YAML, and what others wrote is escaped in the text or fenced off, so a label, a prompt or
a name of a model cannot turn into either. Keys are those of the Hub's model card specification
(huggingface.co/docs/hub/model-cards, github.com/huggingface/hub-docs/blob/main/modelcard.md).
"""

from collections.abc import Sequence
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from distil.report.cascade import write_card_line
from distil.report.findings import Study, describe_votes, find_calibration, find_hub_name, name_model
from distil.report.ladder import MADE, list_chosen_knobs, list_rungs
from distil.report.markdown import escape_markdown, fence
from distil.report.next_steps import write_shortfalls_as_markdown
from distil.report.params import CardParams
from distil.report.recall import describe_recall
from distil.report.results import Result, render_markdown
from distil.report.usage import render_usage

STUDENT = "student"  # in full precision: the weights that the card is about


def open_card_template(package: str, name: str) -> Template:
    """The template of a card, which is Markdown: `md` escapes what others wrote, `fenced` fences it off."""
    environment = Environment(
        loader=PackageLoader(package),
        autoescape=False,  # noqa: S701 - not HTML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"md": escape_markdown, "model": name_model, "votes": describe_votes, "fenced": fence}
    return environment.get_template(name)


def render_model_card(study: Study, results: Sequence[Result], params: CardParams, prompt: str | None) -> str:
    """The card as Markdown; `prompt` is the text of the prompt file, null where the answers are of another prompt."""
    return open_card_template("distil.report", "model_card.md").render(
        study=study,
        words=study.words,
        params=params,
        prompt=prompt,
        front_matter=yaml.safe_dump(describe_model(study, params), sort_keys=False, allow_unicode=True),
        table=render_markdown(results, [], study),
        calibration=find_calibration(study, STUDENT),
        shortfalls=write_shortfalls_as_markdown(study),
        made=MADE[study.train["rung"]],
        rungs=list_rungs(study),
        recall=describe_recall(study),
        cascade=write_card_line(study),
        knobs=list_chosen_knobs(study),
        usage=render_usage(study.task.kind, study.export["default_file"]),
    )


def describe_model(study: Study, params: CardParams) -> dict[str, Any]:
    """The front matter: licence, language, base model, data, tags and, against people's labels only, the scores."""
    card: dict[str, Any] = {
        "license": params.license,
        "language": [study.task.language],
        "library_name": "transformers",
        "pipeline_tag": study.words.card.tag,
        "tags": ["distil", "onnx", "knowledge-distillation", "synthetic-labels"],
    }
    if base := find_hub_name(study.train["base"]):
        card |= {"base_model": base, "base_model_relation": "finetune"}  # the Hub takes ONNX for a quantized copy
    if params.dataset:
        card["datasets"] = [params.dataset]
    if metrics := _list_metrics(study):
        task = {"type": study.words.card.tag, "name": study.words.card.task}
        described = " ".join(params.texts.split())  # a line of dashes in it would end the front matter
        dataset = {"type": params.dataset or study.task.name, "name": described, "split": "test"}
        card["metrics"] = list(dict.fromkeys(metric["type"] for metric in metrics))
        card["model-index"] = [
            {"name": study.task.name, "results": [{"task": task, "dataset": dataset, "metrics": metrics}]}
        ]
    return card


def _list_metrics(study: Study) -> list[dict[str, Any]]:
    scores = study.quality["systems"].get(STUDENT, {})
    if not study.has_gold:
        return []
    metrics = [
        {"type": metric, "value": round(scores[key], 4), "name": name}
        for metric, key, name in study.words.card.metrics
        if scores.get(key) is not None
    ]
    if calibration := find_calibration(study, STUDENT):
        name = "Expected calibration error"
        metrics.append({"type": "ece", "value": round(calibration["ece"], 4), "name": name})
    return metrics
