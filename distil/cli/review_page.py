"""The command `distil review open`: the page on which people read."""

import html
import os
import sys
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Annotated

import typer

from distil.cli.review_folder import SheetChoice, check_reader, describe_settled, find_places
from distil.core.errors import InputError
from distil.core.params import TaskParams, load_params
from distil.review.settling import settle

EXTRA = {"fastapi", "uvicorn"}
WAY_IN = ".open.html"  # in the folder review/: a browser's command line shows the address to all users of a machine


def open_page(
    *,
    sheet: Annotated[SheetChoice | None, typer.Option(help="Which rows; else the page asks.")] = None,
    reader: Annotated[str | None, typer.Option(help="Who reads; else the page asks.")] = None,
    port: Annotated[int, typer.Option(help="Port on this machine; 0: any that is free.")] = 8090,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser too.")] = True,
) -> None:
    """Read rows on a page in a browser, by keys; each answer is on disk before the next text shows.

    Ctrl-C ends it, and writes review/corrections.csv and review/audit.csv. Called again, it goes on where it ended.
    """
    try:
        from distil.review.desk import Desk
        from distil.review.page import held, make_token, serve_page, write_address
        from distil.review.routes import make_app
        from distil.serve.listening import bind
    except ModuleNotFoundError as error:
        if error.name not in EXTRA:
            raise
        raise InputError(f"distil review open needs {error.name}: pip install {error.name} (extra 'review')") from None
    name, places = check_reader(reader), find_places()
    with held(places.folder):
        desk, token = Desk(places, load_params("task", TaskParams)), make_token()
        if not any(rows for rows, _ in desk.count_rows(name).values()):
            raise InputError(f"{places.folder} has no rows to read; 'distil review draw' draws some")
        listener = bind("127.0.0.1", port)
        address = write_address(listener.getsockname()[1], token, name, None if sheet is None else sheet.value)
        typer.echo(f"{address}\nCtrl-C ends it; other readers take the same address, each with a name of their own")
        with way_in(places.folder / WAY_IN, address, browser):
            serve_page(make_app(desk), listener, token)
        typer.echo(describe_settled(settle(places.folder, places.knows), places.folder))


@contextmanager
def way_in(path: Path, address: str, browser: bool) -> Iterator[None]:
    """Open a browser by a file that leads to the address and only this user can read; it is gone in the end."""
    path.unlink(missing_ok=True)
    if browser and has_window():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(f'<!doctype html><meta http-equiv="refresh" content="0; url={html.escape(address)}">\n')
        Thread(target=webbrowser.open, args=[path.resolve().as_uri()], daemon=True).start()  # some wait for their end
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def has_window() -> bool:
    """Whether a browser can show itself; without one Python would start one that takes the terminal."""
    names = ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")
    return not sys.platform.startswith("linux") or any(os.environ.get(name) for name in names)


def main() -> None:
    """Run the command by itself."""
    from distil.core.command import call

    call(lambda: typer.run(open_page))


if __name__ == "__main__":
    main()
