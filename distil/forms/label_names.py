"""Find the names of labels in what a teacher wrote.

A name may come in any case, in composed or decomposed letters (Unicode NFC or NFD), its words joined by blanks, hyphens
or underscores. Letters that only look alike, such as a Cyrillic one in a Latin word, are other letters, and a number is
never taken for a label's place in the list.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

MARKS = " \t\r\n\"'`*_.!()[]\u2018\u2019\u201c\u201d\u00ab\u00bb"
JOINTS = re.compile(r"(?<=[^\W_])[\s_-]+(?=[^\W_])")  # between the words of a name
WINDOW = 80  # characters before and after a name in which a negation is looked for

AFTER_A_NAME = re.compile(
    r"""["'`*_\u201d\u00bb]*(?:\s*(?:\Z|\n)|[)\]]?[.,:;!)\]]["'`*_\u201d]*(?=\s|\Z)|\s+[-\u2013\u2014(\[])"""
)
AFTER_A_NUMBER = re.compile(  # not "1. So", which begins a list
    r"""["'`*_\u201d\u00bb]*(?:[.)\]]?\s*(?:\Z|\n)|\s+[-\u2013\u2014(\[])"""
)
PAUSE = r".,;:!?\u2013\u2014"
WORD_BETWEEN = rf"[^\w{PAUSE}]+\w+"
DENIED_BEFORE = re.compile(
    r"(?:(?:\b(?:not|never|no|nor|neither|none|cannot|without|hardly|barely|whether|if|far from|anything but"
    rf"|isnt|doesnt|dont|cant|wasnt|wont)|n't)\b(?:{WORD_BETWEEN}){{0,4}}"
    rf"|\b(?:non|unlike|rather than|instead of|other than|less than)\b(?:{WORD_BETWEEN})?)[^\w{PAUSE}]*\Z"
)
DENIED_AFTER = re.compile(
    r"""["'`*)\s]*\?|\s+or\s+not\b|["'`*)]*\s+(?:is|was|would|does|do|did|can|could|should|seems?|be)"""
    r"(?:n't\b|nt\b|\s+(?:\w+\s+){0,2}?(?:not|never|wrong|incorrect|false|unlikely)\b)"
)


@dataclass(frozen=True, slots=True)
class Mention:
    """A place where a label is named.

    `labels` are several where they differ by case alone. `leads` if the text, or what follows a colon, begins with it
    and an end or a mark comes next, as in an answer with its explanation. `denied` if the words around it take it back
    (not, whether, wrong, a question mark; English alone is understood).
    """

    labels: frozenset[str]
    leads: bool
    denied: bool


class LabelNames:
    """The names of a study's labels, ready to be looked for."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = frozenset(labels)
        self._by_spelling: dict[str, set[str]] = {}
        for label in labels:
            for form in (unicodedata.normalize("NFC", label), unicodedata.normalize("NFD", label)):
                self._by_spelling.setdefault(_spell(form), set()).add(label)
        self._most = 2 * max(map(len, self._by_spelling)) + WINDOW  # characters of a text that may spell a label
        longest_first = sorted(self._by_spelling, key=len, reverse=True)
        names = "|".join(r"[\s_-]+".join(map(re.escape, JOINTS.split(name))) for name in longest_first)
        self._pattern = re.compile(rf"(?<!\w)(?=((?:{names})(?!\w)))")

    def __contains__(self, text: str) -> bool:
        """Whether a text is a label as it stands."""
        return text in self._labels

    def spelled(self, text: str) -> str | None:
        """The label that the whole text spells, quotes, brackets and full stops aside."""
        if len(text) > self._most:
            return None
        candidates = (text.strip(), text.strip(MARKS))
        for candidate in candidates:
            if candidate in self._labels:
                return candidate
        for candidate in candidates:
            found = self._by_spelling.get(_spell(candidate), ())
            if len(found) == 1:
                return next(iter(found))
        return None

    def find(self, text: str) -> list[Mention]:
        """All mentions as whole words, in order; of names within one another, the longest."""
        flat = _flatten(text)
        mentions: list[Mention] = []
        reach = 0
        for found in self._pattern.finditer(flat):
            start, end = found.span(1)
            if end > reach and not unicodedata.category(flat[end : end + 1] or " ").startswith("M"):
                reach = end
                labels = frozenset(self._by_spelling[JOINTS.sub(" ", found[1])])
                mentions.append(Mention(labels, _leads(flat, start, end), _is_denied(flat, start, end)))
        return mentions

    def only(self, mentions: Sequence[Mention], *, leading: bool = False) -> str | None:
        """The one label that is mentioned, and nowhere denied; with `leading`, only where it leads.

        A slight name, a number, a letter or the word no, is part of many a sentence and always has to lead.
        """
        named = frozenset[str]().union(*(mention.labels for mention in mentions))
        if len(named) != 1 or any(mention.denied for mention in mentions):
            return None
        (label,) = named
        has_to_lead = leading or _is_slight(label)
        return label if not has_to_lead or any(mention.leads for mention in mentions) else None

    def may_go_on(self, text: str, label: str) -> bool:
        """Whether the text ends with the label and the name of another one begins in the same way."""
        own = _spell(label)
        longer = any(name.startswith(own) and name != own for name in self._by_spelling)
        return longer and _spell(text).endswith(own)


def _flatten(text: str) -> str:
    return text.casefold().replace("\u2019", "'")


def _spell(text: str) -> str:
    """One spelling for all the ways of writing a name."""
    return JOINTS.sub(" ", _flatten(text))


def _is_slight(label: str) -> bool:
    return label.isascii() and (sum(map(str.isalpha, label)) < 2 or label.casefold() == "no")


def _leads(text: str, start: int, end: int) -> bool:
    before = text[max(0, start - WINDOW) : start].rstrip(MARKS)
    begins = start <= WINDOW if not before else before.endswith((":", "="))
    has_letters = any(map(str.isalpha, text[start:end]))
    return begins and bool((AFTER_A_NAME if has_letters else AFTER_A_NUMBER).match(text, end))


def _is_denied(text: str, start: int, end: int) -> bool:
    before, after = text[max(0, start - WINDOW) : start], text[end : end + WINDOW]
    return bool(DENIED_BEFORE.search(before) or DENIED_AFTER.match(after))
