"""Studies of sets and of spans whose teacher is asked about what a tiny student is unsure of, by server or in files.

The teacher goes by a rule: it names each label that is a word of the text, or marks `good` and `bad` as spans.
"""

import json
import re
import shutil
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from conftest import ROOT
from loopback_teacher import Body, LoopbackTeacher, prompt_of
from tiny_export import export_tiny_several, export_tiny_tagger

from distil.classifiers.opening import open_onnx
from distil.core.params import Kind

INT8 = "onnx/model_quantized.onnx"
TEXTS = [f"{start} {end}" for start in ("good thing a", "bad b thing", "it is", "a c") for end in ("works", "bad", "b")]
USD = 0.012  # of an answer
ASKED = {
    "multi_label": 'Which of {labels} fit? Answer with JSON: {"labels": [...]}\n\nText: {text}\n',
    "token_classification": "Mark {labels}, each between tags of its label.\n\nText: {text}\n",
}
PRESETS = {"multi_label": "emotions", "token_classification": "names"}
MARKED = {"good": "PER", "bad": "LOC"}


class Cascade(NamedTuple):
    """A study's kind and folder, its student with a certified threshold, and which of `TEXTS` go to the teacher."""

    kind: Kind
    folder: Path
    model: Path
    unsure: list[str]

    def tell(self, text: str) -> list[Any]:
        """What the teacher says of a text: its labels, or start, end and label of its spans."""
        if self.kind == "multi_label":
            return [label for label in "abc" if label in text.split()]
        return [(*found.span(), MARKED[found[0]]) for found in re.finditer("good|bad", text)]

    def write(self, text: str) -> str:
        """Its answer, in the form that the prompt asks for."""
        if self.kind == "multi_label":
            return json.dumps({"labels": self.tell(text)})
        return re.sub("good|bad", lambda found: f"<{MARKED[found[0]]}>{found[0]}</{MARKED[found[0]]}>", text)

    def prompt(self, text: str) -> str:
        """What it is asked."""
        labels = ", ".join(open_onnx(self.model, INT8).labels)
        return ASKED[self.kind].replace("{labels}", labels).replace("{text}", text).strip()

    def behave(self, body: Body, _number: int) -> str:
        """Answer a request."""
        return self.write(find_text(body))

    def change(self, section: str, **values: Any) -> None:
        """Change a section of params.yaml."""
        place = self.folder / "params.yaml"
        sections = yaml.safe_load(place.read_text())
        sections[section] |= values
        place.write_text(yaml.safe_dump(sections))


def find_text(body: Body) -> str:
    """The text that the teacher is asked about."""
    return prompt_of(body).rsplit("Text: ", 1)[1].strip()


def make_cascade(kind: Kind, folder: Path, factory: pytest.TempPathFactory, teacher: LoopbackTeacher) -> Cascade:
    """A study in a folder, whose teacher takes `USD` for a text."""
    export = export_tiny_several if kind == "multi_label" else export_tiny_tagger
    model = Path(shutil.copytree(export(factory)[1], folder / "own"))
    unsure = certify(model, TEXTS)
    sections: dict[str, Any] = yaml.safe_load((ROOT / "presets" / f"{PRESETS[kind]}.yaml").read_text())
    sections["task"]["labels"] = list(open_onnx(model, INT8).labels)
    sections["annotate"] = {"prompt": "ask.md", "method": "generate", "protocol": "chat", "model": "toy"}
    sections["annotate"] |= {"max_tokens": 90, "examples": {"file": "no.csv", "nearest": 0}}
    sections["runtime"] = {"base_url": teacher.url, "max_retries": 0, "retry_wait_s": 0.001, "budget_usd": 5.0}
    sections["cost"]["teacher_usd_per_million_tokens"] = {"input": 1000.0, "output": 1000.0}
    (folder / "params.yaml").write_text(yaml.safe_dump(sections))
    (folder / "ask.md").write_text(ASKED[kind])
    shutil.copy(ROOT / "dvc.yaml", folder)
    made = Cascade(kind, folder, model, unsure)
    teacher.behave = made.behave
    return made


def certify(model: Path, texts: Sequence[str]) -> list[str]:
    """Put a threshold into a student's folder, in the widest gap between what it is surest and least sure of.

    The sureness of a text moves a little with the texts beside it. Returns those below.
    """
    sureness = open_onnx(model, INT8, device="cpu").predict_with_sureness(texts)[1].tolist()
    middle = sorted(sureness)[len(texts) // 4 : -(len(texts) // 4)]
    low, high = max(pairwise(middle), key=lambda pair: pair[1] - pair[0])
    config = json.loads((model / "config.json").read_text())
    config["selective"] = {"temperature": 1.0, "threshold": (low + high) / 2, "file": INT8}
    (model / "config.json").write_text(json.dumps(config))
    return [text for text, sure in zip(texts, sureness, strict=True) if sure <= low]
