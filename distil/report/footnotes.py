"""What stands below the results table, in each of its forms: what the figures are, and where they come from."""

from distil.report.findings import Study

LEGENDS = {  # by the system whose row they explain
    "student": "Student, pipeline: run by the transformers pipeline.",
    "majority": "Majority label: always the label that the teacher gave most often in training.",
    "tfidf": "LR: logistic regression on the teacher's labels; embeddings: of a frozen encoder.",
    "few_shot": "Few-shot LR: on the same embeddings of a few texts a label, which people labelled.",
}


def describe_measurement(study: Study, compared: bool) -> list[str]:
    """A line each: what the rows are, what was measured, where and when, what the dollars rest on, warnings, notes.

    `compared` tells whether the models that were only priced are shown.
    """
    speed, machine = study.speed, study.speed["machine"]
    score = "accuracy against people's labels" if study.has_gold else "agreement with the teacher"
    flags = f" ({', '.join(machine['flags'])})" if machine["flags"] else ""
    lines = [
        " ".join(legend for system, legend in LEGENDS.items() if system in study.quality["systems"]),
        f"Scores: {score} on {study.quality['rows']:,} test texts, with {study.confidence} intervals.",
        f"Speed: {machine['cpu']}{flags}, {machine['cores']} cores, {machine['threads']} threads, {speed['date']}; "
        f"texts of {speed['mean_words']:.0f} words on average.",
        describe_served(study),
        f"Dollars and CO2 (low-high), estimates: {study.cost['hardware']}, ${study.cost['usd_per_hour']:g}/h.",
    ]
    dates = sorted({date for model in study.cost["compared_models"] if (date := model["price_date"])})
    if compared and dates:
        lines.append(f"Models not run: this study's tokens at their prices of {' and '.join(dates)}.")
    lines += [f"Warning: {warning}" for warning in study.train["warnings"]]
    return lines + [f"Note: {note}" for note in study.quality["notes"] + study.cost["notes"]]


def describe_served(study: Study) -> str:
    """What int8 loses against fp32 on the test texts, or why fp32 is served; how many times as fast as the pipeline."""
    told = _describe_loss(study) if study.precision == "int8" else f"served, since {study.export['default_why']}"
    ratio = study.speed["ratios"]["served_to_pipeline"]
    return (
        f"{study.precision}: {told}; measured in turns, {ratio['median']:.1f} "
        f"({ratio['min']:.1f} to {ratio['max']:.1f}) times the texts a second of the pipeline."
    )


def _describe_loss(study: Study) -> str:
    labels = study.predictions.pivot(index="id", columns="system", values="label")
    same = (labels[study.served] == labels["student_onnx"]).mean()
    scores = [study.quality["systems"][name][study.score_name] for name in (study.served, "student_onnx")]
    points = 100 * (scores[0] - scores[1])
    change = f"{abs(points):.1f} points {'lower' if points < 0 else 'higher'}" if round(points, 1) else "the same"
    return f"fp32's label on {same:.1%} of the test texts, {study.score_name} {change}"
