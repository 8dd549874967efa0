"""Open a student's folder in torch with the class that suits it."""

from pathlib import Path

from distil.encoders.foreign import read_object
from distil.encoders.outputs import SEVERAL, has_tags
from distil.encoders.torch_model import BATCH_TOKENS, TorchClassifier, TorchMultiLabel
from distil.encoders.torch_tagger import TorchTagger

TorchStudent = TorchClassifier | TorchMultiLabel | TorchTagger


def open_torch(folder: Path, device: str = "auto", batch_tokens: int = BATCH_TOKENS) -> TorchStudent:
    """Return a student; raises `InputError` if the folder holds none, or if there is no such device.

    What it answers with, config.json says: one label a text, several, or spans.
    """
    config = read_object(folder / "config.json")
    several = TorchMultiLabel if config.get("problem_type") == SEVERAL else TorchClassifier
    return (TorchTagger if has_tags(config) else several)(folder, device, batch_tokens)
