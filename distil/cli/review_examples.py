"""The command `distil review examples`: a prompt learns from the texts on which people overruled the teacher."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from distil.annotate.questions import Job, form_of_answers, form_of_parts
from distil.audit.rows import read_audit_rows
from distil.cli.project import stage_path
from distil.cli.review_folder import find_places
from distil.core.errors import DistilError, InputError, describe_error
from distil.core.params import TaskParams, load_params
from distil.core.runtime import RuntimeParams
from distil.core.tables import TEST, TEXTS, read_rows
from distil.cost.prices import PriceParams
from distil.forms.labelling import load_labelling
from distil.labels.params import SplitParams
from distil.labels.splits import find_test
from distil.planning.forecasts import Outlay, forecast_job
from distil.prompting.examples import read_examples
from distil.prompting.params import AnnotateParams, ExamplesParams
from distil.prompting.prompt_files import Example, read_prompt
from distil.prompting.requests import Plan
from distil.quality.judging import load_judging
from distil.review.drawing import cast_lots, find_reserve
from distil.review.examples import Barred, Overruled, add_examples, choose_balanced, count_confusions, find_overruled
from distil.review.opening import Places
from distil.review.settling import AUDITED
from distil.review.sheets import read_audit, read_queue
from distil.store.opening import open_store, store_path
from distil.teacher.connect import identify

ROWS = 20
NEAREST = 4  # examples of a text, where params.yaml does not say
MOST_TOLD = 8  # confusions
REASON = "what speaks for the label, in a sentence"  # as long as one may be, where none is written yet


def offer_examples(*, rows: Annotated[int, typer.Option(min=1, help="How many rows more, at most.")] = ROWS) -> None:
    """Add texts on which people overruled the teacher to the file of examples, and say what asking anew would cost.

    Lines that are there stay as they are. Never a row of the audit or of test, nor what is nearly the same as one.
    """
    task, params = load_params("task", TaskParams), load_params("annotate", AnnotateParams)
    if params.examples is None:
        raise InputError(
            "annotate.examples in params.yaml names no file; write examples: { file: prompts/NAME_examples.csv }"
        )
    path, labelling, places = Path(params.examples.file), load_labelling(task.kind), find_places()
    there = read_examples(path, task.labels, labelling.answers) if path.is_file() else []
    offer = find_overruled(
        places,
        find_barred(places, load_params("split", SplitParams)),
        [example.text for example in there],
        partial(labelling.form.read_cell, labels=task.labels),
        load_judging(task.kind),
    )
    known = [labelling.form.name_labels(example.label) for example in there]
    chosen = choose_balanced(offer.rows, rows, known)
    for why, count in offer.left_out.items():
        typer.echo(f"left out: {count:,} {why}")
    if not chosen:
        raise InputError(
            f"{places.folder} has no more texts on which people overruled the teacher; read some of the repair queue "
            "('distil review draw', 'distil review open')"
        )
    add_examples(path, chosen, labelling.answers, task.labels)
    shown = read_examples(path, task.labels, labelling.answers)
    told = [
        *tell_added(path, chosen, len(offer.rows), len(there)),
        *tell_settings(params, params.examples, shown[len(there) :]),
        tell_price(task, params, shown),
    ]
    typer.echo("\n".join(told))


def find_barred(places: Places, split: SplitParams) -> Barred:
    """The texts that estimate, or may yet: no label is asked for test, since a correction or a new answer gives one.

    An audit goes on below the lots of the queue, however much is drawn; so no example is below them either.
    """
    texts, audit, queue = read_rows(places.texts, TEXTS), read_audit(places.folder), read_queue(places.folder)
    tested = {*read_rows(stage_path("split", "--test"), TEST)["id"], *texts.loc[find_test(texts, split, "any"), "id"]}
    audited = read_audit_rows(places.folder / AUDITED)["id"]
    seed = next((row.seed for row in [*audit, *queue]), 0)
    lots = pd.Series(cast_lots(texts["id"], seed), index=texts["id"])
    queued = lots[lots.index.isin({row.id for row in queue} - tested)].to_numpy()
    reserve = find_reserve(len(lots), len(lots), queued)
    return Barred({*tested, *audited, *(row.id for row in audit)}, set(lots.index[lots < reserve]))


def tell_added(path: Path, chosen: Sequence[Overruled], offered: int, there: int) -> Iterator[str]:
    """What was added, and what the teacher said of it and people say."""
    yield f"{path}: {len(chosen):,} rows more of {offered:,} that there are, {there + len(chosen):,} in all"
    confusions = count_confusions(chosen)
    for (said, right), count in confusions[:MOST_TOLD]:
        yield f"  the teacher said {said}, people say {right}: {count:,}"
    if len(confusions) > MOST_TOLD:
        yield f"  and {len(confusions) - MOST_TOLD:,} other confusions"


def tell_settings(params: AnnotateParams, examples: ExamplesParams, added: Sequence[Example]) -> Iterator[str]:
    """What is left to write into the file, and into params.yaml."""
    bare = sum(example.reason is None for example in added)
    required = any(alone.json_schema for alone in params.each_teacher())
    if bare and (required or examples.show_reason):
        why = "which annotate.json_schema requires" if required else "as other examples have one"
        other = "" if required else ", or set annotate.examples.show_reason: false"
        yield (
            f"{bare:,} of the rows have no reason, for want of a reader's note: write one into the column reason, "
            f"{why}{other}"
        )
    if not examples.nearest:
        encoder = "" if examples.embeddings else ", and annotate.examples.embeddings to an encoder, such as train.base"
        yield f"no text is shown any of them yet: set annotate.examples.nearest to {NEAREST}{encoder}"


def tell_price(task: TaskParams, params: AnnotateParams, shown: Sequence[Example]) -> str:
    """What asking anew would cost at most, if that can be told; and the command that counts it."""
    if all(alone.recording for alone in params.each_teacher()):
        return "the teacher is a recording, which answers no other prompt: name a model in section annotate to ask anew"
    nearest = params.examples.nearest if params.examples and params.examples.nearest else NEAREST
    try:
        outlay = forecast_anew(task, params, shown, nearest)
    except DistilError as error:
        return f"'distil plan' says what asking anew would cost ({describe_error(error)})"
    tokens_in, tokens_out = (
        sum(getattr(one.expected, name) for one in outlay.told) for name in ("input_tokens", "output_tokens")
    )
    dollars = "no known price" if outlay.usd is None else f"${outlay.usd[1]:,.2f}"
    return (
        f"asking anew would be {outlay.requests:,} requests at most, {tokens_in:,.0f} tokens in, {tokens_out:,.0f} "
        f"out, {dollars}; 'distil plan' counts what is to be asked, 'dvc repro' asks it"
    )


def forecast_anew(task: TaskParams, params: AnnotateParams, shown: Sequence[Example], nearest: int) -> Outlay:
    """What there would be to ask if all texts were shown the longest of these examples, and they were new to all."""
    prompt, assets = read_prompt(Path(params.prompt)), stage_path("annotate", "--assets")
    reasoned = params.examples is None or params.examples.show_reason
    told = [
        example.model_copy(update={"reason": (example.reason or REASON) if reasoned else None}) for example in shown
    ]
    longest = sorted(told, key=measure_length)[-nearest:]
    longer = replace(prompt, examples=(*prompt.examples, *longest))
    parts = form_of_parts(task, params)
    plans = [
        Plan(alone, task.labels, form_of_answers(task, params), longer, identify(alone, assets), parts=parts)
        for alone in params.each_teacher()
    ]
    job = Job(plans, stage_path("annotate", "--texts"))
    with open_store(store_path()) as store:
        return forecast_job(job, store, load_params("runtime", RuntimeParams), load_params("cost", PriceParams))


def measure_length(example: Example) -> int:
    """In bytes, which tokens go with in any script."""
    return len(f"{example.text}{example.label}{example.reason or ''}".encode())
