"""What a student that finds more at the price of precision (`train.recall_target`) gained by it, and what it cost."""

from distil.report.findings import Study


def describe_recall(study: Study) -> str | None:
    """Recall, precision and F1 on held-out training texts before and after; None for a student that seeks balance."""
    found = study.train.get("recall")
    if not found:
        return None
    changes = {name: [found[f"{name}_{when}"] for when in ("before", "after")] for name in ("recall", "precision")}
    recall, precision = (f"from {before:.1%} to {after:.1%}" for before, after in changes.values())
    f1 = f"{found['exact_f1_before']:.1%} to {found['exact_f1_after']:.1%}"
    return (
        f"Recall first: the student was made to find {found['target']:.0%} of the words in spans "
        f"(train.recall_target). On {found['words']:,} such words of training texts that were held out, "
        f"recall went {recall}, and precision {precision}; exact F1 from {f1}."
    )
