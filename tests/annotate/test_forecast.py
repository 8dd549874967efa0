"""What is told before a run: answers that are there, what is missing, and what that takes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from distil.annotate.budget import Till, open_tills
from distil.annotate.forecast import Outlook, charge_known, count_more, expect, look_ahead
from distil.annotate.questions import Job
from distil.core.runtime import RuntimeParams
from distil.core.tables import TEXTS, write_rows
from distil.cost.prices import PriceParams, TokenPrices
from distil.forms.answers import Answer
from distil.kinds.classification.labelling import answers as one_label
from distil.prompting.params import AnnotateParams
from distil.prompting.prompt_files import Prompt
from distil.prompting.requests import Plan
from distil.store.answer_store import Store, Stored
from distil.store.opening import open_store

PRICES = PriceParams(teacher_usd_per_million_tokens=TokenPrices(input=100, output=500))
WORDS = ["a", "bb", "ccc"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "answers.sqlite") as opened:
        yield opened


def make_plan(votes: Any = 1, name: str = "m") -> Plan:
    fields = {"prompt": "p.md", "method": "generate", "protocol": "chat", "model": "m", "max_tokens": 50}
    params = AnnotateParams.model_validate(fields | {"votes": votes, "temperature": 0.7})
    return Plan(params, ["no", "yes"], one_label, Prompt("{text}?"), "m", name)


def make_job(folder: Path, plans: list[Plan]) -> Job:
    write_rows(folder / "texts.parquet", TEXTS, [{"id": word, "text": word} for word in WORDS])
    return Job(plans, folder / "texts.parquet")


def answer(store: Store, plan: Plan, word: str, *labels: str) -> None:
    requests = plan.requests(word)
    said = [Answer(label, input_tokens=10, output_tokens=2) for label in labels]
    store.put_all((requests[vote].key, Stored(one, "m")) for vote, one in enumerate(said))


def test_known_and_missing_are_counted_by_teacher_without_what_failed(tmp_path: Path, store: Store) -> None:
    one, two = make_plan(name="one"), make_plan(votes=2, name="two")
    job = make_job(tmp_path, [one, two])
    assert look_ahead(job, store, [one]) == {"one": Outlook(known=0, missing=3, characters=2 + 3 + 4)}
    answer(store, one, "bb", "yes")
    failed = {two.requests("ccc")[1].key}
    assert look_ahead(job, store, [one, two], failed) == {
        "one": Outlook(known=1, missing=2, characters=2 + 4),
        "two": Outlook(known=1, missing=4, characters=2 + 2 + 3 + 4),
    }


def test_votes_may_go_on_only_where_one_is_missing(tmp_path: Path, store: Store) -> None:
    plan = make_plan(votes={"min": 2, "max": 5})
    job = make_job(tmp_path, [plan])
    assert count_more(job, store, plan) == 3 * (5 - 2)
    answer(store, plan, "a", "yes", "yes")  # decided
    answer(store, plan, "bb", "yes", "no")  # a third is due, two may follow
    assert count_more(job, store, plan) == (5 - 3) + (5 - 2)
    assert count_more(make_job(tmp_path, [make_plan(votes=3)]), store, make_plan(votes=3)) == 0


def test_what_is_stored_is_charged_once_for_teachers_that_share_it(tmp_path: Path, store: Store) -> None:
    runtime = RuntimeParams(base_url="https://teacher.example/v1")
    few, many = make_plan(name="few"), make_plan(votes=2, name="many")
    answer(store, many, "a", "yes", "no")
    answer(store, many, "bb", "yes")
    job = make_job(tmp_path, [few, many])
    tills = open_tills([few, many], runtime, PRICES)
    for till in tills.values():
        till.spent = 7.0  # what is charged replaces it
    charge_known(job, store, [few, many], tills)
    assert tills["many"].spent == pytest.approx(3 * 0.002), "the one with most votes comes first"
    assert tills["few"].spent == 0
    assert (tills["many"].estimate.answers, tills["few"].estimate.answers) == (3, 0)
    charge_known(job, store, [few], tills)
    assert tills["few"].spent == pytest.approx(2 * 0.002)


def test_what_only_the_second_of_two_asks_for_is_charged_to_it(tmp_path: Path, store: Store) -> None:
    many, few = make_plan(votes={"min": 2, "max": 5}, name="many"), make_plan(votes=3, name="few")
    answer(store, many, "a", "yes", "yes", "yes")  # decided after two
    tills = open_tills([many, few], RuntimeParams(base_url="https://teacher.example/v1"), PRICES)
    charge_known(make_job(tmp_path, [many, few]), store, [many, few], tills)
    assert (tills["many"].estimate.answers, tills["few"].estimate.answers) == (2, 1)


def test_known_answers_add_up_over_batches() -> None:
    outlook = Outlook()
    for count in (2, 3):
        outlook.note_known(count)
    assert outlook == Outlook(known=5, missing=0, characters=0)


def learnt() -> Till:
    """A till that knows of one answer: 10 tokens for 2 characters, 2 for the answer."""
    plan = make_plan()
    (till,) = open_tills([plan], RuntimeParams(base_url="https://teacher.example/v1"), PRICES).values()
    till.estimate.learn(plan.requests("a")[0], Answer("yes", input_tokens=10, output_tokens=2))
    return till


def test_tokens_and_dollars_of_what_is_missing_and_may_follow() -> None:
    outlook = Outlook(known=1, missing=4, characters=12)
    found = expect(outlook, learnt(), RuntimeParams())
    assert (found.input_tokens, found.output_tokens, found.minutes) == (4 * 15, 4 * 2, None)
    assert found.usd == pytest.approx((60 * 100 + 8 * 500) / 1e6)
    assert expect(Outlook(missing=1, characters=4), learnt(), RuntimeParams()).input_tokens == 20
    more = expect(outlook, learnt(), RuntimeParams(), more=2)
    assert (more.input_tokens, more.output_tokens) == (6 * 15, 6 * 2)
    nothing = expect(Outlook(known=5), learnt(), RuntimeParams(requests_per_minute=1), more=0)
    assert (nothing.input_tokens, nothing.output_tokens, nothing.usd, nothing.minutes) == (0, 0, 0, 0)
    till = learnt()
    till.prices = None
    assert expect(outlook, till, RuntimeParams()).usd is None


@pytest.mark.parametrize(
    ("rates", "minutes"),
    [
        ({"requests_per_minute": 2}, 4 / 2),
        ({"tokens_per_minute": 17}, 68 / 17),
        ({"requests_per_minute": 2, "tokens_per_minute": 17}, 4),
        ({"requests_per_minute": 1, "tokens_per_minute": 68}, 4),
    ],
)
def test_the_slower_of_the_rates_says_how_long_it_takes(rates: dict[str, float], minutes: float) -> None:
    found = expect(Outlook(missing=4, characters=12), learnt(), RuntimeParams.model_validate(rates))
    assert found.minutes == pytest.approx(minutes)
