"""A toy study in the shape of a project: the real dvc.yaml and code, reviews, a teacher that knows their words."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import yaml
from conftest import ROOT
from loopback_teacher import prompt_of

from distil.assets.references import sha256_of

OF_PEOPLE = ("review/corrections.csv", "review/audit.csv")
STAGES = ["fetch", "annotate", "compare", "aggregate", "split", "train", "export", "evaluate", "benchmark", "cost"]
STAGES += ["report"]
GOOD, BAD = ["good", "great", "fine", "lovely"], ["bad", "awful", "poor", "broken"]
PROMPT = "prompts/toy.md"


def behave(body: dict[str, Any], _number: int) -> str:
    """A teacher that knows its words, and errs on every eighth text."""
    text = prompt_of(body).rsplit("Text: ", 1)[1]
    good = any(word in text for word in GOOD)
    wrong = hashlib.sha256(text.encode()).digest()[0] % 8 == 0
    return "positive" if good != wrong else "negative"


def copy_toy(folder: Path, rows: int) -> None:
    """Make the folder a project with so many texts; params.yaml is still to be written."""
    for name in ("distil", "stages", "plots", "prices"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dvc.yaml", ".gitattributes", ".gitignore", ".dvcignore", "assets.txt", *OF_PEOPLE):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    (folder / "corpus").mkdir()
    (folder / "prompts").mkdir()
    (folder / PROMPT).write_text("Is it {labels}?\nText: {text}\n")
    shutil.copy(ROOT / "prompts" / "reviews_examples.csv", folder / "prompts")
    write_corpus(folder, rows)


def write_corpus(folder: Path, count: int) -> None:
    lines = ["text,label"]
    for number in range(count):
        word, label = (GOOD, "positive") if number % 2 else (BAD, "negative")
        lines.append(f"item {number} is {word[number % 4]},{label}")
    (folder / "corpus" / "toy.csv").write_text("\n".join(lines) + "\n")


def toy_params(base: Path, url: str) -> dict[str, Any]:
    params: dict[str, Any] = yaml.safe_load((ROOT / "presets/reviews.yaml").read_text())
    reference = f"{base}#sha256={sha256_of(base)}"
    params["fetch"] = {"source": "corpus", "columns": {"text": "text", "gold": "label"}}
    params["annotate"] = {
        "prompt": PROMPT,
        "method": "generate",
        "protocol": "chat",
        "model": "toy",
        "max_tokens": 9,
        "temperature": 0.7,
        "examples": {"file": "prompts/reviews_examples.csv", "nearest": 0, "embeddings": reference},
    }
    params["compare"] = {"candidates": [{"name": "the same"}]}  # which pays nothing
    params["train"] |= {"base": reference, "rung": "fine_tuned", "epochs": 1, "batch_size": 8, "max_length": 16}
    params["export"] |= {"min_label_agreement": 0.0}
    params["evaluate"] |= {"embeddings": reference, "bootstrap_samples": 100}
    params["benchmark"] |= {"rounds": 1, "texts": 8, "seconds": 0.02, "offline_texts": 8}
    params["benchmark"] |= {"batch_sizes": [1, 8], "batch_seconds": 0.02, "server_loads": [0.5], "server_seconds": 0.2}
    params["runtime"] = {"base_url": url, "api_key_env": "TOY_KEY", "threads": 1}
    return params
