"""What a till counts, what a budget lets through, and which budgets cannot be kept to; no request is sent."""

import asyncio
from typing import Any

import pytest

from distil.annotate.budget import Budget, BudgetError, Till, open_tills
from distil.core.errors import InputError
from distil.core.runtime import RuntimeParams
from distil.cost.prices import FoundPrices, PriceParams, TokenPrices
from distil.forms.answers import Answer
from distil.kinds.classification.labelling import answers as one_label
from distil.prompting.params import AnnotateParams
from distil.prompting.prompt_files import Prompt
from distil.prompting.requests import Plan, Request

PRICES = {"input": 100, "output": 500}  # dollars per million tokens
USD = TokenPrices(**PRICES)
REQUEST = Request("0" * 64, "a text", (("user", "x" * 40),), 1, 0)
ANSWER = Answer("positive", input_tokens=10, output_tokens=2)  # $0.002
MOST_USD = (90 * 100 + 50 * 500) / 1e6  # 40 bytes and 50 tokens around them, and the longest answer
RECORDING = {"files": ["a.csv"], "text": "text", "votes": [{"label": "label"}]}


def make_till(prices: TokenPrices | None = USD) -> Till:
    return Till(FoundPrices(prices, "a table") if prices else None, 50, paid=True)


def make_plan(**changes: Any) -> Plan:
    fields = {"prompt": "p.md", "method": "generate", "protocol": "chat", "model": "m", "max_tokens": 50} | changes
    return Plan(AnnotateParams.model_validate(fields), ["negative", "positive"], one_label, Prompt("{text}"), "m")


def open_one(runtime: dict[str, Any], cost: dict[str, Any], **changes: Any) -> Till:
    plan = make_plan(**changes)
    tills = open_tills([plan], RuntimeParams(**runtime), PriceParams(**cost))
    assert list(tills) == ["m"]
    return tills["m"]


HERE, AWAY = {"base_url": "http://127.0.0.1:1/v1"}, {"base_url": "https://teacher.example/v1"}
GIVEN = {"teacher_usd_per_million_tokens": PRICES}


def test_a_till_starts_at_zero_and_counts_what_answers_cost() -> None:
    till = make_till()
    assert (till.spent, till.held, till.under_way, till.paid, till.unpriced) == (0, 0, 0, True, "")
    till.charge(REQUEST, ANSWER)
    till.charge(REQUEST, Answer("positive", input_tokens=10, cached_tokens=4, output_tokens=2))
    assert till.spent == pytest.approx(0.004)
    assert till.estimate.answers == 2


def test_cached_tokens_have_a_price_of_their_own() -> None:
    till = make_till(TokenPrices(input=100, output=500, cached_input=10))
    till.charge(REQUEST, Answer("positive", input_tokens=10, cached_tokens=4, output_tokens=2))
    assert till.spent == pytest.approx((6 * 100 + 4 * 10 + 2 * 500) / 1e6)


def test_an_answer_that_does_not_tell_its_tokens_counts_as_the_dearest() -> None:
    till = make_till()
    assert till.most_usd(REQUEST) == pytest.approx(MOST_USD)
    till.charge(REQUEST, Answer("positive"))
    assert till.spent == pytest.approx(MOST_USD)


def test_without_prices_all_is_free_and_lengths_are_learnt_all_the_same() -> None:
    till = make_till(prices=None)
    till.charge(REQUEST, ANSWER)
    assert (till.spent, till.most_usd(REQUEST), till.prices, till.found) == (0, 0, None, None)
    assert till.estimate.expect(40) == (10, 2)
    assert make_till(TokenPrices(input=0, output=0)).most_usd(REQUEST) == 0


def hold_many(budget: Budget, till: Till, count: int) -> list[float]:
    async def hold() -> list[float]:
        return [await budget.hold(till, REQUEST) for _ in range(count)]

    return asyncio.run(hold())


def test_what_is_held_may_reach_the_budget_and_not_pass_it() -> None:
    till, other = make_till(), make_till()
    other.spent = 4 * MOST_USD
    budget = Budget(7 * MOST_USD + 1e-9, [till, other])
    assert budget.spent == pytest.approx(4 * MOST_USD)
    assert hold_many(budget, till, 3) == pytest.approx([MOST_USD] * 3)
    assert (till.held, till.under_way) == pytest.approx((3 * MOST_USD, 3))
    for _ in range(3):
        budget.settle(till, MOST_USD, REQUEST, None, lost=1)
    with pytest.raises(
        BudgetError, match=r"runtime.budget_usd = 0.238 would be passed: .* \$0.2380, .* up to \$0.0340"
    ):
        hold_many(budget, till, 1)


def test_the_last_dollar_may_be_spent() -> None:
    till = make_till()
    assert hold_many(Budget(till.most_usd(REQUEST), [till]), till, 1) == [till.most_usd(REQUEST)]


def test_one_that_does_not_fit_waits_for_those_under_way() -> None:
    till = make_till()
    budget = Budget(MOST_USD + 0.003, [till])

    async def ask() -> list[str]:
        said = []
        held = await budget.hold(till, REQUEST)
        waiting = asyncio.create_task(budget.hold(till, REQUEST))
        await asyncio.sleep(0.03)
        said.append("waits" if not waiting.done() else "went")
        budget.settle(till, held, REQUEST, ANSWER, lost=0)
        await asyncio.wait_for(waiting, 5)
        said.append("goes")
        return said

    assert asyncio.run(ask()) == ["waits", "goes"]
    assert till.under_way == 1


