"""Keys taken out of text: out of what an endpoint sends, which may quote them, and out of what a user wrote by mistake.

A key is found as it stands, in base64 and in hex, whole or cut, and each of these also where it is written in escapes:
those of JSON and Python, of a URL, of HTML, or one in the other. Who has a key can hide it in other ways; this is
against carelessness, not against malice.
"""

import base64
import html
import re
from collections.abc import Iterable, Iterator
from typing import Any

MASK = "***"
SHORTEST_KEY = 8  # characters; what is shorter is a placeholder (none, EMPTY, ollama), and may be a word of any text
LEAST_CUT = 4  # characters that may be missing of a short key
LONGEST_PART = 16  # so many characters of a longer one are one in 10^20 texts by chance
LAYERS = 4  # of escapes in escapes, the text as it stands among them

ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})|%([0-9a-fA-F]{2})|\\(.)|&#?\w{1,8};", re.DOTALL)
# A password before the host of an address, with a scheme or without; hf:owner/name@commit is none
CREDENTIALS = re.compile(r"(?<=://)[^\s/?#]*@|(?<![^\s'\"=(\[])[^\s/:@'\"=(\[]+:[^\s/@'\"]+@(?=[\w\[])")
KEY = re.compile(
    r"\b(hf_|gsk_|sk[-_]|xai-|AIza|gh[ps]_|github_pat_|nvapi-|r8_|pplx-|tgp_|csk-|fw_|api_org_)"
    r"(?=[\w-]{0,60}\d)[\w-]{16,}"
)  # by the beginnings that providers give them


class Secrets:
    """The keys in use, ready to be looked for; None and what is too short to be one are left out."""

    def __init__(self, keys: Iterable[str | None]) -> None:
        self._keys = [_Finder(key) for key in dict.fromkeys(keys) if key and len(key) >= SHORTEST_KEY]

    def hide(self, text: str) -> str:
        """The text with `***` for each part of a key; where that stood in escapes, these are undone all over the text.

        Takes time linear in the text.
        """
        if not self._keys or len(text) < SHORTEST_KEY:
            return text
        shown = layer = text
        for _ in range(LAYERS):
            hidden = self._hide_as_it_stands(layer)
            if hidden != layer:
                shown = layer = hidden
            peeled = ESCAPE.sub(_undo_escape, layer)
            if peeled == layer:
                break
            layer = peeled
        return shown

    def hide_all(self, value: Any) -> Any:
        """What JSON said, with no key in any text or name of a field; raises `RecursionError` where it nests deeply."""
        if not self._keys:
            return value
        if isinstance(value, str):
            return self.hide(value)
        if isinstance(value, list):
            return [self.hide_all(item) for item in value]
        if isinstance(value, dict):
            return {self.hide(name): self.hide_all(item) for name, item in value.items()}
        return value

    def _hide_as_it_stands(self, text: str) -> str:
        for key in self._keys:
            pieces: list[str] = []
            end = 0
            for start, stop in key.find(text):
                if start > end or not pieces:
                    pieces += [text[end:start], MASK]
                end = stop
            text = "".join([*pieces, text[end:]])
        return text


class _Finder:
    """Finds all parts of a key and of its disguises that have at least so many characters.

    A part of n characters holds one of the blocks of (n + 1) / 2 into which the text falls: only these are looked up.
    """

    def __init__(self, key: str) -> None:
        self._least = min(LONGEST_PART, max(SHORTEST_KEY, len(key) - LEAST_CUT))
        self._step = (self._least + 1) // 2
        self._blocks: dict[str, list[tuple[str, int]]] = {}
        for form in _disguises(key):
            for place in range(len(form) - self._step + 1):
                self._blocks.setdefault(form[place : place + self._step], []).append((form, place))

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Where the parts begin and end, in order and apart from each other."""
        end = 0
        for at in range(0, len(text) - self._step + 1, self._step):
            for form, place in self._blocks.get(text[at : at + self._step], ()):
                left = _count_alike(reversed(text[max(end, at - place) : at]), reversed(form[:place]))
                right = _count_alike(text[at : at + len(form) - place], form[place:])
                if left + right >= self._least and at + right > end:
                    yield max(end, at - left), at + right
                    end = at + right


def _disguises(key: str) -> list[str]:
    """The key, its hex, and what base64 makes of it wherever it stands in a longer text."""
    written = key.encode("utf-8", "surrogatepass")
    forms = [key, written.hex(), written.hex().upper()]
    for ahead, torn in ((0, 0), (1, 2), (2, 3)):  # bytes before the key, characters that they touch
        code = base64.b64encode(bytes(ahead) + written).decode()
        whole = (ahead + len(written)) * 8 // 6  # the last character may hold bits of what follows
        forms += [code[torn:whole], code[torn:whole].translate(str.maketrans("+/", "-_"))]
    return list(dict.fromkeys(forms))


def _count_alike(some: Iterable[str], others: Iterable[str]) -> int:
    count = 0
    for one, other in zip(some, others, strict=False):
        if one != other:
            break
        count += 1
    return count


def _undo_escape(found: re.Match[str]) -> str:
    code = found[1] or found[2] or found[3]
    if code:
        return chr(int(code, 16))
    return found[4] or html.unescape(found[0])


def hide_credentials(text: str) -> str:
    """The text without what looks like a password in an address, or like a key by the way it begins."""
    return KEY.sub(rf"\1{MASK}", CREDENTIALS.sub(f"{MASK}@", text))
