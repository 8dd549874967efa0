"""How long people take for a row, so that a time budget becomes a number of rows."""

from collections.abc import Iterable
from statistics import mean, median
from typing import NamedTuple

from distil.review.answers import Answer

FIRST_S, WORDS_PER_S = 4.0, 4.0  # to decide, and to read: 240 words a minute
LEAST_ANSWERS = 10  # by which a pace is known
SECONDS_PER_MINUTE = 60


class Pace(NamedTuple):
    """Seconds a row, and where that is from, in words."""

    seconds: float
    source: str

    def count_rows(self, minutes: float) -> int:
        """How many rows fit, one at least."""
        return max(1, int(minutes * SECONDS_PER_MINUTE / self.seconds))


def find_pace(answers: Iterable[Answer], reader: str | None, texts: Iterable[str]) -> Pace:
    """The median of the reader's answers so far, else of all readers', else what the texts' length lets expect."""
    timed = [answer for answer in answers if answer.seconds is not None and answer.status != "withdrawn"]
    own = [float(answer.seconds or 0) for answer in timed if answer.reader == reader]
    if reader and len(own) >= LEAST_ANSWERS:
        return Pace(max(median(own), 1.0), f"the pace of {reader} so far")
    if len(timed) >= LEAST_ANSWERS:
        return Pace(max(median(float(answer.seconds or 0) for answer in timed), 1.0), "the pace of all readers so far")
    words = mean(len(text.split()) for text in texts)
    return Pace(
        FIRST_S + words / WORDS_PER_S, f"no pace is known yet: {FIRST_S:.0f} s, and one for {WORDS_PER_S:.0f} words"
    )
