"""Tell where the student falls short, and what to do next, from what `train` and `cost` measured.

A step gives the figures that speak for it. What more texts would bring is never promised: the learning curve tells what
the last ones brought, and dollars and time of others are those of the texts that were labelled, named as such. A study
in which the student falls short of nothing has no alarm, no findings and no steps.
"""

import math
from collections.abc import Iterator, Sequence
from textwrap import fill

from distil.cost.figures import format_usd
from distil.report.findings import Study
from distil.report.ladder import Point, Rung, list_curve, list_rungs
from distil.report.markdown import escape_markdown
from distil.report.results import Score

RULED_OUT = "Not "  # how a step begins that would not help
FLAT = 0.01  # a doubling of the texts that brought less than this is not worth another
WORSE_THAN_BASELINE = "worse_than_baseline"
POOLED_WORSE = "pooled_worse_than_one"
ALARMS = {  # by kind of the student's shortfall: what is said first
    WORSE_THAN_BASELINE: "worse than a baseline",
    "worse_than_teacher": "much worse than its teacher",
}


def write_alarm(study: Study) -> str | None:
    """The shortfalls of the student, and of pooled teachers, in a short sentence each; None if there are none."""
    kinds = _list_kinds(study)
    alarms = [ALARMS[kind] for kind in kinds if kind in ALARMS]
    sentences = [f"The student is {' and '.join(alarms)}."] if alarms else []
    if alarms and not study.has_gold:
        sentences = [study.words.alarm]
    if POOLED_WORSE in kinds:
        sentences.append("One teacher alone is better than all of them pooled.")
    return " ".join(sentences) or None


def list_findings(study: Study) -> list[str]:
    """What `evaluate` found, one sentence with figures for each shortfall."""
    return [warning["finding"] for warning in study.quality["warnings"]]


def list_steps(study: Study) -> list[str]:
    """What to do about the shortfalls, the likeliest to help first, then what was found to be no help."""
    kinds = _list_kinds(study)
    pooling = list(_advise_on_pooling(study))
    if not ALARMS.keys() & set(kinds):
        return pooling
    rungs, curve = list_rungs(study), list_curve(study)
    gain = _measure_last_doubling(curve)
    steps = [
        *pooling,
        *_advise_on_teacher(study),
        *_advise_on_rungs(rungs, study),
        *_advise_on_texts(curve, gain, study),
        *([] if gain and gain[1] > 0 else _advise_on_labels_and_base(study)),
    ]
    return sorted(steps, key=lambda step: step.startswith(RULED_OUT))


def write_shortfalls_as_markdown(study: Study) -> str:
    """Alarm, findings and steps as a block that is quoted in Markdown; nothing where there are none."""
    alarm = write_alarm(study)
    if alarm is None:
        return ""
    findings = " ".join(map(escape_markdown, list_findings(study)))
    steps = [f"- {escape_markdown(step)}" for step in list_steps(study)]
    lines = [f"**Warning: {escape_markdown(alarm)}** {findings}", "", "What to do next:", "", *steps]
    return "".join(f"> {line}".rstrip() + "\n" for line in lines) + "\n"


def write_shortfalls_as_text(study: Study, width: int) -> str:
    """The same as plain text in lines of so many characters, to stand above the table."""
    if write_alarm(study) is None:
        return ""
    paragraphs = [(f"Warning: {finding}", "") for finding in list_findings(study)]
    paragraphs += [("What to do next:", ""), *((f"- {step}", "  ") for step in list_steps(study))]
    filled = (fill(text, width, subsequent_indent=indent, break_on_hyphens=False) for text, indent in paragraphs)
    return "\n".join(filled) + "\n\n"


def _list_kinds(study: Study) -> list[str]:
    return [warning["kind"] for warning in study.quality["warnings"]]


def _advise_on_pooling(study: Study) -> Iterator[str]:
    """Where one teacher is better alone, it may do without the others, once other rows than the test's say so too."""
    for warning in study.quality["warnings"]:
        if warning["kind"] == POOLED_WORSE:
            name = warning["systems"][0]["system"]
            yield (
                f"One teacher: {name} alone costs less than all of them. Compare them on rows outside the test set "
                "first (section compare of params.yaml), since the test must not choose."
            )


def _advise_on_teacher(study: Study) -> Iterator[str]:
    """Where a few labels by people teach more than the teacher knows, no other student of it will help."""
    better = [it["system"] for warning in study.quality["warnings"] for it in warning["systems"]]
    if "few_shot" not in better or not study.has_gold:
        return
    teacher, few_shot = (study.quality["systems"][name][study.score.key] for name in ("teacher", "few_shot"))
    if teacher <= few_shot:
        told = study.words.teacher_first.format(teacher=f"{teacher:.1%}", few_shot=f"{few_shot:.1%}")
        yield f"The teacher first: {told}. Work on the prompt, or take a larger model."


