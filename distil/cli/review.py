"""The commands `distil review`: rows for people to read, and what their answers come to."""

import sys
from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args

import numpy as np
import pandas as pd
import typer

from distil.classifiers.opening import open_onnx
from distil.cli.project import artifact_path, stage_path
from distil.cli.review_examples import offer_examples
from distil.cli.review_folder import SheetChoice, check_reader, describe_settled, find_places
from distil.cli.review_page import open_page
from distil.core.errors import InputError
from distil.core.params import TaskParams, load_params
from distil.core.runtime import RuntimeParams
from distil.core.served import FILES, read_served
from distil.forms.answering import Answers, load_asking
from distil.forms.exchange import load_exchange
from distil.forms.labelling import load_labelling
from distil.forms.scores import load_scores
from distil.labels.corrections import read_table
from distil.labels.params import AggregateParams
from distil.quality.asking import ask
from distil.review.agreement import describe_measure, measure_agreement
from distil.review.answers import append_answers, keep_current, read_answers
from distil.review.candidates import add_signs, gather_texts
from distil.review.drawing import draw_audit, find_reserve
from distil.review.exporting import write_argilla, write_csv, write_label_studio, write_workbook
from distil.review.importing import Row, take_answers
from distil.review.opening import Places, open_sheet
from distil.review.pace import SECONDS_PER_MINUTE, find_pace
from distil.review.queueing import count_signs, rank_suspicious
from distil.review.settling import CORRECTIONS, settle
from distil.review.sheets import (
    ADJUDICATION,
    AUDIT,
    QUEUE,
    AuditRow,
    QueueRow,
    SheetName,
    read_audit,
    read_queue,
    write_sheet,
)

MINUTES = 60.0
MOST_TOLD = 20  # rows that are refused
SIGNS = {
    "votes": "votes that differ",
    "student": "the student of another mind",
    "held_out": "suspects of train",
    "duplicates": "near-duplicates with other labels",
}


class Tool(StrEnum):
    """For which rows are exported."""

    XLSX = "xlsx"
    CSV = "csv"
    LABEL_STUDIO = "label-studio"
    ARGILLA = "argilla"


review_app = typer.Typer(no_args_is_help=True, help="Rows for people to read: a blind audit, and a repair queue.")
review_app.command("open")(open_page)
review_app.command("examples")(offer_examples)


@review_app.command("draw")
def draw_sheets(
    *,
    rows: Annotated[int | None, typer.Option(min=1, help="How many rows more, on both sheets together.")] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Or as many as can be read in this time (60, unless --rows is given).")
    ] = None,
    audit_share: Annotated[float, typer.Option(min=0, max=1, help="Share of the rows that is the audit.")] = 0.5,
    reader: Annotated[str | None, typer.Option(help="Whose pace counts.")] = None,
    seed: Annotated[int, typer.Option(help="Of all chance; the same for all draws of a study.")] = 0,
) -> None:
    """Draw rows for people to read, at random for the audit, by suspicion for the queue; drawing again adds rows."""
    if rows is not None and minutes is not None:
        raise InputError("--rows and --minutes both say how many rows; give one of them")
    places = find_places()
    folder = places.folder
    sheets = Sheets(folder, read_audit(folder), read_queue(folder))
    sheets.check_seed(seed)
    texts = gather(seed)
    pace = find_pace(read_answers(folder), check_reader(reader), texts["text"])
    wanted = rows if rows is not None else pace.count_rows(MINUTES if minutes is None else minutes)
    count, told = sheets.draw(texts, wanted, round(wanted * audit_share), seed)
    settle(folder, places.knows)  # audit.csv tells of strata too
    typer.echo("\n".join(told))
    typer.echo(
        f"about {count * pace.seconds / SECONDS_PER_MINUTE:,.0f} minutes at {pace.seconds:.0f} s a row "
        f"({pace.source}); now 'distil review open' or 'distil review export'"
    )


