"""The command `distil serve`: the student as a service, under the API of text-embeddings-inference and OpenAI's.

Also `python -m distil.cli.serve`, for an image that has no more than serving needs.
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from distil.classifiers.onnx_runner import CPU
from distil.cli.student import choose_file, find_folder, open_student, read_runtime
from distil.core.errors import InputError
from distil.core.params import PARAMS_FILE
from distil.core.runtime import count_cores

if TYPE_CHECKING:
    from distil.classifiers.opening import OnnxStudent
    from distil.serve.chat import Chat
    from distil.serve.limits import Limits
    from distil.serve.passing import Teacher

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
    max_connections: Annotated[int, typer.Option(min=1, help="Open connections; more are refused with 429.")] = 1024,
    body_timeout: Annotated[float, typer.Option(min=0.1, help="Seconds that a request may take to arrive.")] = 10.0,
    unsure_below: Annotated[str | None, typer.Option(help="Pass on texts of less sureness: auto, or 0 to 1.")] = None,
    unsure_to: Annotated[str | None, typer.Option(help="Who gets them: teacher. They leave this machine.")] = None,
    teacher_timeout: Annotated[float, typer.Option(min=0.1, help="Seconds that a reply waits for it.")] = 20.0,
) -> None:
    """Serve the student: labels over HTTP, and a page for people at /; see docs/serve.md.

    Programs find text-embeddings-inference's POST /predict, and /v1/chat/completions for the study's own prompt.
    """
    check_extra()
    from distil.serve.limits import Limits

    limits = Limits(
        most_body_bytes=max_body_bytes,
        most_texts=max_texts,
        most_characters=max_characters,
        most_waiting=max_waiting,
        most_connections=max_connections,
        body_timeout_s=body_timeout,
        teacher_timeout_s=teacher_timeout,
    )
    check_passing(unsure_below, unsure_to, token_env)
    run(find_folder(model), file, limits, (host, port), tuple(allowed_host or ()), token_env, unsure_below)


def run(
    folder: Path,
    file: str | None,
    limits: "Limits",
    place: tuple[str, int],
    names: tuple[str, ...],
    token: str | None,
    unsure_below: str | None,
) -> None:
    """Serve a folder at a host and port; `names` are others of this server, `token` is the variable that holds one.

    With `unsure_below` the teacher of the study here is asked about texts of less sureness.
    """
    from distil.serve.listening import bind
    from distil.serve.server import read_token, run_server
    from distil.serve.service import Service

    secret, chosen = read_token(token), file or choose_file(folder)
    listener = bind(*place)
    student = open_student(folder, chosen)
    chat, why = find_chat(student)
    below, teacher = (None, None) if unsure_below is None else open_passing(student, folder, chosen, unsure_below)
    name = chat.name if chat else folder.resolve().name
    service = Service(student, folder, chosen, limits, name, below, teacher, count_threads(student))
    try:
        run_server(service, chat, why, listener, names, secret)
    finally:
        if teacher is not None:
            teacher.end()


def count_threads(student: "OnnxStudent") -> int:
    """How many parts of a batch are computed at once: as many as the student would by itself."""
    runtime = read_runtime()
    return max(1, (runtime.threads or count_cores()) // runtime.threads_per_batch) if student.provider == CPU else 1


def check_passing(below: str | None, to: str | None, token: str | None) -> None:
    """Raises `InputError` at one of the options without the others: whoever may ask spends money."""
    if to not in (None, "teacher"):
        raise InputError(f"--unsure-to {to}: a server passes texts on to the teacher alone; write teacher")
    if (below is None) is not (to is None):
        given, other = ("--unsure-below", "--unsure-to teacher") if to is None else ("--unsure-to", "--unsure-below")
        raise InputError(f"{given} needs {other} beside it")
    if to and token is None:
        raise InputError(
            "--unsure-to teacher lets whoever may ask spend money: put a token into an environment variable, and name "
            "it by --token-env"
        )


def open_passing(student: "OnnxStudent", folder: Path, file: str, below: str) -> tuple[float, "Teacher"]:
    """From which sureness on the student keeps a text, and who is asked about the others; raises `DistilError`."""
    try:
        from distil.cascade.live import LiveTeacher
        from distil.cli.passing import find_certified, open_teacher, read_sureness
        from distil.predict.job import Model
    except ModuleNotFoundError as error:
        if (error.name or "distil").partition(".")[0] == "distil":
            raise
        raise InputError(f"--unsure-to teacher needs {error.name}, and here is no more than serving needs") from None
    sureness = find_certified(Model(student, folder, file, "")) if below == "auto" else read_sureness(below)
    if read_runtime().budget_usd is None:
        raise InputError(
            f"--unsure-to teacher: runtime.budget_usd in {PARAMS_FILE} is not set; give the dollars that servers of "
            "this study may spend in all"
        )
    return sureness, LiveTeacher(open_teacher(student), Path())


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
