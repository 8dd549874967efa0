"""Read inline tags: the text written down again, each span between <LABEL> and </LABEL>, or [LABEL] and [/LABEL].

A label may be spelled in any of the ways that LabelNames knows. A tag that is never closed, or was never opened, is
text. Tags may lie within one another or cross: of such spans the longest stays. Where the text around them is not
repeated, tags are a list of what stands in them.
"""

import re
from collections import defaultdict
from functools import cache
from typing import NamedTuple

from distil.forms.label_names import LabelNames
from distil.kinds.token_classification.labelling.alignment import align
from distil.kinds.token_classification.labelling.canonical.spans import Span, keep_longest
from distil.kinds.token_classification.labelling.finding import Named, find_spans
from distil.kinds.token_classification.labelling.folding import fold

TAG = re.compile(r"<(?P<shut>/?)(?P<name>[^<>\n]{1,80})>|\[(?P<shut_too>/?)(?P<name_too>[^<>\[\]\n]{1,80})\]")


class Tagged(NamedTuple):
    """An answer without its tags, the spans of that, and how many tags that do not stand in the text are no pair."""

    plain: str
    spans: list[Span]
    single: int


def read_tags(answer: str, names: LabelNames, text: str, *, whole: bool = False) -> tuple[list[Span], int] | None:
    """The tagged spans of the text and how many tags have no place in it; None if the answer is not a tagged text.

    With `whole` an answer that does not repeat all of the text is none.
    """
    tagged = strip_tags(answer, names, text)
    if not tagged.spans or (whole and fold(text).text not in fold(tagged.plain).text):
        return None
    carry = align(tagged.plain, text, hint=tagged.spans[0].start)
    if carry is None:
        inside = sum(span.end - span.start for span in keep_longest(tagged.spans)[0])
        if 2 * inside < len("".join(tagged.plain.split())):
            return None
        named = [Named(tagged.plain[span.start : span.end], span.label) for span in tagged.spans]
        spans, unplaced = find_spans(text, named)
        return spans, unplaced + tagged.single
    places = [(carry(span.start, span.end), span.label) for span in tagged.spans]
    spans, dropped = keep_longest(Span(*place, label) for place, label in places if place is not None)
    return spans, dropped + tagged.single + sum(place is None for place, _ in places)


def strip_tags(answer: str, names: LabelNames, text: str) -> Tagged:
    """Take the pairs of tags out of an answer."""
    tags = _list_tags(answer, names)
    pairs = _pair(tags)
    paired = sorted(number for pair in pairs for number in pair)
    pieces, at, end, length = [], {}, 0, 0
    for number in paired:
        tag = tags[number][0]
        pieces.append(answer[end : tag.start()])
        end, length = tag.end(), length + len(pieces[-1])
        at[number] = length
    spans = sorted(Span(at[first], at[last], tags[first][1]) for first, last in pairs)
    single = set(range(len(tags))).difference(paired)
    strangers = sum(tags[number][0][0] not in text for number in single)
    return Tagged("".join([*pieces, answer[end:]]), spans, strangers)


def _pair(tags: list[tuple[re.Match[str], str]]) -> list[tuple[int, int]]:
    """The numbers of the tags that open and close each span."""
    opened: dict[tuple[str, str], list[int]] = defaultdict(list)
    pairs = []
    for number, (tag, label) in enumerate(tags):
        waiting = opened[tag[0][0], label]
        if not (tag["shut"] or tag["shut_too"]):
            waiting.append(number)
        elif waiting:
            pairs.append((waiting.pop(), number))
    return pairs


def _list_tags(answer: str, names: LabelNames) -> list[tuple[re.Match[str], str]]:
    """All that looks like a tag of a label, with the label."""
    spelled = cache(names.spelled)
    found = ((tag, spelled(tag["name"] or tag["name_too"])) for tag in TAG.finditer(answer))
    return [(tag, label) for tag, label in found if label is not None]
