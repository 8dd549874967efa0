"""How far two labellings of the same texts agree.

Of one label a text it is Cohen's kappa (1960). Of sets and spans it is F1, which is what kappa comes to where that
which nobody names cannot be counted (Hripcsak and Rothschild 2005).
"""

from collections.abc import Sequence

from sklearn.metrics import cohen_kappa_score

from distil.forms.scores import ScoreForm


def name_agreement(form: ScoreForm) -> str:
    """What the measure of a kind is called."""
    return "Cohen's kappa" if _knows_chance(form) else "F1"


def measure_agreement(one: Sequence[str], other: Sequence[str], form: ScoreForm, labels: Sequence[str]) -> float | None:
    """The agreement of labels in canonical form, which are none of them missing; null where it is not defined."""
    if not len(one):
        return None
    if not _knows_chance(form):
        return float(form.score_labels(one, other, labels)["micro_f1"])
    if len({*one, *other}) == 1:
        return None  # both gave one label alone: nothing that chance could not do
    return float(cohen_kappa_score(one, other))


def _knows_chance(form: ScoreForm) -> bool:
    return form.HEADLINE[0] == "accuracy"
