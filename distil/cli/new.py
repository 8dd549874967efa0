"""The command `distil new`: a study of the user's own texts."""

import shlex
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from distil.core.errors import InputError
from distil.core.params import Kind
from distil.new_study.encoding import bring_file
from distil.new_study.founding import check_place, found_study
from distil.new_study.looking import Found, Wishes, look
from distil.new_study.planning import Choices, plan_study
from distil.new_study.project import ROOT, list_template
from distil.new_study.teachers import load_preset
from distil.new_study.writing import NewStudy
from distil.texts.readers import FORMATS, Layout

MOST_SHOWN = 8  # labels
LARGE_FILE = 50_000_000  # bytes; more than git, and those who host it, take gladly
CHARACTERS_A_TOKEN = 4

TextsFile = Annotated[Path, typer.Option("--texts", help=f"Your texts: {', '.join(FORMATS)}, packed as .gz too.")]
TeacherName = Annotated[str, typer.Option("--teacher", help="A preset of presets/teachers, or the path of one.")]
Model = Annotated[str | None, typer.Option("--model", help="The teacher's model, in place of the preset's.")]
OfKind = Annotated[Kind | None, typer.Option("--kind", help="What a text gets; else what the gold column has.")]
Labels = Annotated[str | None, typer.Option("--labels", help="With commas between; else those of the gold column.")]
TextColumn = Annotated[str | None, typer.Option(help="Of the texts; else the longest that people wrote.")]
GoldColumn = Annotated[str | None, typer.Option(help="Of people's labels, or none; else what looks like it.")]
Header = Annotated[bool, typer.Option(help="Whether csv and tsv files begin with the names of the columns.")]
Encoding = Annotated[str | None, typer.Option(help="Of a text file that is neither UTF-8 nor UTF-16.")]
Language = Annotated[str | None, typer.Option(help="Of the texts, as en or de; else what it seems to be.")]
Name = Annotated[str | None, typer.Option(help="Of the study; else the folder's.")]


def new_study(
    folder: Annotated[Path, typer.Argument(help="Folder to make; it must not hold anything yet.")],
    *,
    texts: TextsFile,
    teacher: TeacherName = "local",
    model: Model = None,
    kind: OfKind = None,
    labels: Labels = None,
    text_column: TextColumn = None,
    gold_column: GoldColumn = None,
    header: Header = True,
    encoding: Encoding = None,
    language: Language = None,
    name: Name = None,
) -> None:
    """Make a study of your own texts: the pipeline, its params, a prompt to fill in, under git and DVC.

    Looks at the file, says what it found and took for granted, and what to do next.
    """
    check_place(folder)
    preset, template = load_preset(teacher, ROOT, model), list_template()
    if not texts.is_file():
        raise InputError(f"{texts} is no file; --texts takes one of {', '.join(FORMATS)}")
    if texts.name.startswith(".") or not texts.name.isprintable():
        raise InputError(
            f"{texts.name!r} cannot be the name of a file in corpus/, where hidden files are passed over; rename it, "
            "without a dot before it or a control character in it"
        )
    with TemporaryDirectory() as place:
        copy = Path(place) / texts.name
        converted = bring_file(texts, copy, Layout().kind_of(texts), encoding)
        found = look(copy, texts.name, Wishes(text_column, gold_column, kind, header))
        choices = Choices(name or folder.absolute().name, kind, labels, language, header)
        study = plan_study(found, choices, texts.name, preset)
        notes = found_study(folder, study, copy, template)
    print_found(found, study, converted)
    print_next(folder, found, study, notes)


def print_found(found: Found, study: NewStudy, converted: str | None) -> None:
    """Print what is in the file, and what was taken for granted."""
    columns = f", columns {', '.join(found.columns)}" if found.columns else ""
    typer.echo(f"{study.file}: {found.rows:,} rows{columns}")
    for note in filter(None, [converted, *(note.removeprefix(f"{study.file}: ") for note in found.notes)]):
        typer.echo(f"  file      {note}")
    twice = found.rows - found.blank - found.texts
    told = f"{found.texts:,} texts of {found.words[0]:,} words (median), {found.words[1]:,} at most"
    told += f"; that stand twice: {twice:,}" * (twice > 0) + f"; rows without one: {found.blank:,}" * (found.blank > 0)
    typer.echo(f"  text      {f'column {found.text}: ' if found.text else ''}{told}")
    typer.echo(f"  language  {describe_language(study.language)}")
    if found.gold:
        columns = found.gold.column if isinstance(found.gold.column, str) else ", ".join(found.gold.column)
        typer.echo(f"  gold      column {columns}: {found.gold.rows:,} rows that people labelled")
    else:
        typer.echo("  gold      none: scores will be agreement with the teacher, not accuracy")
    shown = ", ".join(study.labels[:MOST_SHOWN])
    more = f" and {len(study.labels) - MOST_SHOWN:,} more" if len(study.labels) > MOST_SHOWN else ""
    typer.echo(f"  labels    {study.kind}, {len(study.labels)}: {shown}{more}")
    if found.split:
        typer.echo(f"  split     column {found.split}: its test rows are the study's")
    typer.echo("say otherwise by --text-column, --gold-column (or none), --kind, --labels, --language, --encoding")


def describe_language(code: str) -> str:
    """The language in words, with what follows from it."""
    if code == "und":
        return "it cannot be told, or there are several"
    return code if code == "en" else f"{code}; the base of the student has learnt English: name another in train.base"


def print_next(folder: Path, found: Found, study: NewStudy, notes: list[str]) -> None:
    """Print what was made, how large the job is, and what to do."""
    tokens = found.characters / CHARACTERS_A_TOKEN
    typer.echo(f"made {folder}, with the teacher {study.teacher.name} ({study.teacher.params.annotate.name})")
    size = f"the texts are about {tokens:,.0f} tokens together, and the prompt goes with each"
    typer.echo(f"  {found.texts:,} requests, one a text; {size}")
    for line in study.teacher.about:
        typer.echo(f"  {line}")
    corpus = folder / "corpus" / study.file
    if corpus.stat().st_size > LARGE_FILE:
        notes = [*notes, f"{corpus} is large for git: 'git rm --cached' and 'dvc add' it (docs/new.md)"]
    for note in notes:
        typer.echo(note)
    key = study.teacher.params.runtime.api_key_env
    typer.echo(f"next:\n  cd {shlex.quote(str(folder))}")
    typer.echo("  make setup && source .venv/bin/activate  # an environment of its own")
    typer.echo(f"  $EDITOR prompts/{study.name}.md  # say what each label means")
    if key:
        typer.echo(f"  export {key}=...")
    typer.echo("  distil plan  # what would run, and what it would cost\n  dvc repro")
    typer.echo("  git add --all && git commit --message 'A first run'  # its figures, for branches to compare with")
