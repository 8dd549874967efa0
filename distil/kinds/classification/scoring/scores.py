"""The scores of a task that knows one label a text."""

from distil.quality.scores import score_labels

__all__ = ["HEADLINE", "score_labels"]

HEADLINE: tuple[str, ...] = ("accuracy", "macro_f1")
