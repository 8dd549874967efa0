"""Read a list of text and label out of an answer: JSON of many kinds, or lines.

JSON: {"entities": [{"text", "label"}, ...]}, the list alone, objects one after the other, {label: [texts]}, {text:
label}; in fences or prose, also in Python's notation. Of several lists the last counts. What is broken off is not read:
a list without its end would be a label without its last spans.

Lines: "- text (LABEL)", "text: LABEL", "LABEL: text" and the like, bulleted or numbered, also a label above its list. A
line of which both sides are labels counts if one of them alone stands in the text. Other lines are passed over, but
what is bulleted and cannot be read is counted.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from distil.forms.label_names import LabelNames
from distil.kinds.token_classification.labelling.folding import fold
from distil.kinds.token_classification.labelling.items import HOLDERS, Item, read_item, read_literal

LONGEST_NOTHING = 120  # characters of an answer that says that there is no span
MOST_TRIES = 1000  # brackets that begin no value, of which those that begin as one cost TRIES_OF_A_BROKEN each
TRIES_OF_A_BROKEN = 20
BROKEN = re.compile(r"""[\[{]\s*(?:[\[{"'}\]]|\Z)""")  # how a value begins in which something can be named
DECODER = json.JSONDecoder(strict=False)
REASON = "reason"
BULLET = re.compile(r"[-*\u2022\u2013+]\s+|\(?\d{1,3}[.)]\s+|\|\s*")
BRACKETED = re.compile(r"[(\[]\s*([^()\[\]]+?)\s*[)\]]")
GLUE = ":-\u2013\u2014 "  # between text and label
SEPARATORS = ["\t", "->", "=>", "\u2192", "|", ": ", ":", " - ", " \u2013 ", " \u2014 ", "=", ", ", ","]
PAIRED = {'"': '"', "'": "'", "`": "`", "\u201c": "\u201d", "\u2018": "\u2019", "\u00ab": "\u00bb"}
Parts = tuple[str, str, str]  # before, separator, after
PARTS = re.compile(r"[,;]\s+|;")


class Listed(NamedTuple):
    """What an answer names, the reason that it gives, and how many of its items cannot be read.

    `by_label` if it is in the order of the text within each label alone.
    """

    items: list[Item]
    reason: str | None = None
    unread: int = 0
    by_label: bool = False


class BrokenError(ValueError):
    """A list that does not end, or is not written as one."""


def read_json(answer: str, names: LabelNames) -> Listed | None:
    """What the last list in an answer names; None if there is no trace of one.

    Raises BrokenError where it is broken.
    """
    last: Listed | None = None
    loose: list[Item] = []  # objects that stand by themselves, one after the other
    is_broken = False
    for value, start, end in _list_values(answer):
        if value is None:
            is_broken = True
        elif not value:  # such brackets stand in prose too
            last = last or (Listed([]) if not _around(answer, start, end) else None)
        elif (item := read_item(value)) is not None:
            loose.append(item)
        elif (listed := _read_value(value, names)) is not None:
            last, is_broken = listed, False
    if is_broken:
        raise BrokenError
    return Listed(loose) if last is None and loose else last


def _around(answer: str, start: int, end: int) -> str:
    """What stands around a part of an answer, fences aside."""
    return answer[:start].strip("` \njsonJSON") + answer[end:].strip("` \n")


def _list_values(answer: str) -> Iterator[tuple[Any, int, int]]:
    """The outermost lists and objects in a text with their start and end; None for one that is broken."""
    start, tries = _next_bracket(answer, 0), 0
    while start >= 0:
        value, end = _decode(answer, start)
        if value is not None:
            yield value, start, end
        else:
            is_broken = BROKEN.match(answer, start) is not None
            tries += TRIES_OF_A_BROKEN if is_broken else 1
            if is_broken or tries >= MOST_TRIES:
                yield None, start, end
            if tries >= MOST_TRIES:
                return
        start = _next_bracket(answer, end)


def _decode(answer: str, start: int) -> tuple[Any, int]:
    """The value that begins at `start`, or None, and its end."""
    try:
        return DECODER.raw_decode(answer, start)
    except (ValueError, RecursionError):
        end = 1 + max(answer.rfind("]"), answer.rfind("}"))
        value = read_literal(answer[start:end]) if BROKEN.match(answer, start) else None
        return value, start + 1 if value is None else end


def _next_bracket(text: str, start: int) -> int:
    places = [place for place in (text.find("{", start), text.find("[", start)) if place >= 0]
    return min(places, default=-1)


def _read_value(value: Any, names: LabelNames) -> Listed | None:
    """What a list, or an object that holds one, names; None if it is something else."""
    if isinstance(value, list):
        return _read_list(value, names)
    fields = {str(key).lower(): field for key, field in value.items()}
    reason = fields.pop(REASON, None)
    listed = _read_held(fields, names) or _read_by_label(value, names) or _read_by_text(value, names)
    if listed is None or not isinstance(reason, str):
        return listed
    return listed._replace(reason=reason.encode("utf-8", "replace").decode())  # no half characters


def _read_list(value: list[Any], names: LabelNames) -> Listed | None:
    items = [read_item(each) for each in value]
    if any(items) or not value:
        return Listed([item for item in items if item], unread=items.count(None))
    parts = [_read_by_label(each, names) if isinstance(each, dict) else None for each in value]
    whole = [part for part in parts if part is not None]
    return Listed([item for part in whole for item in part.items]) if len(whole) == len(value) else None


def _read_held(fields: dict[str, Any], names: LabelNames) -> Listed | None:
    """The list that an object holds under a name that is known, or under any if it names something."""
    for key in [*(key for key in HOLDERS if key in fields), *fields]:
        held = fields[key]
        if key in HOLDERS and (held is None or held == {} or (isinstance(held, str) and _is_empty(held))):
            return Listed([])
        if isinstance(held, list) and (held or key in HOLDERS) and (listed := _read_list(held, names)) is not None:
            return listed
        if isinstance(held, dict) and (by_label := _read_by_label(held, names)) is not None:
            return by_label
    return None


def _read_by_label(value: dict[str, Any], names: LabelNames) -> Listed | None:
    """{label: text or texts}."""
    fields = {key: field for key, field in value.items() if str(key).lower() != REASON}
    texts = [_as_texts(field) for field in fields.values()]
    if not fields or None in texts or any(names.spelled(str(key)) is None for key in fields):
        return None
    return Listed(
        [Item(str(key), text) for key, some in zip(fields, texts, strict=True) for text in some or []], by_label=True
    )


def _as_texts(field: Any) -> list[str] | None:
    if field is None or (isinstance(field, str) and _is_empty(field)):
        return []
    texts = field if isinstance(field, list) else [field]
    return texts if all(isinstance(text, str) for text in texts) else None


def _read_by_text(value: dict[str, Any], names: LabelNames) -> Listed | None:
    """{text: label}."""
    fields = {key: field for key, field in value.items() if str(key).lower() != REASON}
    if not fields or not all(isinstance(field, str) and names.spelled(field) for field in fields.values()):
        return None
    return Listed([Item(label, text) for text, label in fields.items()])


EMPTY = {"none", "nothing", "nil", "null", "n/a", "na", "empty", ""}
KINDS_OF_SPAN = (
    "entit(?:y|ies)|spans?|names?|labels?|mentions?|details?|information|data|tags?|match(?:es)?|persons?|people|"
    "organi[sz]ations?|locations?|places?"
)
NOTHING = re.compile(
    r"(?:(?:there (?:are|is)|i (?:found|find|see)|it (?:contains|has)|the (?:text|sentence) (?:has|contains)) )?"
    rf"no (?:[\w-]+ ){{0,5}}(?:{KINDS_OF_SPAN})(?: [\w-]+){{0,8}}",
    re.IGNORECASE,
)
HEADED = re.compile(r"\A(?:answer|entities|output|result|spans|labels)\W+", re.IGNORECASE)
MARKS_OF_AN_ANSWER = "\"'`*_.!()-\n "


def is_nothing(answer: str) -> bool:
    """Whether an answer says plainly that there is no span."""
    words = HEADED.sub("", answer.strip(MARKS_OF_AN_ANSWER), count=1) if len(answer) < LONGEST_NOTHING else "?"
    return _is_empty(words) or NOTHING.fullmatch(words) is not None


def _is_empty(field: str) -> bool:
    """Whether what should be a name is a word for none; some names begin with no."""
    return field.strip(MARKS_OF_AN_ANSWER).casefold() in EMPTY


def read_lines(answer: str, names: LabelNames, text: str) -> Listed | None:
    """What the lines of an answer name; None if none of them can be read."""
    folded = fold(text).text
    items: list[Item] = []
    unread, above, said = 0, None, False  # lines not read; the label above a list; whether anything was said
    for line in filter(None, map(str.strip, answer.split("\n"))):
        body, bulleted = _strip_bullet(line)
        heading = names.spelled(body.rstrip(":")) if body.endswith(":") else None
        found = [] if heading else _read_line(body, names, folded)
        if heading:
            above, said = heading, True
        elif found:
            items.extend(found)
        elif found is None and above and bulleted:
            items.append(Item(above, _strip_quotes(body)))
        else:
            unread += bulleted and found is None
            said = said or found is not None
    return Listed(items, unread=unread, by_label=above is not None) if items or said else None


def _strip_bullet(line: str) -> tuple[str, bool]:
    bullet = BULLET.match(line)
    body = line[bullet.end() :] if bullet else line
    return body.replace("**", "").strip("| "), bullet is not None and bullet[0][0] != "|"


def _read_line(line: str, names: LabelNames, folded: str) -> list[Item] | None:
    """What a line names; None if it cannot be read, nothing if it says that there is nothing."""
    for bracket in BRACKETED.finditer(line):
        label = names.spelled(bracket[1])
        said = _strip_glue(line[: bracket.start()], folded) or _strip_glue(line[bracket.end() :], folded)
        if label is not None and said:
            return [Item(label, _strip_quotes(said))]
    for separator in SEPARATORS:
        found = _read_sides(line.partition(separator), line.rpartition(separator), names, folded)
        if found is not None:
            return found
    return None


def _read_sides(first: Parts, last: Parts, names: LabelNames, folded: str) -> list[Item] | None:
    """What a line says that has a label before its first separator, or after its last one."""
    before, after = names.spelled(first[0]), names.spelled(last[2])
    if before and after:
        left, right = _stands_in(first[0], folded), _stands_in(last[2], folded)
        if left == right:
            return None
        before, after = (None, after) if left else (before, None)
    if after and last[0].strip():
        return [Item(after, _strip_quotes(last[0]))]
    return _split(before, _strip_quotes(first[2]), folded) if before and first[2].strip() else None


def _split(label: str, said: str, folded: str) -> list[Item]:
    """One name, or several between commas where the whole does not stand in the text."""
    if _is_empty(said):
        return []
    parts = [said] if _stands_in(said, folded) else PARTS.split(said)
    return [Item(label, _strip_quotes(part)) for part in parts if part.strip()]


def _stands_in(part: str, folded: str) -> bool:
    wanted = fold(part).text
    return bool(wanted) and wanted in folded


def _strip_glue(words: str, folded: str) -> str:
    """Words without the signs that stand between text and label, unless these belong to the text."""
    words = words.strip()
    return words if _stands_in(words, folded) else words.strip(GLUE)


def _strip_quotes(words: str) -> str:
    words = words.strip()
    is_quoted = len(words) > 1 and PAIRED.get(words[0]) == words[-1] and any(map(str.isalnum, words))
    return words[1:-1] if is_quoted else words
