"""Fine-tuning rehearsed: the student as it will be trained, but on some of the rows, and what it says of the others.

That is how the rung is judged. Besides, the labels of the others tell how sure a head that is fitted anew should be,
and the students give a second opinion on labels that are doubted and were left out, which they have not seen either.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from distil.kinds.classification.learning.frozen import Frozen
from distil.kinds.classification.learning.held_back import hold_back
from distil.kinds.classification.learning.label_noise import doubt_rows, find_suspects
from distil.linear.folds import Numbers
from distil.linear.probe import Features, Floats, fit_temperature
from distil.student.fine_tuner import FineTuner
from distil.student.taught import Lessons


@dataclass(frozen=True)
class HoldOut:
    """Rows to train on, by their places among the tuner's texts, and the texts and labels to be judged by.

    `features` are what the head of the frozen base reads of these texts, of shape (texts, numbers).
    """

    inside: Numbers
    texts: Sequence[str]
    numbers: Numbers
    features: Features


@dataclass
class Rehearsal:
    """What students that were trained on hold-outs answered."""

    tuner: FineTuner
    rows: pd.DataFrame
    frozen: Frozen
    lessons: Lessons
    logits: list[Floats] = field(default_factory=list)  # of shape (texts, labels), one for each hold-out
    opinions: list[tuple[Numbers, Numbers]] = field(default_factory=list)  # places that were doubted, labels given

    def label(self, held: HoldOut) -> Numbers:
        """Train on the rows inside; return the number of the label for each text to be judged by."""
        tuner, lessons = self.tuner, self.lessons
        learnt = self.pick_learnt(held.inside)
        training = tuner.train(lessons.targets, lessons.epochs, tuner.params.seed, learnt, "hold-out")
        doubted = np.setdiff1d(np.setdiff1d(np.arange(len(self.rows)), lessons.places), learnt)
        texts = [*held.texts, *(tuner.texts[place] for place in doubted)]
        if tuner.params.base_share is None:
            logits = np.log(tuner.predict_proba(training, texts))
        else:
            probe = hold_back(tuner, training, self.frozen, held.inside)
            logits = probe.decide(tuner.read_by(training.model, texts))
        judged, opinions = np.split(logits, [len(held.texts)])
        self.logits.append(judged)
        self.opinions.append((doubted, opinions.argmax(axis=1)))
        return np.asarray(judged.argmax(axis=1), dtype=np.intp)

    def pick_learnt(self, inside: Numbers) -> Numbers:
        """The places, of those inside, that fine-tuning learns.

        Rows are suspected by probes that learnt from rows inside alone, or the labels outside would have had their say.
        """
        params, frozen = self.tuner.params, self.frozen
        if params.noise != "drop" or params.suspects != "embeddings":
            return np.intersect1d(self.lessons.places, inside)
        predicted = frozen.predict_held_out(inside, params.folds, params.seed)
        if predicted is None:
            return inside
        rows = self.rows.iloc[inside]
        learnt = inside[~doubt_rows(rows, find_suspects(rows, frozen.numbers[inside], predicted))]
        return learnt if len(np.unique(frozen.numbers[learnt])) > 1 else inside

    def fit_temperature(self, holds: Sequence[HoldOut]) -> float | None:
        """How sure a head that is fitted anew should be; null if the head is the one that was trained."""
        if self.tuner.params.base_share is None:
            return None
        return fit_temperature(np.concatenate(self.logits), np.concatenate([held.numbers for held in holds]))

    def absolve(self) -> Numbers:
        """The places of doubted rows whose label most students give that have not seen the row."""
        asked, agreed = np.zeros((2, len(self.rows)), dtype=np.intp)
        for places, given in self.opinions:
            asked[places] += 1
            agreed[places] += given == self.frozen.numbers[places]
        return np.flatnonzero(2 * agreed > asked)
