"""All that a study asks: each text of a table, of each teacher, vote by vote.

The texts are read in batches, and again for each pass, so that a job of a million texts takes no more memory than one
of a thousand.
"""

from collections.abc import Callable, Collection, Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from distil.core.errors import InputError
from distil.core.params import TaskParams
from distil.core.tables import TEXTS, count_rows, iter_rows
from distil.forms.answers import Answer
from distil.forms.labelling import load_labelling, load_parts
from distil.forms.reading import AnswerForm, PartForm
from distil.prompting.examples import Indices, NearestExamples
from distil.prompting.params import AnnotateParams
from distil.prompting.prompt_files import Example, read_prompt
from distil.prompting.requests import Plan, Request
from distil.prompting.votes_due import count_votes_due
from distil.store.answer_store import Store, Stored
from distil.teacher.connect import identify

BATCH = 250  # texts that are hashed and looked up together, while answers wait


@dataclass(frozen=True, slots=True)
class Question:
    """A text of the study and the examples that go with it."""

    id: str
    text: str
    examples: Sequence[Example]


@dataclass(frozen=True, slots=True)
class Asked:
    """What one text asks of one teacher: the votes it needs so far, and the answers that are stored for its batch."""

    id: str
    due: Sequence[Request]
    stored: dict[str, Stored]


class Job:
    """The requests of a study; `nearest` finds the examples of each text, if it wants any.

    All texts of the table are asked about, or those of `ids` alone, which are among them.
    """

    def __init__(
        self,
        plans: Sequence[Plan],
        texts: Path,
        nearest: NearestExamples | None = None,
        ids: Collection[str] | None = None,
    ) -> None:
        self.plans = list(plans)
        self.texts = texts
        self.text_count = count_rows(texts, TEXTS) if ids is None else len(ids)
        self._ids = ids
        if not self.text_count:
            raise InputError(f"{texts} has no rows, so there is nothing to ask; see section fetch in params.yaml")
        self._nearest = nearest
        self._examples: list[Indices] = []  # of each text that was read once

    @property
    def plain(self) -> bool:
        """Whether all texts of the table are asked about, and none with examples of its own."""
        return self._ids is None and self._nearest is None

    def questions(self, size: int = BATCH) -> Iterator[list[Question]]:
        """The texts in batches of at most `size`, in the order of the table."""
        start = 0
        for batch in iter_rows(self.texts, TEXTS, size):
            rows = [row for row in batch if self._ids is None or row["id"] in self._ids]
            if not rows:
                continue
            examples = self._choose_examples(start, [row["text"] for row in rows])
            yield [Question(row["id"], row["text"], some) for row, some in zip(rows, examples, strict=True)]
            start += len(rows)

    def planned(self, plan: Plan) -> Iterator[Request]:
        """Every request that may be asked of a teacher, also those of votes that may not be needed."""
        for batch in self.questions():
            for question in batch:
                yield from plan.requests(question.text, question.examples)

    def asked(self, plan: Plan, store: Store, batch: Sequence[Question]) -> list[Asked]:
        """What each text of a batch asks of a teacher, given the answers that are there."""
        requests = [plan.requests(question.text, question.examples) for question in batch]
        stored = store.get([request.key for some in requests for request in some])
        return [
            Asked(question.id, some[: self._count_due(plan, some, stored)], stored)
            for question, some in zip(batch, requests, strict=True)
        ]

    def missing(
        self,
        plan: Plan,
        store: Store,
        failed: Collection[str] = (),
        note_known: Callable[[int], None] = lambda _count: None,
    ) -> Iterator[Request]:
        """The requests that are due and have no answer, but for those that failed; known answers are counted."""
        for batch in self.questions():
            if plan.params.votes.fixed:
                due = [request for one in batch for request in plan.requests(one.text, one.examples)]
                known: Container[str] = store.known([request.key for request in due])
            else:
                asked = self.asked(plan, store, batch)
                due = [request for one in asked for request in one.due]
                known = asked[0].stored
            missing = [request for request in due if request.key not in known]
            note_known(len(due) - len(missing))
            yield from (request for request in missing if request.key not in failed)

    def answered(self, plan: Plan, store: Store) -> Iterator[tuple[Request, Answer]]:
        """The requests that are due and have an answer."""
        for batch in self.questions():
            for one in self.asked(plan, store, batch):
                for request in one.due:
                    if request.key in one.stored:
                        yield request, one.stored[request.key].answer

    def _count_due(self, plan: Plan, requests: Sequence[Request], stored: dict[str, Stored]) -> int:
        """How many of a text's requests are due, those of a vote all together."""
        by_vote = plan.by_vote(requests)

        def label_of(vote: int) -> str | None:
            asked = by_vote[vote - 1]
            return plan.read(asked, [stored[request.key].answer for request in asked]).label

        return len(plan.asked) * count_votes_due(plan.params.votes, label_of, majority=plan.form.MAJORITY)

    def _choose_examples(self, start: int, texts: Sequence[str]) -> Sequence[Sequence[Example]]:
        """The examples of the texts from number `start` on; they are looked for once, since encoding takes long."""
        if self._nearest is None:
            return [()] * len(texts)
        new = texts[len(self._examples) - start :]
        if new:
            self._examples.extend(self._nearest.choose_indices(new))
        return [self._nearest.by_indices(row) for row in self._examples[start : start + len(texts)]]


def make_job(task: TaskParams, params: AnnotateParams, texts: Path, assets: Path, device: str) -> Job:
    """The job that the sections `task` and `annotate` describe; raises `InputError` where they cannot work."""
    plans = make_plans(task, params, assets)
    return Job(plans, texts, find_examples(params, plans, assets, device))


def make_plans(task: TaskParams, params: AnnotateParams, assets: Path) -> list[Plan]:
    """What each teacher of these sections is asked; raises `InputError` where they cannot work."""
    prompt = read_prompt(Path(params.prompt))
    form = form_of_answers(task, params)
    parts = form_of_parts(task, params)
    return [
        Plan(alone, task.labels, form, prompt, identify(alone, assets), parts=parts) for alone in params.each_teacher()
    ]


def form_of_answers(task: TaskParams, params: AnnotateParams) -> AnswerForm:
    """How the task has its answers; raises `InputError` where its labels cannot be asked for by their scores."""
    if params.method == "score" and task.kind != "classification":
        raise InputError(
            f"annotate.method = 'score' reads one label a text, and task.kind is {task.kind}; set method: generate"
        )
    return load_labelling(task.kind).answers


def form_of_parts(task: TaskParams, params: AnnotateParams) -> PartForm | None:
    """How the task has its answers where each label is asked about by itself; null where all are together."""
    return load_parts(task.kind) if params.ask == "each" else None


def find_examples(params: AnnotateParams, plans: Sequence[Plan], assets: Path, device: str) -> NearestExamples | None:
    """The examples to choose from for all plans; None where the section shows none."""
    examples = params.examples
    if examples is None or not examples.nearest:
        return None
    structured = any(plan.params.json_schema for plan in plans)
    return NearestExamples(examples, plans[0].labels, plans[0].form, assets, device, need_reasons=structured)


def group_alike(plans: Sequence[Plan]) -> list[list[Plan]]:
    """The plans by what they ask: those that share requests and differ in the number of votes, most votes first."""
    alike: dict[str, list[Plan]] = {}
    for plan in sorted(plans, key=lambda plan: -plan.params.votes.max):
        alike.setdefault(plan.request("", 1).key, []).append(plan)
    return list(alike.values())