class Sheets(NamedTuple):
    """The two sheets as they are, in their folder."""

    folder: Path
    audit: list[AuditRow]
    queue: list[QueueRow]

    def check_seed(self, seed: int) -> None:
        """Raise `InputError` where rows were drawn with another seed, whose lots have nothing to do with these."""
        for row in [*self.audit, *self.queue]:
            if row.seed != seed:
                raise InputError(f"{self.folder} has rows that were drawn with --seed {row.seed}; go on with that one")

    def draw(self, texts: pd.DataFrame, wanted: int, for_audit: int, seed: int) -> tuple[int, list[str]]:
        """Write both sheets with rows more; returns how many, and a line on each."""
        number = max((row.draw for row in [*self.audit, *self.queue]), default=0) + 1
        queued = texts["lot"].reindex([row.id for row in self.queue]).dropna().to_numpy()
        reserve = find_reserve(len(self.audit) + for_audit, len(texts), queued)
        drawn = draw_audit(texts, self.audit, for_audit, reserve, seed, number)
        more = len(drawn) - len(self.audit)
        corrected = read_table(self.folder / CORRECTIONS)["id"]
        taken = {row.id for row in [*drawn, *self.queue]} | set(corrected)
        left = texts[(texts["lot"] >= reserve) & ~texts["is_test"] & ~texts.index.isin(taken)]
        ranked = rank(left, wanted - for_audit)
        added = [
            QueueRow(id=text_id, text_sha=sha, draw=number, seed=seed, why=why)
            for text_id, sha, why in ranked[["text_sha", "why"]].itertuples()
        ]
        write_sheet(self.folder, AUDIT, drawn)
        write_sheet(self.folder, QUEUE, [*self.queue, *added])
        short, idle = for_audit - more, wanted - for_audit - len(added)
        fewer = f"; {short:,} fewer than wanted, since no more are set aside for it" * (short > 0)
        scant = f"; {idle:,} fewer than wanted, since nothing speaks against other labels" * (idle > 0)
        signs = "".join(f"; {count:,} {SIGNS[name]}" for name, count in count_signs(ranked).items() if count)
        return more + len(added), [
            f"audit: {more:,} rows more, {len(drawn):,} in all, of {len(texts):,} texts{fewer}",
            f"queue: {len(added):,} rows more, {len(self.queue) + len(added):,} in all{scant}{signs}",
        ]


def gather(seed: int) -> pd.DataFrame:
    """The texts that may be read; raises `InputError` where none are left, or the stages before were not run."""
    paths = stage_path("split", "--texts"), stage_path("aggregate", "--annotations"), stage_path("split", "--test")
    texts = gather_texts(*paths, load_params("task", TaskParams), load_params("aggregate", AggregateParams), seed)
    if texts.empty:
        raise InputError("every text is a test row with people's label, so there is nothing to read")
    return texts


def rank(texts: pd.DataFrame, count: int) -> pd.DataFrame:
    """The most suspicious of the texts, so many at most."""
    if not count or texts.empty:
        return rank_suspicious(no_signs(texts.head(0)))
    task = load_params("task", TaskParams)
    said = ask_student(texts["text"].to_list(), task)
    return rank_suspicious(add_signs(texts, said, stage_path("train", "--suspects"), task)).head(count)


def ask_student(texts: list[str], task: TaskParams) -> Answers | None:
    """What the student that is served says of texts; null, and told, where there is none yet."""
    onnx, export = artifact_path("student"), stage_path("evaluate", "--export")
    if not export.is_file() or not (onnx / "config.json").is_file():
        print("there is no student yet, so the queue goes by the votes alone; 'dvc repro' makes one", file=sys.stderr)
        return None
    served, runtime = read_served(export), load_params("runtime", RuntimeParams)
    student = open_onnx(onnx, FILES[served], device=runtime.device, **runtime.threading)
    return ask(served, student, texts, task.labels, load_asking(task.kind))


@review_app.command("settle")
def settle_answers() -> None:
    """Write review/corrections.csv and review/audit.csv anew from all answers."""
    places = find_places()
    typer.echo(describe_settled(settle(places.folder, places.knows), places.folder))


@review_app.command("status")
def show_status() -> None:
    """Say who read how much of each sheet, what is left, and how far readers agree."""
    places, task = find_places(), load_params("task", TaskParams)
    current = keep_current(places.read_answers())
    for sheet in get_args(SheetName):
        rows = {row.id for row in open_sheet(places, sheet)}
        read = {answer.id for answer in current if answer.sheet == sheet and answer.id in rows}
        typer.echo(f"{sheet}: {len(rows):,} rows, {len(rows) - len(read):,} that nobody has read")
        for reader in sorted({answer.reader for answer in current if answer.sheet == sheet}):
            of_one = [answer for answer in current if answer.sheet == sheet and answer.reader == reader]
            counts = pd.Series([answer.status for answer in of_one]).value_counts()
            pace = [answer.seconds for answer in of_one if answer.seconds is not None]
            told = ", ".join(f"{counts[name]:,} {name}" for name in ("labelled", "unsure", "skipped") if name in counts)
            typer.echo(f"  {reader}: {told}" + (f", {np.median(pace):.1f} s a row" if pace else ""))
    votes, scores = load_labelling(task.kind).votes, load_scores(task.kind)
    for sheet in (AUDIT, QUEUE):  # apart, since readers of the queue see the teacher's label
        of_sheet = [answer for answer in current if answer.sheet == sheet]
        for measure in measure_agreement(of_sheet, votes, scores, task.labels):
            typer.echo(f"{sheet}: {describe_measure(measure)}")