def _advise_on_rungs(rungs: Sequence[Rung], study: Study) -> Iterator[str]:
    """Whether another way to train did better on held-out labels of the teacher."""
    chosen = next((rung for rung in rungs if rung.chosen), None)
    others = [rung for rung in rungs if not rung.chosen]
    if chosen is None and study.train.get("ladder"):
        yield (
            f"More texts: {study.train['rows']:,} are too few to hold any out, so the ways to a student could not be "
            "compared, nor how much more texts would help."
        )
        return
    if chosen is None:
        yield (
            "Another recipe: try train.recipe: auto. Then train compares the student with cheaper ones on held-out "
            "labels of the teacher, fits its knobs to the data, and tells whether more texts would help."
        )
        return
    best = max(others, key=lambda rung: rung.score.value, default=None)
    if best is None:
        return
    words = study.words.ladder
    told = f"{best.title} {words.verb} {_tell(best.score)} {words.held_out}, {chosen.title}, which was taken, "
    told += _tell(chosen.score)
    if best.score.value <= chosen.score.value:
        repeats = study.has_gold and WORSE_THAN_BASELINE in _list_kinds(study)
        errors = " People's labels have a baseline ahead, so it may repeat errors of the teacher." if repeats else ""
        yield f"{RULED_OUT}another recipe of those tried: {told}.{errors}"
    elif best.exportable:
        yield f"Another recipe: {told}. Why that one: {study.train['ladder']['why']}"
    else:
        yield f"Another base (train.base): {told}. The former cannot be exported, but shows what the texts tell."


def _measure_last_doubling(curve: Sequence[Point]) -> tuple[float, float] | None:
    """What the last doubling of the texts brought, and the lower bound of that; None without a curve.

    The two points are scored on the same rows, so their errors go together; the bound takes them as independent, which
    makes it lower than it need be.
    """
    if len(curve) < 2:
        return None
    before, last = (point.score for point in curve[-2:])
    gain = last.value - before.value
    if before.high is None or last.low is None:
        return gain, -math.inf
    return gain, gain - math.hypot(last.value - last.low, before.high - before.value)


def _advise_on_texts(curve: Sequence[Point], gain: tuple[float, float] | None, study: Study) -> Iterator[str]:
    """Whether more texts would help, by the learning curve, and what as many again would cost."""
    if gain is None:
        return
    before, last = curve[-2:]
    told = f"from {before.rows:,} to {last.rows:,} training texts, {_tell(before.score)} to {_tell(last.score)} "
    told += f"{study.words.ladder.held_out} (a linear head on the frozen encoder)"
    brought, low = gain
    if low > 0:
        yield f"More texts: the learning curve still rises {told}. {_price_texts(last.rows, study)}"
    elif brought < FLAT:
        yield f"{RULED_OUT}more texts of the same kind: the learning curve is flat {told}."
    else:
        yield (
            f"Perhaps more texts: the learning curve goes up {told}, but on so few held-out labels that may be "
            f"chance. {_price_texts(last.rows, study)}"
        )


def _price_texts(rows: int, study: Study) -> str:
    """What as many texts again would cost, at what the labelled ones cost: an extrapolation, and called so."""
    labelled, usd = study.aggregate["labelled"], study.cost["one_off"]["annotation_usd"]
    rate = study.annotate["run"]["texts_per_s"]
    costs = [] if usd is None else [format_usd(usd / labelled * rows)]
    costs += [_tell_time(rows / rate)] if rate else []
    price = " and ".join(costs) if costs else "a price that is not known here"
    return (
        f"To label {rows:,} more would take about {price}, extrapolated from those labelled so far; what they would "
        "bring was not measured, and each doubling tends to bring less than the one before."
    )


def _tell_time(seconds: float) -> str:
    amount, unit = next(
        ((seconds / size, unit) for size, unit in ((3600, "hours"), (60, "minutes")) if seconds >= 2 * size),
        (seconds, "seconds"),
    )
    return f"{amount:,.0f} {unit} of the teacher's time"


def _advise_on_labels_and_base(study: Study) -> Iterator[str]:
    """What is left where neither another recipe nor more texts are shown to help."""
    suspects = study.train.get("suspects")
    if suspects:
        yield (
            f"Better labels: {suspects:,} of the {study.train['rows']:,} training labels are probably wrong. "
            "data/suspects.parquet lists them, the worst first; write corrections into review/corrections.csv, or "
            "improve the prompt or the teacher."
        )
    yield "Another base (train.base): a larger one, or one that was trained on texts like these and in their language."


def _tell(score: Score) -> str:
    interval = "" if score.low is None or score.high is None else f" ({score.low:.1%} to {score.high:.1%})"
    return f"{score.value:.1%}{interval}"
