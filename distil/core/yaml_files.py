"""Read YAML that a stranger may have written: plain values, in bounded time and memory, or one error with its line.

A few hundred bytes of anchors and aliases unfold to billions of values, brackets nest deeper than Python calls, a value
may be no date and no number, and of two equal keys YAML takes the last in silence. All of these are refused before
anything is built from them.
"""

from collections.abc import Hashable
from copy import deepcopy
from functools import lru_cache
from typing import Any

import yaml

LARGEST_FILE = 1_000_000  # characters; PyYAML reads some 100,000 of them a second
MOST_VALUES = 200_000  # of a file, each alias counted as all that it stands for
DEEPEST = 50  # levels
TOO_DEEP = f"it is nested more than {DEEPEST} levels deep"
LARGEST_INT = 2**63


class UnsafeYamlError(ValueError):
    """The text is no YAML, or more than a file of ours can mean; `where` is ", line 3", or empty."""

    def __init__(self, problem: str, mark: yaml.Mark | None = None) -> None:
        self.where = f", line {mark.line + 1}" if mark else ""
        self.problem = problem
        super().__init__(f"{problem}{self.where}")


class _Loader(yaml.SafeLoader):
    """The safe loader, with what is nested too deep, or cannot be built, told as an error of YAML with its line."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.depth += 1
        if self.depth > DEEPEST:
            raise yaml.constructor.ConstructorError(None, None, TOO_DEEP, self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            value = super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError, TypeError, OverflowError):
            kind = node.tag.rpartition(":")[2]
            raise _complain(node, f"{str(node.value)[:40]!r} is no {kind} (text belongs in quotes)") from None
        if isinstance(value, int) and abs(value) >= LARGEST_INT:
            raise _complain(node, f"{node.value[:40]!r} is too large a number (text belongs in quotes)")
        return value


def load_yaml(text: str) -> Any:
    """Return what the text says; raises `UnsafeYamlError`, with the line where there is one.

    The last few texts are remembered, since a command reads params.yaml once for each section that it needs.
    """
    return deepcopy(_load(text))


@lru_cache(maxsize=4)
def _load(text: str) -> Any:
    if len(text) > LARGEST_FILE:
        raise UnsafeYamlError(f"it has {len(text):,} characters, more than {LARGEST_FILE:,}")
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _measure(node, {}, ())
        return loader.construct_document(node)
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
        raise UnsafeYamlError(problem, getattr(error, "problem_mark", None)) from None


def _measure(node: yaml.Node, known: dict[int, tuple[int, int]], above: tuple[int, ...]) -> tuple[int, int]:
    """How many values a node stands for, and how deep they lie; raises an error of YAML where that is too much."""
    if id(node) in known:
        return known[id(node)]
    if id(node) in above:
        raise _complain(node, "an alias stands for what it is a part of")
    parts = [_measure(part, known, (*above, id(node))) for part in _list_parts(node)]
    size, depth = 1 + sum(size for size, _ in parts), 1 + max((depth for _, depth in parts), default=0)
    if size > MOST_VALUES:
        raise _complain(node, f"with its aliases it stands for more than {MOST_VALUES:,} values")
    if depth > DEEPEST:
        raise _complain(node, TOO_DEEP)
    known[id(node)] = (size, depth)
    return size, depth


def _list_parts(node: yaml.Node) -> list[yaml.Node]:
    """What a sequence holds, or the keys and values of a mapping.

    Raises an error of YAML where a key stands twice, and where not every reader would take a plain colon.
    """
    if not isinstance(node, yaml.CollectionNode):
        return []
    parts = node.value if isinstance(node, yaml.SequenceNode) else [part for pair in node.value for part in pair]
    for part in parts if node.flow_style else ():
        here = part.start_mark.index > node.start_mark.index  # and not elsewhere, under an alias
        if here and isinstance(part, yaml.ScalarNode) and part.style is None and ":" in part.value:
            raise _complain(
                part, f"{part.value[:40]!r} has a colon; inside braces and brackets it needs quotes for DVC"
            )
    if isinstance(node, yaml.SequenceNode):
        return parts
    seen: set[Hashable] = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode):
            if (key.tag, key.value) in seen:
                raise _complain(key, f"the key {key.value[:40]!r} stands twice")
            seen.add((key.tag, key.value))
    return parts


def _complain(node: yaml.Node, problem: str) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
