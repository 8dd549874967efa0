"""Bytes with damage: what a broken disk, a bad download or a hostile hand makes of a sound file."""

import random
from collections.abc import Iterator

import pytest

CASES = [300, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.long])]
TELLING = (0, 255, 0x7F, 0x80)  # where numbers end or turn negative


def mutate(sound: bytes, cases: int, seed: int = 0) -> Iterator[bytes]:
    """Yield damaged copies: bytes changed, put in, taken out, doubled, or cut off; the same for the same seed."""
    rng = random.Random(seed)
    for _ in range(cases):
        damaged = bytearray(sound)
        for _ in range(rng.randint(1, 8)):
            _damage(damaged, rng)
        yield bytes(damaged)


def _damage(data: bytearray, rng: random.Random) -> None:
    if not data:
        return
    place = rng.randrange(len(data))
    match rng.randrange(8):
        case 0:
            data[place:place] = rng.randbytes(rng.randint(1, 8))
        case 1:
            del data[place : place + rng.randint(1, 8)]
        case 2:
            piece = data[place : place + rng.randint(1, 64)]
            data[place:place] = piece * rng.randint(1, 20)
        case 3 if rng.random() < 0.3:
            del data[place:]
        case 4:
            data[place] = rng.choice(TELLING)
        case 5:
            data[place] ^= 1 << rng.randrange(8)
        case _:
            data[place] = rng.randrange(256)
