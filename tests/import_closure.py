"""Which files of this project a stage reaches: what it imports, and what that imports.

What loads modules of the task's kind by a name that it makes (`f"distil.kinds.{kind}.scoring.scores"`) reaches those of
this kind; where the name ends in a room, or in what is made too, those of the whole room.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

OF_KINDS = "distil.kinds."


def import_closure(script: Path, root: Path, kind: str = "classification") -> set[str]:
    """Paths, relative to the root, of the script and of all that it reaches; imports inside functions count."""
    found: set[str] = set()
    waiting = [script]
    while waiting:
        path = waiting.pop()
        name = path.relative_to(root).as_posix()
        if name not in found:
            found.add(name)
            waiting.extend(_reached(path, root, kind))
    return found


def _reached(path: Path, root: Path, kind: str) -> Iterator[Path]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            yield from _reached_by_name(node, root, kind)
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names] + [str(node.module)]
        else:
            continue
        for name in names:
            module = root / (name.replace(".", "/") + ".py")
            if name.startswith(("distil.", "stages.")) and module.is_file():
                yield module


def _reached_by_name(node: ast.JoinedStr, root: Path, kind: str) -> Iterator[Path]:
    parts = [str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values]
    if parts[0] == OF_KINDS:
        name = "".join([OF_KINDS, kind, *parts[2:]]).replace("{}", "[a-z]*").replace(".", "/")
        yield from root.glob(f"{name}.py")
        yield from root.glob(f"{name}/[a-z]*.py")