def test_the_real_price_takes_the_place_of_what_was_held() -> None:
    till = make_till()
    budget = Budget(None, [till])
    first, second = hold_many(budget, till, 2)
    budget.settle(till, first, REQUEST, ANSWER, lost=2)
    assert till.spent == pytest.approx(0.002 + 2 * first)
    assert (till.held, till.under_way) == pytest.approx((second, 1))
    budget.settle(till, second - 1e-12, REQUEST, None, lost=0)  # of rounding nothing stays
    assert (till.spent, till.held, till.under_way) == pytest.approx((0.002 + 2 * first, 0, 0), abs=0)


def test_a_till_for_each_teacher_by_where_it_is_and_what_is_given() -> None:
    till = open_one(AWAY, GIVEN)
    assert till.prices == TokenPrices(**PRICES) and till.paid and till.estimate.max_tokens == 50
    assert till.unpriced == "give cost.teacher_usd_per_million_tokens {input, output} in params.yaml"
    assert open_one(HERE, GIVEN).prices == TokenPrices(**PRICES), "what is given holds for this machine too"
    assert open_one(HERE, GIVEN).paid
    here, away = open_one(HERE, {}), open_one(AWAY, {})
    assert (here.prices, here.paid) == (None, False)
    assert (away.prices, away.paid) == (None, True)
    for recorded in (
        open_one(AWAY, GIVEN, protocol="recorded", recording=RECORDING),
        open_one(HERE, GIVEN, server="local"),
    ):
        assert (recorded.prices, recorded.paid, recorded.estimate.max_tokens) == (None, False, 50)


def test_a_model_that_is_known_by_its_address_has_its_prices() -> None:
    plan = make_plan(model="gpt-4o-mini")
    runtime = RuntimeParams(base_url="https://api.openai.com/v1")
    till = open_tills([plan], runtime, PriceParams())["gpt-4o-mini"]
    assert till.prices is not None and till.prices.output > till.prices.input > 0
    own = RuntimeParams.model_validate(runtime.model_dump() | {"endpoints": {"gpt-4o-mini": HERE}})
    assert open_tills([plan], own, PriceParams())["gpt-4o-mini"].prices is None, "its own address counts"


def test_a_known_model_elsewhere_or_by_the_hour_has_none() -> None:
    plan, vendor = make_plan(model="gpt-4o-mini"), RuntimeParams(base_url="https://api.openai.com/v1")
    elsewhere = open_tills([plan], RuntimeParams(base_url="https://teacher.example/v1"), PriceParams())
    assert elsewhere["gpt-4o-mini"].prices is None
    for hourly in (1.5, {"gpt-4o-mini": 1.5}):
        till = open_tills([plan], vendor, PriceParams(teacher_usd_per_hour=hourly))["gpt-4o-mini"]
        assert (till.prices, till.paid) == (None, True)


def test_a_teacher_that_is_paid_by_the_hour_has_no_price_by_the_token() -> None:
    till = open_one(HERE, {"teacher_usd_per_hour": 1.5})
    assert (till.prices, till.paid) == (None, True)
    assert till.unpriced == "it is paid by the hour, $1.5 while it is up (cost.teacher_usd_per_hour)"
    other = open_one(AWAY, {"teacher_usd_per_hour": {"another": 2.0}})
    assert other.unpriced == "none can be given beside cost.teacher_usd_per_hour"


@pytest.mark.parametrize(
    ("extra", "most"),
    [({}, 50), ({"max_completion_tokens": 80}, 80), ({"max_tokens": 9}, 50), ({"max_new_tokens": "many"}, 50)],
)
def test_the_longest_answer_is_the_longest_that_any_name_allows(extra: dict[str, Any], most: int) -> None:
    assert open_one(HERE, GIVEN, extra=extra).estimate.max_tokens == most
    assert open_one(AWAY, GIVEN, protocol="recorded", recording=RECORDING, extra=extra).estimate.max_tokens == most


BUDGET = {"budget_usd": 1}


def test_budgets_that_can_be_kept_to() -> None:
    assert open_one(AWAY | BUDGET, GIVEN).prices
    assert open_one(AWAY | BUDGET, GIVEN, extra={"max_tokens": None, "max_output_tokens": 9}).prices
    assert open_one(AWAY | BUDGET, {}, protocol="recorded", recording=RECORDING).prices is None
    assert open_one(HERE | BUDGET, {}, server="local").prices is None
    assert open_one(AWAY, GIVEN, extra={"max_tokens": None}).prices, "without a budget any length will do"


@pytest.mark.parametrize(
    ("runtime", "cost", "changes", "said"),
    [
        (
            AWAY,
            {},
            {},
            "since the price of an answer of m is not known: give cost.teacher_usd_per_million_tokens {input",
        ),
        (HERE, {}, {}, "since the price of an answer of m is not known: give"),
        (AWAY, {"teacher_usd_per_hour": 3}, {}, "is not known: it is paid by the hour, $3 while"),
        (AWAY, GIVEN, {"extra": {"max_tokens": None}}, "since annotate.extra takes max_tokens out, and an answer may"),
    ],
)
def test_budgets_that_cannot(runtime: dict[str, Any], cost: dict[str, Any], changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        open_one(runtime | BUDGET, cost, **changes)
    assert str(caught.value).startswith("runtime.budget_usd = 1 cannot be kept to, since ")
    assert said in str(caught.value)
