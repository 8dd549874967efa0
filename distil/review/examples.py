"""Texts on which people overruled the teacher, as examples that a prompt shows.

A text is offered if people's label of it is another than the teacher's, and if nothing is or may be estimated by it: it
is no row of the audit and no test row, nor nearly the same as one, and none that is set aside for the audit. Of texts
that are nearly the same one is offered, and none that is nearly an example already. A teacher is never shown a text as
an example of itself (`distil.prompting.examples`).
"""

import csv
import io
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from distil.core.errors import InputError
from distil.core.ids import text_id
from distil.core.tables import LABELS, TEXTS, read_rows
from distil.core.whole_files import written_whole
from distil.forms.answering import Answers
from distil.forms.reading import AnswerForm
from distil.labels.corrections import read_corrections, read_table
from distil.labels.near_duplicates import find_clusters
from distil.quality.decisions import NONE
from distil.quality.judging import JudgeForm
from distil.review.opening import Places
from distil.review.settling import CORRECTIONS, decide_all

HEADER = ("text", "label", "reason")
NO_ANSWER = "no answer"
Confusion = tuple[str, str]
"""What the teacher said, or NO_ANSWER, and what people say in its place; NONE on the side that names nothing."""


class Overruled(NamedTuple):
    """A text with people's label in canonical form, the note of who read it, and what the teacher had confused."""

    id: str
    text: str
    label: str
    note: str
    confusions: Sequence[Confusion]


class Barred(NamedTuple):
    """Ids of texts that are no examples."""

    estimating: Collection[str]  # rows of the audit and of test, nor is what is near them
    reserved: Collection[str] = ()  # that an audit may draw yet


class Offer(NamedTuple):
    """The texts on which the teacher was overruled, the best first, and how many were left out for which reason."""

    rows: list[Overruled]
    left_out: Counter[str]


def find_overruled(
    places: Places,
    barred: Barred,
    shown: Sequence[str],
    read_cell: Callable[[str], str],
    form: JudgeForm,
) -> Offer:
    """Find the texts that may become examples: those on which readers agreed first, and the newest of these.

    `shown` are the texts of examples that there are; `read_cell` reads people's labels. Raises `InputError` where a
    file of the review is not right.
    """
    path = places.folder / CORRECTIONS
    people = read_corrections(path, read_cell).join(
        read_table(path).drop_duplicates("id", keep="last").set_index("id")["note"]
    )
    texts = read_rows(places.texts, TEXTS).set_index("id")["text"]
    said = read_rows(places.labels, LABELS).set_index("id")["teacher_label"].reindex(people.index)
    overruled = people[(people["label"] != said) & people.index.isin(texts.index)]
    clusters = _number_clusters(texts, shown)
    taken = {clusters[text_id(text)] for text in shown}
    kept_out = {clusters[each] for each in barred.estimating if each in clusters}
    agreed = _list_agreed(places)
    rows, left_out = [], Counter[str]()
    for one in sorted(overruled[::-1].itertuples(), key=lambda one: one.Index not in agreed):
        cluster = clusters[one.Index]
        if one.Index in barred.estimating:
            left_out["rows of the audit or of test"] += 1
        elif one.Index in barred.reserved:
            left_out["set aside for the audit"] += 1
        elif cluster in kept_out:
            left_out["nearly the same as one of these"] += 1
        elif cluster in taken:
            left_out["nearly the same as another example"] += 1
        else:
            taken.add(cluster)
            confusions = _list_confusions(one.label, said[one.Index], form)
            rows.append(Overruled(one.Index, texts[one.Index], one.label, one.note, confusions))
    return Offer(rows, left_out)


def _number_clusters(texts: pd.Series, shown: Sequence[str]) -> dict[str, int]:
    """The cluster of near-duplicates of each text, by id."""
    others = [text for text in shown if text_id(text) not in texts.index]
    ids = [*texts.index, *map(text_id, others)]
    return dict(zip(ids, find_clusters([*texts, *others]).tolist(), strict=True))


def _list_agreed(places: Places) -> set[str]:
    """The ids of texts that several readers gave one label, or of which somebody settled what it is."""
    return {
        decision.row.id
        for decision in decide_all(places.folder, places.read_answers())
        if decision.outcome == "adjudicated" or len({answer.reader for answer in decision.readings}) > 1
    }


def _list_confusions(label: str, said: object, form: JudgeForm) -> list[Confusion]:
    told = said if isinstance(said, str) else None
    pairs = form.pair_decisions([label], Answers([told], [None]))
    if told is None:
        return list(dict.fromkeys((NO_ANSWER, known) for known, _ in pairs))
    return list(dict.fromkeys((other or NONE, known) for known, other in pairs if known != other))


def choose_balanced(offered: Sequence[Overruled], rows: int, shown: Iterable[Sequence[str]]) -> list[Overruled]:
    """Choose so many at most: in turn those whose confusion, and then whose label, there is least of so far.

    `shown` are the labels of each example that there is; of texts that are alike in that the first offered is chosen.
    """
    confused: Counter[Confusion] = Counter()
    named = Counter(name for names in shown for name in set(names))
    chosen: list[Overruled] = []
    left = list(offered)
    while left and len(chosen) < rows:
        best = min(left, key=lambda one: min((confused[pair], named[pair[1]]) for pair in one.confusions))
        left.remove(best)
        chosen.append(best)
        confused.update(best.confusions)
        named.update({right for _, right in best.confusions})
    return chosen


def count_confusions(rows: Iterable[Overruled]) -> list[tuple[Confusion, int]]:
    """How many of the texts stand for each confusion, the commonest first."""
    return Counter(pair for one in rows for pair in one.confusions).most_common()


def write_label(label: str, text: str, form: AnswerForm, labels: Sequence[str]) -> str:
    """The label of an example as a person reads it best: as an answer shows it, if it is read as the same again."""
    shown = form.show_answer(label, text, None)
    try:
        same = form.read_example(shown, text, labels, "the example") == label
    except InputError:
        same = False
    return shown if same else label


def add_examples(path: Path, rows: Sequence[Overruled], form: AnswerForm, labels: Sequence[str]) -> None:
    """Add rows to a file of examples, which is made if it is missing; the lines that are there stay byte for byte.

    A reader's note becomes the reason. Raises `InputError` if the file cannot be written.
    """
    before = path.read_bytes() if path.is_file() else ",".join(HEADER).encode() + b"\n"
    end = "\r\n" if before.partition(b"\n")[0].endswith(b"\r") else "\n"
    columns = next(csv.reader(io.StringIO(before.decode("utf-8-sig"), newline="")))
    lines = [_write_line(columns, one, write_label(one.label, one.text, form, labels)) + end for one in rows]
    gap = b"" if before.endswith(b"\n") else end.encode()
    with written_whole(path) as half:
        half.write_bytes(before + gap + "".join(lines).encode())


def _write_line(columns: Sequence[str], row: Overruled, label: str) -> str:
    line = io.StringIO(newline="")
    cells = {"text": row.text, "label": label, "reason": row.note}
    csv.writer(line, lineterminator="\r\n").writerow([cells.get(column, "") for column in columns])
    return line.getvalue().removesuffix("\r\n")
