"""Figures in docs that a command writes, with a fingerprint of what they depend on.

A block stands between `<!-- COMMAND FINGERPRINT -->` and `<!-- end -->`. A test compares the fingerprint with that of
the code and parameters as they are: where they differ, the block has to be written anew or to say that it is old. It is
taken of the code without comments, docstrings and layout, so that these make no figure old.
"""

import ast
import hashlib
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

OUTDATED = "These figures are of an earlier recipe; the command above writes them anew."
DIGITS = 16  # of the fingerprint


def take_fingerprint(code: Sequence[Path], parameters: Mapping[str, Any]) -> str:
    """The first hex digits of the sha256 over Python files, or all those below a folder, and over parameters."""
    files = [file for path in code for file in (sorted(path.rglob("*.py")) if path.is_dir() else [path])]
    told = [_outline(ast.parse(file.read_text(encoding="utf-8"))) for file in files]
    return hashlib.sha256(json.dumps([told, parameters], sort_keys=True).encode()).hexdigest()[:DIGITS]


def is_told_old_or(fingerprint: str, doc: Path, command: str) -> bool:
    """Whether a block has this fingerprint, or says itself that it is of an earlier recipe."""
    found = _find(doc.read_text(encoding="utf-8"), doc, command)
    return found["fingerprint"] == fingerprint or OUTDATED in found["body"]


def write_block(doc: Path, command: str, fingerprint: str, lines: Sequence[str]) -> None:
    """Put the lines into the block, in the place of what is in it."""
    text = doc.read_text(encoding="utf-8")
    found = _find(text, doc, command)
    body = f"<!-- {command} {fingerprint} -->\n" + "\n".join(lines) + "\n<!-- end -->"
    doc.write_text(text[: found.start()] + body + text[found.end() :], encoding="utf-8", newline="\n")


def mark_outdated(doc: Path, command: str) -> None:
    """Begin the block with the sentence that it is old, once."""
    found = _find(doc.read_text(encoding="utf-8"), doc, command)
    if OUTDATED not in found["body"]:
        write_block(doc, command, found["fingerprint"], [OUTDATED, "", found["body"].strip("\n")])


def _find(text: str, doc: Path, command: str) -> re.Match[str]:
    begin = rf"<!-- {re.escape(command)} (?P<fingerprint>[0-9a-f]{{{DIGITS}}}) -->"
    found = re.search(rf"{begin}\n(?P<body>.*?)\n?<!-- end -->", text, re.DOTALL)
    if found is None:
        sys.exit(f"{doc} has no block that begins with <!-- {command} and {DIGITS} hex digits -->")
    return found


def _outline(node: Any) -> Any:
    """A piece of code as nested lists without what is empty, so that versions of Python give the same."""
    if isinstance(node, ast.AST):
        return [type(node).__name__, *_list_fields(node)]
    if isinstance(node, list):
        return [_outline(each) for each in node if not _is_docstring(each)]
    return repr(node)


def _list_fields(node: ast.AST) -> Iterator[Any]:
    for name, value in ast.iter_fields(node):
        if value is not None and value != []:
            yield [name, _outline(value)]


def _is_docstring(node: Any) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
