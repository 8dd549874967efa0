"""What to know before one believes the scores of a test set: one plain sentence each."""

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from distil.quality.comparison import TEACHER, Comparison
from distil.quality.judging import Scoring

FEW_ROWS = 30


def list_caveats(comparison: Comparison, scoring: Scoring, corrected: int) -> list[str]:
    """Say what the rows do not tell; people corrected the teacher's label of so many of them."""
    return [
        *_note_reference(comparison),
        *_note_rows(len(comparison.rows)),
        *scoring.form.list_notes(
            comparison.actual, comparison.scored, scoring.labels, comparison.name_score(scoring.score_name)
        ),
        *_note_corrected(corrected),
    ]


def note_few_shot(drawn: pd.DataFrame, labels: Sequence[str], per_label: int) -> list[str]:
    """Say of which labels fewer rows were drawn than asked for; with none of one there is nothing to train on."""
    counts = {label: int((drawn["gold"] == label).sum()) for label in labels}
    missing = [label for label, count in counts.items() if count < min(per_label, 1)]
    if missing:
        return [f"few_shot is left out: outside test people labelled no row as {' or '.join(missing)}."]
    fewer = [f"{count} of {label}" for label, count in counts.items() if count < per_label]
    if fewer:
        return [f"few_shot learnt from fewer than {per_label} rows a label: {', '.join(fewer)}."]
    return []


def note_cut(cut: Mapping[str, float], texts: int, max_length: int) -> list[str]:
    """Say how much of the test texts the student does not read, by their `texts_cut` and `unread_share`."""
    if not cut["texts_cut"]:
        return []
    return [
        f"The student reads {max_length} tokens of a text: {cut['texts_cut']:,} of {texts:,} test texts are longer, "
        f"and {cut['unread_share']:.2%} of all their tokens are not read."
    ]


def _note_reference(comparison: Comparison) -> Iterator[str]:
    source, test_rows = "people", len(comparison.answers[TEACHER].labels)
    if comparison.reference == TEACHER:
        source = "the teacher"
        yield "No test row has a label by people: scores are agreement with the teacher, who may be wrong."
    if missing := test_rows - len(comparison.rows):
        yield f"Test rows without a label by {source} are not scored: {missing:,} of {test_rows:,}."


def _note_rows(rows: int) -> Iterator[str]:
    if rows < FEW_ROWS:
        yield f"Few rows are scored ({rows:,}): intervals are wide, and resampling still makes them too narrow."


def _note_corrected(corrected: int) -> Iterator[str]:
    if corrected:
        yield (
            f"People corrected {corrected:,} of the scored rows, which replaced the teacher's shares: they are left "
            "out of its calibration and of the scores by agreement."
        )
