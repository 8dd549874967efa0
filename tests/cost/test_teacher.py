"""What the teacher's tokens were counted with, in words."""

import pytest

from distil.cost.teacher import describe_counter

STAND_IN = ", a stand-in for the teacher's own tokenizer"


@pytest.mark.parametrize(
    ("tokenizer", "stand_in", "told"),
    [
        (
            "pypi:mistral-common==1.8.4/mistral_common/data/a.model",
            True,
            f"with a.model of mistral-common 1.8.4{STAND_IN}",
        ),
        ("pypi:demo==1.0/a/b.json", False, "with b.json of demo 1.0"),
        ("own/tokenizer.json#sha256=00", False, "with own/tokenizer.json"),
    ],
)
def test_what_counted_the_tokens(tokenizer: str, stand_in: bool, told: str) -> None:
    assert describe_counter({"tokenizer": tokenizer, "stand_in": stand_in}) == told
