"""Models and tokenizers of strangers: no code that comes with one is run, and what one breaks is told in one line.

So is a disk that is full when one is saved.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from safetensors import SafetensorError

from distil.core.errors import DistilError, InputError

CONFIGS = ("config.json", "tokenizer_config.json")
MOST_LAYERS = 1000  # the deepest language models have some 130
MOST_LABELS = 100_000
NUMBERS_A_BYTE = 4  # in a file of weights, of the smallest kind that anybody stores
NEW_NUMBERS = 1 << 26  # that no file need hold: a head and a pooler, which many bases leave out


@contextmanager
def explain_loading(name: str | Path, what: str) -> Iterator[None]:
    """Turn what goes wrong while transformers opens a folder, or a model of the Hub, into an `InputError`.

    `what` is the tokenizer, the model: what could not be loaded. What is opened has to be opened with
    `trust_remote_code=False`: with None, transformers asks on a terminal whether to run the code.
    """
    try:
        yield
    except DistilError:
        raise
    except UnpicklingError:
        raise InputError(
            f"{name}: its weights are a pickle that is damaged or would run code; take them as model.safetensors"
        ) from None
    except Exception as error:  # noqa: BLE001 - from files of strangers the libraries make errors of any class
        reason = _name_missing(Path(name)) if "custom code" in str(error) else _tell(error)
        raise InputError(f"{name}: {what} cannot be loaded ({reason})") from None


@contextmanager
def explain_saving(folder: Path) -> Iterator[None]:
    """Turn what is raised where a disk is full into an `InputError`; of tokenizers that is a bare Exception."""
    try:
        yield
    except Exception as error:
        if type(error) not in (Exception, SafetensorError):
            raise
        raise InputError(f"{folder} cannot be written ({error}); make room there, and run it again") from None


def check_depth(folder: Path) -> None:
    """Raise `InputError` if config.json asks for more layers or labels than any model has: each is made by itself."""
    for name, value in _list_fields(read_object(folder / "config.json")):
        most = MOST_LAYERS if "layer" in name else MOST_LABELS if name == "num_labels" else None
        if most and isinstance(value, int) and value > most:
            raise InputError(
                f"{folder}: config.json has {name} = {value}, more than any model; take it from its author"
            )


def check_size(folder: Path, asked: int) -> None:
    """Raise `InputError` if a model asks for far more numbers than its files can hold: the rest would be made anew."""
    held = sum(file.stat().st_size for file in folder.iterdir() if file.suffix in (".safetensors", ".bin"))
    if asked > NEW_NUMBERS + NUMBERS_A_BYTE * held:
        raise InputError(
            f"{folder}: config.json asks for {asked:,} numbers, and its weights have {held:,} bytes; take all files "
            "from one model"
        )


def _list_fields(content: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The fields of an object and of the objects in it; what nests too deeply for Python was not read."""
    for name, value in content.items():
        yield name, value
        if isinstance(value, dict):
            yield from _list_fields(value)


def _name_missing(folder: Path) -> str:
    """Which classes transformers would need, if the folder tells."""
    names = sorted({name for file in CONFIGS for name in _list_classes(folder / file)})
    classes = f"the class {', '.join(names)}" if names else "a class"
    known = f"name another one whose classes transformers {version('transformers')} has"
    return f"it needs {classes} of code that comes with it, which is not run; {known}"


def _list_classes(path: Path) -> Iterator[str]:
    stated = read_object(path).get("auto_map")
    for value in stated.values() if isinstance(stated, dict) else ():
        for name in value if isinstance(value, list) else [value]:
            if isinstance(name, str) and name.isprintable():
                yield name.rpartition(".")[2]


def read_object(path: Path) -> dict[str, Any]:
    """What a JSON file holds; of one that is missing, broken or no object, nothing."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _tell(error: Exception) -> str:
    lines = [" ".join(line.split()) for line in str(error).splitlines() if line.strip()]
    first = lines[0] if lines else type(error).__name__
    return f"{first} {lines[1]}" if first.endswith(":") and len(lines) > 1 else first