def no_signs(texts: pd.DataFrame) -> pd.DataFrame:
    """The columns of `add_signs` without anything in them."""
    empty: dict[str, Any] = dict.fromkeys(("student_label", "student_sure", "suggested", "quality", "cluster"))
    return texts.assign(**empty)


@review_app.command("export")
def export_sheet(
    path: Annotated[Path, typer.Argument(help="File to write (xlsx, csv), or folder (label-studio, argilla).")],
    *,
    to: Annotated[Tool, typer.Option(help="For which tool.")] = Tool.XLSX,
    sheet: Annotated[SheetChoice, typer.Option(help="Which rows.")] = SheetChoice.QUEUE,
    reader: Annotated[
        str | None, typer.Option(help="Those that this reader has not answered; else nobody has.")
    ] = None,
) -> None:
    """Write the rows of a sheet for another tool; 'distil review import' takes them back."""
    places, task = find_places(), load_params("task", TaskParams)
    name, form = check_reader(reader), load_exchange(task.kind)
    given = keep_current(places.read_answers())
    done = {answer.id for answer in given if answer.sheet == sheet.value and name in (None, answer.reader)}
    tasks = [each for each in open_sheet(places, sheet.value) if each.id not in done]
    if not tasks:
        raise InputError(f"no row of the sheet {sheet.value} is left to read; 'distil review draw' draws more")
    try:
        match to:
            case Tool.XLSX:
                write_workbook(path, tasks, task.labels, form)
            case Tool.CSV:
                write_csv(path, tasks)
            case Tool.LABEL_STUDIO:
                write_label_studio(path, tasks, task.labels, form)
            case Tool.ARGILLA:
                write_argilla(path, tasks, task.labels, form)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror or error}); name another place") from None
    typer.echo(f"{len(tasks):,} rows of the sheet {sheet.value} -> {path}")


@review_app.command("import")
def import_answers(
    path: Annotated[Path, typer.Argument(help="What a tool wrote: csv, tsv, xlsx, or JSON.")],
    *,
    reader: Annotated[str | None, typer.Option(help="Who read it, where the file does not say.")] = None,
    partial: Annotated[bool, typer.Option("--partial", help="Take what is sound though rows are refused.")] = False,
) -> None:
    """Take answers back from a file, all of them or none; what is no answer (yet) is left out and told."""
    places, task = find_places(), load_params("task", TaskParams)
    form = load_exchange(task.kind)
    taken = take_answers(path, list_rows(places), places.read_answers(), check_reader(reader), form, task.labels)
    for place, why in taken.refused[:MOST_TOLD]:
        print(f"refused: {path.name}, {place}: {why}", file=sys.stderr)
    if taken.refused and not partial:
        shown = f", of which the first {MOST_TOLD} are told above" if len(taken.refused) > MOST_TOLD else ""
        raise InputError(
            f"{len(taken.refused):,} rows of {path.name} are refused{shown}, so nothing was taken in; mend them, or "
            f"take the other {len(taken.answers):,} answers with --partial"
        )
    append_answers(places.folder, taken.answers)
    for why, count in Counter(why for _, why in taken.left_out).most_common():
        typer.echo(
            f"left out: {count:,} rows, {why}, as {next(place for place, each in taken.left_out if each == why)}"
        )
    told = f"{len(taken.answers):,} answers taken in, {taken.known:,} known already"
    typer.echo(told + (f", {len(taken.refused):,} refused" if taken.refused else ""))
    typer.echo(describe_settled(settle(places.folder, places.knows), places.folder))


def list_rows(places: Places) -> dict[tuple[str, str], Row]:
    """The rows that may be answered, by sheet and id; any row may have been in an adjudication."""
    sheets: tuple[SheetName, ...] = (AUDIT, QUEUE)
    tasks = [each for sheet in sheets for each in open_sheet(places, sheet)]
    rows = {(str(each.sheet), each.id): Row(each.text_sha, each.text) for each in tasks}
    return rows | {(ADJUDICATION, text_id): row for (_, text_id), row in rows.items()}
