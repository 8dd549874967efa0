"""Tell the language of texts, offline, or that it cannot be told."""

from collections import Counter
from collections.abc import Sequence

import py3langid

UNKNOWN = "und"  # ISO 639-2: undetermined
CHUNKS = 20
CHARACTERS = 500  # of a chunk: of one short text nobody can tell the language
LEAST = 100  # characters of all texts together
AGREED = 0.8  # share of the chunks that have to be of one language


def tell_language(texts: Sequence[str]) -> str:
    """The language of most of the texts, by its code of ISO 639-1, or `UNKNOWN` if they differ, or are few."""
    chunks = [chunk for chunk in _sample(texts) if sum(map(str.isalpha, chunk)) > len(chunk) / 2]
    if not chunks:
        return UNKNOWN
    found = Counter(str(py3langid.classify(chunk)[0]) for chunk in chunks)
    language, count = found.most_common(1)[0]
    return language if count >= AGREED * len(chunks) else UNKNOWN


def _sample(texts: Sequence[str]) -> list[str]:
    """Texts from all over the file, joined to chunks."""
    step = max(1, len(texts) // (CHUNKS * 10))
    chunks, chunk = [], ""
    for text in texts[::step]:
        chunk = f"{chunk} {text}"[: 2 * CHARACTERS]
        if len(chunk) >= CHARACTERS:
            chunks.append(chunk)
            chunk = ""
        if len(chunks) == CHUNKS:
            break
    return chunks or [chunk] * (len(chunk) >= LEAST)
