"""A fine-tuned student, held back: its weights moved towards the base's, under a linear head that is fitted anew.

A student that is fine-tuned on labels of which some are wrong learns the errors too. Between the weights before and
after lies what keeps most of what was learnt and less of the errors (WiSE-FT: Wortsman et al., "Robust fine-tuning of
zero-shot models", 2022). The head is of the kind that suits the frozen base, and learns from all rows, doubtful ones
included: it is held tight enough for them.
"""

from distil.encoders.heads import move_towards
from distil.kinds.classification.learning.frozen import Frozen
from distil.linear.folds import Numbers
from distil.linear.probe import Probe
from distil.student.fine_tuner import FineTuner, Training


def hold_back(tuner: FineTuner, training: Training, frozen: Frozen, places: Numbers) -> Probe:
    """Move the trained model by `train.base_share`, and return the head for it, fitted to the texts at `places`.

    Raises `InputError` if memory runs out, or the model answers what is no number.
    """
    base = tuner.load(tuner.params.pooling, opened=True)
    move_towards(training.model, base, tuner.params.base_share or 0.0)
    features = tuner.read_by(training.model, [tuner.texts[place] for place in places])
    return frozen.fit_over(features, places)
