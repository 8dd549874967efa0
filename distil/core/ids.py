"""What makes two texts the same text: a row's id."""

import hashlib
import unicodedata


def text_id(text: str) -> str:
    """Return the first 16 hex digits of the sha256 of the text, as NFC, with each run of whitespace as one blank."""
    canonical = " ".join(unicodedata.normalize("NFC", text).split())
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
