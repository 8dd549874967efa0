"""How many of a study's requests have an answer in the store, counted fast enough for a million texts.

A few thousand requests are looked up one by one, and what they find is read. Of more, keys alone are compared: the
first 64 bits of each, in which two of ten million requests agree with a probability of some 1 in 100,000; a row of the
store that is no answer counts as one there. What answers have cost is then reckoned from the first of them: the table
is in the order of the ids, which are hashes, so that these are as good as drawn by lot.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from distil.annotate.budget import Till
from distil.annotate.forecast import Outlook
from distil.annotate.questions import Job
from distil.prompting.requests import Plan
from distil.store.answer_store import Store
from distil.teacher.tokens import count_characters

FEW = 20_000  # requests that are looked up one by one
CHARGED = 10_000  # answers that are read of more
TEXTS_AT_ONCE = 10_000
TEXTS_READ_AT_ONCE = 1000  # of whose requests the answers are read
KEYS_AT_ONCE = 50_000
FOREIGN = 20  # times as many rows as requests: a store in which looking up is faster than reading all keys
HEAD = 8  # bytes of a key
DIGITS = 2 * HEAD

Heads = NDArray[np.uint64]


@dataclass(frozen=True)
class Counted:
    """An outlook; `more` requests may follow where votes disagree, and `reckoned` costs are those of some answers."""

    outlook: Outlook
    more: int = 0
    reckoned: bool = False


def count_requests(job: Job, store: Store, plan: Plan, till: Till) -> Counted:
    """What of a plan is stored and what is missing; lets the till have spent what the stored answers cost.

    The plan shares its requests with no other one of the job.
    """
    requests = job.text_count * plan.params.votes.max * len(plan.asked)
    if requests <= FEW or not (job.plain and plan.params.votes.fixed) or len(store) > FOREIGN * requests:
        return _look_up(job, store, plan, till)
    outlook, answered = _compare_keys(job, plan, _read_heads(store))
    charged = _charge_some(answered, store, plan, till)
    if charged:
        till.spent *= outlook.known / charged
    return Counted(outlook, reckoned=outlook.known > charged)


def _look_up(job: Job, store: Store, plan: Plan, till: Till) -> Counted:
    """Read every answer."""
    outlook, more = Outlook(), 0
    till.spent = 0.0
    most = plan.params.votes.max * len(plan.asked)
    for batch in job.questions():
        for asked in job.asked(plan, store, batch):
            missing = [request for request in asked.due if request.key not in asked.stored]
            for request in asked.due:
                if request.key in asked.stored:
                    till.charge(request, asked.stored[request.key].answer)
            outlook.note_known(len(asked.due) - len(missing))
            outlook.missing += len(missing)
            outlook.characters += sum(map(count_characters, missing))
            more += most - len(asked.due) if missing else 0
    return Counted(outlook, more)


def _read_heads(store: Store) -> Heads:
    """The beginnings of all keys of the store, sorted."""
    parts = []
    keys = store.iter_keys()
    while some := list(islice(keys, KEYS_AT_ONCE)):
        try:
            packed = bytes.fromhex("".join(key[:DIGITS] for key in some))
        except ValueError:
            packed = b""
        if len(packed) != HEAD * len(some):  # among them one that is no key
            packed = b"".join(bytes.fromhex(key[:DIGITS]) for key in some if _is_key(key))
        parts.append(np.frombuffer(packed, dtype=">u8").astype(np.uint64))
    return np.sort(np.concatenate(parts)) if parts else np.empty(0, dtype=np.uint64)


def _is_key(key: str) -> bool:
    return len(key) >= DIGITS and all(digit in "0123456789abcdef" for digit in key[:DIGITS])


def _compare_keys(job: Job, plan: Plan, heads: Heads) -> tuple[Outlook, list[str]]:
    """Count the requests whose keys are among those of the store, and the characters of the others.

    Returns the first texts with an answer too, as many as are to be read.
    """
    outlook, answered = Outlook(), list[str]()
    questions = len(plan.asked)
    for texts in _iter_texts(job):
        packed = b"".join(one[:HEAD] for text in texts for one in plan.hashes(text))
        wanted = np.frombuffer(packed, dtype=">u8").astype(np.uint64)
        missing = (~_are_among(wanted, heads)).reshape(len(texts), -1).sum(axis=1)
        characters = np.fromiter(map(plan.count_characters, texts), dtype=np.int64, count=len(texts))
        outlook.missing += int(missing.sum())
        outlook.known += len(wanted) - int(missing.sum())
        outlook.characters += int((missing * characters).sum()) // questions
        some = np.flatnonzero(missing * len(texts) < len(wanted))[: CHARGED - len(answered)]
        answered += [texts[number] for number in some]
    return outlook, answered


def _are_among(wanted: Heads, heads: Heads) -> NDArray[np.bool_]:
    if not len(heads):
        return np.zeros(len(wanted), dtype=bool)
    places = np.searchsorted(heads, wanted)
    return np.asarray(heads[np.minimum(places, len(heads) - 1)] == wanted)


def _charge_some(texts: Sequence[str], store: Store, plan: Plan, till: Till) -> int:
    """Charge the till for the first answers to texts that have some, and return how many there were."""
    charged = 0
    till.spent = 0.0
    for start in range(0, len(texts), TEXTS_READ_AT_ONCE):
        some = texts[start : start + TEXTS_READ_AT_ONCE]
        requests = [request for text in some for request in plan.requests(text)]
        stored = store.get([request.key for request in requests])
        for request in requests:
            if request.key in stored:
                till.charge(request, stored[request.key].answer)
                charged += 1
        if charged >= CHARGED:
            break
    return charged


def _iter_texts(job: Job) -> Iterator[Sequence[str]]:
    """The texts alone, in the order of the table, whose form the job has looked at."""
    with pq.ParquetFile(job.texts) as file:
        for batch in file.iter_batches(batch_size=TEXTS_AT_ONCE, columns=["text"]):
            yield batch.column(0).to_pylist()
