"""Keys alone are compared where there are many requests: with the same outcome as looking up each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from distil.annotate.budget import open_tills
from distil.annotate.questions import Job
from distil.core.runtime import RuntimeParams
from distil.core.tables import TEXTS, write_rows
from distil.cost.prices import PriceParams, TokenPrices
from distil.forms.answers import Answer
from distil.kinds.classification.labelling import answers as one_label
from distil.planning import counting
from distil.planning.counting import Counted, count_requests
from distil.prompting.params import AnnotateParams
from distil.prompting.prompt_files import Prompt
from distil.prompting.requests import Plan
from distil.store.answer_store import Store, Stored
from distil.store.opening import open_store

PRICES = PriceParams(teacher_usd_per_million_tokens=TokenPrices(input=100, output=500))
TEXTS_COUNT = counting.FEW + 1000


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with open_store(tmp_path_factory.mktemp("store") / "answers.sqlite") as opened:
        yield opened


def count(folder: Path, texts: list[str], store: Store, answered: range | None = None) -> tuple[Counted, float]:
    fields = {"prompt": "p.md", "method": "generate", "protocol": "chat", "model": "m", "max_tokens": 50}
    plan = Plan(AnnotateParams.model_validate(fields), ["no", "yes"], one_label, Prompt("{text}?"), "m")
    write_rows(
        folder / "texts.parquet", TEXTS, [{"id": f"{number:06}", "text": one} for number, one in enumerate(texts)]
    )
    till = open_tills([plan], RuntimeParams(), PRICES)["m"]
    if not len(store):
        numbers = answered or [number for number in range(len(texts)) if number % 3]
        store.put_all(
            (plan.request(texts[number], 1).key, Stored(Answer("yes", input_tokens=10, output_tokens=number % 2), "m"))
            for number in numbers
        )
        store.put_all([("no key at all", Stored(Answer("yes"), "m")), ("f" * 64, Stored(Answer("yes"), "m"))])
    return count_requests(Job([plan], folder / "texts.parquet"), store, plan, till), till.spent


def test_many_requests_are_counted_as_few_are(tmp_path: Path, store: Store) -> None:
    texts = [f"text {number}" for number in range(TEXTS_COUNT)]
    whole, spent = count(tmp_path, texts, store)
    halves = [count(tmp_path, half, store) for half in (texts[: TEXTS_COUNT // 2], texts[TEXTS_COUNT // 2 :])]
    assert (whole.reckoned, [half.reckoned for half, _ in halves]) == (True, [False, False])
    assert whole.outlook.known == sum(half.outlook.known for half, _ in halves) == TEXTS_COUNT - (TEXTS_COUNT + 2) // 3
    assert whole.outlook.missing == sum(half.outlook.missing for half, _ in halves)
    assert whole.outlook.characters == sum(half.outlook.characters for half, _ in halves)
    assert spent == pytest.approx(sum(of_half for _, of_half in halves), rel=0.01)


def test_the_answers_of_a_sample_are_read_wherever_its_texts_stand(tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(TEXTS_COUNT)]
    with open_store(tmp_path / "answers.sqlite") as store:
        counted, spent = count(tmp_path, texts, store, answered=range(TEXTS_COUNT - 1, 5000, -200))
    known = len(range(TEXTS_COUNT - 1, 5000, -200))
    assert (counted.outlook.known, counted.reckoned) == (known, False)
    assert spent == pytest.approx(known * (10 * 100 + 500) / 1e6)
