"""A fine-tuned student, held back: its weights moved towards the base's, under a linear head that is fitted anew.

Why, `distil.kinds.classification.learning.held_back` says (WiSE-FT: Wortsman et al. 2022); the head is of the kind that
suits the frozen base.
"""

from distil.encoders.heads import move_towards
from distil.kinds.multi_label.learning.frozen import Frozen
from distil.kinds.multi_label.learning.probe import Probe
from distil.linear.folds import Numbers
from distil.student.fine_tuner import FineTuner, Training


def hold_back(tuner: FineTuner, training: Training, frozen: Frozen, places: Numbers) -> Probe:
    """Move the trained model by `train.base_share`, and return the head for it, fitted to the texts at `places`.

    Raises `InputError` if memory runs out, or the model answers what is no number.
    """
    base = tuner.load(tuner.params.pooling, opened=True)
    move_towards(training.model, base, tuner.params.base_share or 0.0)
    features = tuner.read_by(training.model, [tuner.texts[place] for place in places])
    return frozen.fit_over(features, places)
