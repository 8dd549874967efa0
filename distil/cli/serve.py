"""The command `distil serve`: the student as a service, under the API of text-embeddings-inference and OpenAI's.

Also `python -m distil.cli.serve`, for an image that has no more than serving needs.
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from distil.cli.student import choose_file, find_folder, open_student
from distil.core.errors import InputError
from distil.core.params import PARAMS_FILE

if TYPE_CHECKING:
    from distil.classifiers.opening import OnnxStudent
    from distil.serve.chat import Chat
    from distil.serve.limits import Limits

EXTRA = ("fastapi", "prometheus_client", "uvicorn")
NO_STUDY = (
    "this server has a student without its study, so it knows no prompt to answer; start distil serve in the study's "
    "folder"
)


def serve(
    *,
    model: Annotated[Path | None, typer.Option(help="Folder of an exported student; else this study's.")] = None,
    file: Annotated[str | None, typer.Option(help="ONNX file in that folder; else int8 where there is one.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0: all of this machine's.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0: any that is free.")] = 8080,
    token_env: Annotated[
        str | None, typer.Option(help="Environment variable with a token that clients have to bring.")
    ] = None,
    allowed_host: Annotated[
        list[str] | None, typer.Option(help="Another name under which clients may ask; can stand more than once.")
    ] = None,
    max_body_bytes: Annotated[int, typer.Option(min=1, help="Bytes of a request.")] = 2_000_000,
    max_texts: Annotated[int, typer.Option(min=1, help="Texts of a request.")] = 1024,
    max_characters: Annotated[int, typer.Option(min=1, help="Characters of a text.")] = 100_000,
    max_waiting: Annotated[int, typer.Option(min=1, help="Texts that may wait; more are refused with 429.")] = 4096,
    body_timeout: Annotated[float, typer.Option(min=0.1, help="Seconds that a request may take to arrive.")] = 10.0,
) -> None:
    """Serve the student: labels over HTTP, and a page for people at /.

    Programs that ask text-embeddings-inference find its POST /predict, and programs that ask the language model with
    the study's prompt find /v1/chat/completions. docs/serve.md has both.
    """
    check_extra()
    from distil.serve.limits import Limits

    limits = Limits(
        most_body_bytes=max_body_bytes,
        most_texts=max_texts,
        most_characters=max_characters,
        most_waiting=max_waiting,
        body_timeout_s=body_timeout,
    )
    run(find_folder(model), file, limits, (host, port), tuple(allowed_host or ()), token_env)


def run(
    folder: Path, file: str | None, limits: "Limits", place: tuple[str, int], names: tuple[str, ...], token: str | None
) -> None:
    """Serve a folder at a host and port; `names` are others of this server, `token` is the variable that holds one."""
    from distil.serve.listening import bind
    from distil.serve.server import read_token, run_server
    from distil.serve.service import Service

    secret, chosen = read_token(token), file or choose_file(folder)
    listener = bind(*place)
    student = open_student(folder, chosen)
    chat, why = find_chat(student)
    service = Service(student, folder, chosen, limits, chat.name if chat else folder.resolve().name)
    run_server(service, chat, why, listener, names, secret)


def check_extra() -> None:
    """Raises `InputError` where a package is missing that only serving needs."""
    for name in EXTRA:
        try:
            import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            package = name.replace("_", "-")
            raise InputError(f"distil serve needs {package}: pip install {package} (extra 'serve')") from None


def find_chat(student: "OnnxStudent") -> tuple["Chat | None", str]:
    """What answers the prompt of the study here, or why nothing does."""
    if not PARAMS_FILE.exists():
        return None, NO_STUDY
    try:
        from distil.serve.study import open_chat

        return open_chat(student.kind, list(student.labels)), ""
    except ModuleNotFoundError as error:
        if (error.name or "distil").partition(".")[0] == "distil":
            raise
        return None, f"{NO_STUDY}, where {error.name} is installed"  # an image that serves has no more than it needs
    except InputError as error:
        return None, str(error)


def main() -> None:
    """Run the command by itself."""
    from distil.core.command import call

    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command()(serve)
    call(app)


if __name__ == "__main__":
    main()
