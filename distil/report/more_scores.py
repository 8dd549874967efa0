"""The scores of a kind of task that the results table has no room for, by system."""

from collections.abc import Sequence

from distil.report.findings import Study
from distil.report.results import Result, Score, read_score


def tabulate_more_scores(study: Study, results: Sequence[Result]) -> dict[str, list[Score | None]]:
    """The scores of `Words.more_scores`, in their order, by title of the system; only of systems that have any."""
    names = [study.name_score(name) for name in study.words.more_scores]
    table = {
        result.title: [read_score(study.quality["systems"].get(result.system, {}), name) for name in names]
        for result in results
    }
    return {title: scores for title, scores in table.items() if any(scores)}
