"""The section of the model card that says how to open the exported folder in each tool.

It alone differs between the card beside the folder and the card on the Hub, so it is written apart from the rest: by
`report` for the folder, by `distil publish` for the repository's name.
"""

from pathlib import PurePosixPath

from jinja2 import Environment, PackageLoader, StrictUndefined

from distil.core.errors import InputError
from distil.core.params import Kind
from distil.core.served import FILES
from distil.forms.telling import load_telling

FOLDER = "models/onnx"  # what the card calls the folder before it is published


def render_usage(kind: Kind, file: str, repository: str | None = None) -> str:
    """The section as Markdown: for the folder, or for the repository `owner/name` that the folder was published as.

    `file` is the ONNX file of the folder that is the one to use; how it is used depends on the kind of task.
    """
    environment = Environment(
        loader=PackageLoader(load_telling(kind).package),
        autoescape=False,  # noqa: S701 - Markdown, and a repository's name has no signs of it
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("usage.md").render(
        model=repository or FOLDER,
        published=repository is not None,
        file=PurePosixPath(file),
        is_int8=file == FILES["student_int8"],
    )


def address_card(card: str, kind: Kind, file: str, repository: str) -> str:
    """The card with the repository's name in the place of the folder's, where `file` is the one to use.

    Raises `InputError` if it does not tell how to use that file in the folder.
    """
    section = render_usage(kind, file)
    if section not in card:
        raise InputError(
            "the model card's 'How to use it' is not as this version writes it; run 'dvc repro -s -f report'"
        )
    return card.replace(section, render_usage(kind, file, repository))
