"""The command `distil page`: the student as a folder that runs in a browser, without a server of its own."""

from pathlib import Path
from typing import Annotated

import typer

from distil.cli.student import choose_file, find_folder
from distil.serve.page import GET_LIBRARY, LIBRARY, write_folder


def write_page(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="New folder for the page and the student.")],
    *,
    model: Annotated[Path | None, typer.Option(help="Folder of an exported student; else this study's.")] = None,
    transformers: Annotated[
        Path | None, typer.Option(help="Folder node_modules with @huggingface/transformers in it.")
    ] = None,
) -> None:
    """Write a page that labels texts in the browser, and all that it needs, for any web server of plain files."""
    student = find_folder(model)
    write_folder(folder, student, choose_file(student), transformers)
    typer.echo(f"open it with: python -m http.server 8000 --bind 127.0.0.1 --directory {folder}")
    if transformers is None:
        typer.echo(
            f"transformers.js is not in it: run '{GET_LIBRARY}', then this again with --transformers node_modules; the "
            f"page looks for it in {LIBRARY}/"
        )
