"""What stands below the results table, in each of its forms: what the figures are, and where they come from."""

from collections.abc import Mapping

from distil.quality.headline import CASCADE
from distil.report.findings import Study

PIPELINE = "Student, pipeline: run by the transformers pipeline."
CASCADE_IS = "Cascade of both: the student where it is sure enough, else the teacher; in texts/s one after the other."


def list_legends(study: Study) -> list[str]:
    """What the names in the table leave open, of the systems that have a row in it."""
    legends = {"student": PIPELINE, CASCADE: CASCADE_IS, **study.words.legends}
    return [legend for system, legend in legends.items() if system in study.quality["systems"]]


def describe_measurement(study: Study, compared: bool) -> list[str]:
    """A line each: what the rows are, what was measured, where and when, what the dollars rest on, warnings, notes.

    `compared` tells whether the models that were only priced are shown.
    """
    speed, machine = study.speed, study.speed["machine"]
    flags = f" ({', '.join(machine['flags'])})" if machine["flags"] else ""
    lines = [
        " ".join(list_legends(study)),
        f"Scores: {study.score.measured} on {study.quality['rows']:,} test texts, with {study.confidence} intervals.",
        f"Speed: {machine['cpu']}{flags}, {machine['cores']} cores, {machine['threads']} threads, {speed['date']}; "
        f"texts of {speed['mean_words']:.0f} words on average.",
        describe_served(study),
        f"Dollars and CO2 (low-high), estimates: {study.cost['hardware']}, ${study.cost['usd_per_hour']:g}/h.",
    ]
    priced = [model for model in study.cost["compared_models"] if model["usd_per_million"] is not None]
    dates = sorted({date for model in priced if (date := model["price_date"])})
    if compared and dates:
        lines.append(f"Models not run: this study's tokens at their prices of {' and '.join(dates)}.")
    lines += [f"Warning: {warning}" for warning in study.train["warnings"]]
    return lines + [f"Note: {note}" for note in study.of_texts + study.quality["notes"] + study.cost["notes"]]


def describe_served(study: Study) -> str:
    """What int8 loses against fp32 on the test texts, or why fp32 is served; how many times as fast as the pipeline."""
    told = _describe_loss(study) if study.precision == "int8" else f"served, since {study.export['default_why']}"
    times = describe_ratio(study.speed["ratios"]["served_to_pipeline"])
    return f"{study.precision}: {told}; measured in turns, {times} times the texts a second of the pipeline."


def describe_ratio(ratio: Mapping[str, float]) -> str:
    """A ratio of several rounds, with its ends where they differ: 6.9 (6.1 to 8.0)."""
    middle, low, high = (f"{ratio[key]:.1f}" for key in ("median", "min", "max"))
    return middle if low == high else f"{middle} ({low} to {high})"


def compare_with_fp32(study: Study) -> float:
    """The share of the test texts on which the served file gives the label of fp32."""
    labels = study.predictions.pivot(index="id", columns="system", values="label")
    return float((labels[study.served] == labels["student_onnx"]).mean())


def _describe_loss(study: Study) -> str:
    same = compare_with_fp32(study)
    scores = [study.quality["systems"][name][study.score.key] for name in (study.served, "student_onnx")]
    points = 100 * (scores[0] - scores[1])
    change = f"{abs(points):.1f} points {'lower' if points < 0 else 'higher'}" if round(points, 1) else "the same"
    return f"fp32's {study.words.answer} on {same:.1%} of the test texts, {study.score.spoken} {change}"
