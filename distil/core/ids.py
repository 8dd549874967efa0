"""What makes two texts the same text: a row's id."""

import hashlib
import unicodedata

DIGITS = 16  # of the hash that an id has


def text_sha(text: str) -> str:
    """Return the sha256 of the text as NFC, with each run of whitespace as one blank, in 64 hex digits."""
    canonical = " ".join(unicodedata.normalize("NFC", text).split())
    return hashlib.sha256(canonical.encode()).hexdigest()


def text_id(text: str) -> str:
    """Return the first 16 hex digits of `text_sha`."""
    return text_sha(text)[:DIGITS]
