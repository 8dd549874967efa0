"""What the lines of benchmarks/tasks.py come to: the regret against the best rung, tests over all lines, the table."""

from collections.abc import Sequence
from typing import Any

from scipy.stats import binomtest

from distil.quality.shortfalls import adjust_by_holm

EXPORTABLE = ("frozen", "fine_tuned")
RUNGS = ("majority", "tfidf", "embeddings", *EXPORTABLE)  # all learn from the teacher's labels
MARGIN, LEVEL = 0.01, 0.05
Result = dict[str, Any]


def find_best(result: Result) -> str:
    """The rung with the best score on the test rows, which no choice may know."""
    return max((rung for rung in RUNGS if rung in result["systems"]), key=lambda rung: accuracy(result, rung))


def accuracy(result: Result, system: str) -> float:
    """Share of the test rows."""
    return float(result["systems"][system]["accuracy"])


def regret(result: Result) -> float:
    """How much better the best rung is than the student, as a share of the test rows."""
    return accuracy(result, find_best(result)) - accuracy(result, "student")


def p_worse(result: Result, margin: float) -> float:
    """The p-value of the student being no more than `margin` worse than the best rung.

    McNemar's exact test, one-sided: of the rows on which one of the two is right, which is so many as were seen, each
    falls to the better one with the chance that makes the difference `margin`.
    """
    pairs = list(zip(result["systems"][find_best(result)]["right"], result["systems"]["student"]["right"], strict=True))
    better, worse = pairs.count(("1", "0")), pairs.count(("0", "1"))
    if not better:
        return 1.0
    chance = min(1.0, (1 + margin * len(pairs) / (better + worse)) / 2)
    return float(binomtest(better, better + worse, chance, alternative="greater").pvalue)


def format_table(results: Sequence[Result]) -> list[str]:
    """A line of Markdown for each result."""
    told = ("teacher", *RUNGS)
    heads = [
        "line",
        "training texts",
        *told,
        "student is",
        "regret",
        "p, worse",
        "p, by > 1 point",
        "int8",
        "s",
        "texts/s",
    ]
    p_values = [adjust_by_holm([p_worse(result, margin) for result in results]) for margin in (0.0, MARGIN)]
    lines = [f"| {' | '.join(heads)} |", f"|---|---:{'|---:' * len(told)}|---|{'---:|' * 6}"]
    for result, worse, much_worse in zip(results, *p_values, strict=True):
        cells = [result["line"], f"{result['train_rows']:,}", *(format_score(result, name) for name in told)]
        cells += [result["chosen"], f"{100 * regret(result):.1f} ({find_best(result)})"]
        cells += [f"{worse:.2g}", f"{much_worse:.2g}"]
        cells.append(f"{100 * int8_change(result):+.1f}" if "student_int8" in result["systems"] else "none")
        cells += [f"{result['seconds']:.0f}", f"{result['texts_per_s']:,.0f}" if result["texts_per_s"] else ""]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def format_score(result: Result, name: str) -> str:
    """Accuracy with its interval; nothing where a system was not scored."""
    if name not in result["systems"]:
        return ""
    right = result["systems"][name]["right"]
    bounds = binomtest(right.count("1"), len(right)).proportion_ci(method="wilson")
    return f"{accuracy(result, name):.3f} [{bounds.low:.3f}, {bounds.high:.3f}]"


def int8_change(result: Result) -> float:
    """By how much int8 is right more often than fp32."""
    return accuracy(result, "student_int8") - accuracy(result, "student")


def summarise(results: Sequence[Result]) -> list[str]:
    """What the lines say together."""
    regrets = [regret(result) for result in results]
    much_worse = adjust_by_holm([p_worse(result, MARGIN) for result in results])
    failing = [result["line"] for result, p_value in zip(results, much_worse, strict=True) if p_value < LEVEL]
    changes = [int8_change(result) for result in results if "student_int8" in result["systems"]]
    return [
        f"Mean regret against the best rung on the test rows: {100 * sum(regrets) / len(regrets):.2f} points; the "
        "best is known from the test rows alone, so some of it is chance.",
        f"Significantly more than a point worse than it (exact, Holm over {len(results)} lines): "
        f"{', '.join(failing) or 'none'}.",
        f"int8 against fp32: {100 * sum(changes) / max(1, len(changes)):+.2f} points on average, from "
        f"{100 * min(changes, default=0):+.1f} to {100 * max(changes, default=0):+.1f}.",
    ]
