"""The routes of the page for readers: what a browser asks, and what it is told.

A task of the audit has its text and nothing else of the row: what the teacher said never leaves this machine's files.
"""

from typing import Annotated, Any, Literal

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import AfterValidator, BaseModel, Field

from distil.core.errors import DistilError, InputError
from distil.review.answers import Answer, name_reader
from distil.review.desk import Desk, RowGoneError, SeatTakenError, Turn
from distil.review.opening import Task
from distil.review.page import read_page, tell_policy
from distil.review.sheets import ADJUDICATION, QUEUE, Id, Sha, SheetName

LONGEST_NOTE = 2000
STATUSES: dict[type[Exception], int] = {SeatTakenError: 423, RowGoneError: 410, InputError: 409}
PRIVATE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}

Reader = Annotated[str, AfterValidator(name_reader)]


class Visitor(BaseModel):
    """Who asks."""

    reader: Reader


class Sitting(Visitor):
    """A reader at a sheet."""

    sheet: SheetName
    seat: str = ""


class Undone(Sitting):
    """The row whose answer is taken back."""

    id: Id


class Given(Undone):
    """An answer; `value` is the label as the kind's tools have it."""

    text_sha: Sha
    status: Literal["labelled", "unsure", "skipped"]
    value: Any = None
    seconds: float = Field(ge=0, allow_inf_nan=False)
    note: str = Field(default="", max_length=LONGEST_NOTE)


def make_app(desk: Desk) -> FastAPI:
    """The app over a desk."""
    app = FastAPI(title="distil", docs_url=None, redoc_url=None, openapi_url=None)
    _add_page(app)
    _add_visits(app, desk)
    _add_answers(app, desk)
    _add_faults(app)
    return app


def _add_page(app: FastAPI) -> None:
    page = read_page()

    @app.get("/")
    async def show_page() -> Response:
        return HTMLResponse(page, headers={"Content-Security-Policy": tell_policy(page), **PRIVATE})


def _add_visits(app: FastAPI, desk: Desk) -> None:
    @app.post("/api/sheets")
    async def list_sheets(visitor: Visitor) -> Response:
        counts = desk.count_rows(visitor.reader)
        sheets = [{"name": name, "rows": rows, "left": left} for name, (rows, left) in counts.items()]
        return _send({"reader": visitor.reader, "sheets": sheets})

    @app.post("/api/sit")
    async def sit(sitting: Sitting) -> Response:
        seat, task = desk.sit_down(sitting.reader, sitting.sheet), desk.task
        told = {
            "reader": sitting.reader,
            "seat": seat,
            "kind": task.kind,
            "labels": task.labels,
            "about": task.description,
        }
        return _send(told | show_turn(desk, desk.turn(sitting.reader, seat, sitting.sheet)))


def _add_answers(app: FastAPI, desk: Desk) -> None:
    @app.post("/api/answer")
    async def answer(given: Given) -> Response:
        row = given.id, given.text_sha
        how = given.status, given.value, given.seconds, given.note
        desk.answer(given.reader, given.seat, given.sheet, row, *how)
        turn = desk.turn(given.reader, given.seat, given.sheet)
        if turn.task is None:
            desk.settle()
        return _send(show_turn(desk, turn))

    @app.post("/api/undo")
    async def undo(undone: Undone) -> Response:
        before = desk.undo(undone.reader, undone.seat, undone.sheet, undone.id)
        turn = desk.turn(undone.reader, undone.seat, undone.sheet, undone.id)
        return _send(show_turn(desk, turn) | {"undone": None if before is None else show_answer(desk, before)})


def show_turn(desk: Desk, turn: Turn) -> dict[str, Any]:
    """What a browser shows of a turn."""
    return {
        "task": None if turn.task is None else show_task(desk, turn.task),
        "answered": turn.answered,
        "rows": turn.rows,
        "pace": turn.pace.seconds,
        "last": turn.last,
    }


def show_task(desk: Desk, task: Task) -> dict[str, Any]:
    """What a browser is told of a row, which is the text alone where it is read blind."""
    shown: dict[str, Any] = {"id": task.id, "text_sha": task.text_sha, "text": task.text}
    if task.sheet == QUEUE:
        label = task.teacher_label
        value = None if label is None else desk.form.write_value(label)
        shown |= {"teacher": value, "reason": task.reason, "why": list(task.why)}
    if task.sheet == ADJUDICATION:
        shown["said"] = [[reader, desk.form.write_value(label)] for reader, label in task.said.items()]
    return shown


def show_answer(desk: Desk, answer: Answer) -> dict[str, Any]:
    """An answer of the reader's own."""
    value = None if answer.label is None else desk.form.write_value(answer.label)
    return {"status": answer.status, "value": value, "note": answer.note}


def _send(told: dict[str, Any]) -> Response:
    return JSONResponse(told, headers=PRIVATE)


def _add_faults(app: FastAPI) -> None:
    def refuse(status: int, why: str) -> Response:
        return JSONResponse({"error": why}, status, PRIVATE)

    @app.exception_handler(DistilError)
    async def on_fault(_: Request, error: DistilError) -> Response:
        return refuse(STATUSES.get(type(error), 409), str(error))

    @app.exception_handler(OSError)
    async def on_disk(_: Request, error: OSError) -> Response:
        return refuse(507, f"the answer is not on disk ({error.strerror or error}); make room there, then try again")

    @app.exception_handler(ValueError)
    async def on_label(_: Request, error: ValueError) -> Response:
        return refuse(422, f"the label {error}")

    @app.exception_handler(RequestValidationError)
    async def on_invalid(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return refuse(422, f"{'.'.join(map(str, first['loc'][1:]))}: {first['msg']}")
