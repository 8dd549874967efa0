"""Read YAML that a stranger may have written: plain values, in bounded time and memory, or one error with its line.

A few hundred bytes of anchors and aliases unfold to billions of values, brackets nest deeper than Python calls, a value
may be no date and no number, and of two equal keys YAML takes the last in silence. All of these are refused before
anything is built from them.
"""

from collections.abc import Hashable
from typing import Any

import yaml

LARGEST_FILE = 1_000_000  # characters; PyYAML reads some 100,000 of them a second
MOST_VALUES = 200_000  # of a file, each alias counted as all that it stands for
DEEPEST = 50  # levels
LARGEST_INT = 2**63


class UnsafeYamlError(ValueError):
    """The text is no YAML, or more than a file of ours can mean; `where` is ", line 3", or empty."""

    def __init__(self, problem: str, mark: yaml.Mark | None = None) -> None:
        self.where = f", line {mark.line + 1}" if mark else ""
        self.problem = problem
        super().__init__(f"{problem}{self.where}")


class _Loader(yaml.SafeLoader):
    """The safe loader, with every value that cannot be built told as an error of YAML with its line."""

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
    """Return what the text says; raises `UnsafeYamlError`, with the line where there is one."""
    if len(text) > LARGEST_FILE:
        raise UnsafeYamlError(f"it has {len(text):,} characters, more than {LARGEST_FILE:,}")
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _check_size(node, {}, ())
        return loader.construct_document(node)
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
        raise UnsafeYamlError(problem, getattr(error, "problem_mark", None)) from None
    except RecursionError:
        raise UnsafeYamlError(f"it is nested more than {DEEPEST} levels deep") from None


def _check_size(node: yaml.Node, sizes: dict[int, int], above: tuple[int, ...]) -> int:
    """The number of values that a node stands for; raises an error of YAML where that is too many, or endless."""
    if id(node) in sizes:
        return sizes[id(node)]
    if id(node) in above:
        raise _complain(node, "an alias stands for what it is a part of")
    if len(above) >= DEEPEST:
        raise _complain(node, f"it is nested more than {DEEPEST} levels deep")
    inner = (*above, id(node))
    size = 1 + sum(_check_size(part, sizes, inner) for part in _list_parts(node))
    if size > MOST_VALUES:
        raise _complain(node, f"with its aliases it stands for more than {MOST_VALUES:,} values")
    sizes[id(node)] = size
    return size


def _list_parts(node: yaml.Node) -> list[yaml.Node]:
    """What a sequence holds, or the keys and values of a mapping; raises an error of YAML where a key stands twice."""
    if isinstance(node, yaml.SequenceNode):
        return list(node.value)
    if not isinstance(node, yaml.MappingNode):
        return []
    seen: set[Hashable] = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode):
            if (key.tag, key.value) in seen:
                raise _complain(key, f"the key {key.value[:40]!r} stands twice")
            seen.add((key.tag, key.value))
    return [part for pair in node.value for part in pair]


def _complain(node: yaml.Node, problem: str) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
