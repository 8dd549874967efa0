"""Which files of this project a stage reaches: what it imports, and what that imports.

What loads a room of the task's kind reaches that room of this kind.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOMS = ("canonical", "labelling", "learning", "scoring", "telling")
OF_KINDS = {f"distil/kinds/{room}.py": f"distil/kinds/{{}}/{room}/[a-z]*.py" for room in ROOMS} | {
    "distil/kinds/baselines.py": "distil/kinds/{}/learning/baselines.py"
}


def import_closure(script: Path, root: Path, kind: str = "classification") -> set[str]:
    """Paths, relative to the root, of the script and of all that it reaches; imports inside functions count."""
    found: set[str] = set()
    waiting = [script]
    while waiting:
        path = waiting.pop()
        name = path.relative_to(root).as_posix()
        if name not in found:
            found.add(name)
            waiting.extend(_reached(path, root))
            if name in OF_KINDS:
                waiting.extend(root.glob(OF_KINDS[name].format(kind)))
    return found


def _reached(path: Path, root: Path) -> Iterator[Path]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
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
