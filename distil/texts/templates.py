"""Texts made on the spot: templates whose holes, such as {{name}}, the library Faker fills in, and where it did.

What stands in two holes with nothing but blanks between them, under the same label, is one span: {{first}} {{last}}.

Such texts are synthetic: a student that was tried on them alone is not known to do well on what people write. Rows of a
template are all on one side, train or test, or the student would be tried on sentences that it learnt. The same
parameters and version of Faker give the same texts, and more rows begin with those of fewer.
"""

import hashlib
import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd
from faker import Faker
from pydantic import Field

from distil.core.errors import InputError
from distil.core.params import Params

HOLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")


class FieldParams(Params):
    """What fills in a hole, and the label of what stands there then; null: none."""

    faker: str = Field(min_length=1)  # a provider of Faker, such as name or phone_number
    options: dict[str, Any] = Field(default={})  # of the provider
    label: str | None = None


class Made(NamedTuple):
    """A text, its spans as JSON, and the template that it was made from."""

    text: str
    gold: str
    template: str


@dataclass(frozen=True)
class Templates:
    """Templates that can be filled in, one of which at least there is; `left_out` have holes that no field fills."""

    usable: Sequence[str]
    left_out: Mapping[str, str]  # template -> the first hole of it that no field fills
    fields: Mapping[str, FieldParams]


def read_templates(content: str, fields: Mapping[str, FieldParams], name: str) -> Templates:
    """Read templates, a line each, with \\n for a line break; raises `InputError` if none has a hole that is filled."""
    lines = dict.fromkeys(line.strip().replace("\\n", "\n") for line in content.splitlines() if line.strip())
    left_out = {line: hole for line in lines if (hole := _find_unknown(line, fields))}
    usable = [line for line in lines if line not in left_out]
    if not any(map(HOLE.search, usable)):
        missing = f"; the first lacks {{{{{next(iter(left_out.values()))}}}}}" if left_out else ""
        raise InputError(
            f"fetch.templates: {name} has no template such as 'My name is {{{{name}}}}' whose holes fetch.fields fills"
            f"{missing}; name there what fills them"
        )
    return Templates(usable, left_out, fields)


def make_texts(templates: Templates, rows: int, locales: Sequence[str], seed: int) -> list[Made]:
    """Fill in so many templates, drawn by lot; raises `InputError` for a locale or provider that Faker has not."""
    fakers = {locale: _open_faker(locale, templates.fields) for locale in locales}
    made = []
    for number in range(rows):
        draw = random.Random(f"{seed} {number}")  # noqa: S311 - no secret
        faker = fakers[draw.choice(locales)]
        faker.seed_instance(draw.getrandbits(32))
        made.append(_fill(draw.choice(templates.usable), templates.fields, faker))
    return made


def list_made(made: Sequence[Made], test_share: float) -> pd.DataFrame:
    """Rows of text, gold and split; a hash of its template says whether a row is in test.

    Raises `InputError` if one of the two sides has no template.
    """
    splits = {one.template: "test" if _draw_by(one.template) < test_share else "train" for one in made}
    if absent := {"train", "test"} - set(splits.values()):
        raise InputError(
            f"fetch.test_share = {test_share:g}: of {len(splits)} templates none is on the side of {absent.pop()}; "
            "bring more templates, or another share"
        )
    return pd.DataFrame(
        [(one.text, one.gold, splits[one.template]) for one in made], columns=["text", "gold", "split"], dtype=str
    )


def _find_unknown(template: str, fields: Mapping[str, FieldParams]) -> str | None:
    return next((hole for hole in HOLE.findall(template) if hole not in fields), None)


def _open_faker(locale: str, fields: Mapping[str, FieldParams]) -> Any:
    try:
        faker: Any = Faker(locale)
    except AttributeError:
        raise InputError(f"fetch.locales: Faker has no locale {locale!r}; write one such as en_US or de_DE") from None
    for name, field in fields.items():
        try:
            _check_provider(faker, field)
            getattr(faker, field.faker)(**field.options)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise InputError(
                f"fetch.fields.{name}: Faker ({locale}) cannot make {field.faker!r} ({error}); name another provider "
                "or other options (faker.readthedocs.io lists them)"
            ) from None
    return faker


def _check_provider(faker: Any, field: FieldParams) -> None:
    """Raise `ValueError` for what is no provider, and for one that counts from today: other texts come tomorrow."""
    places = [provider for provider in faker.get_providers() if hasattr(provider, field.faker)]
    if field.faker.startswith("_") or not (places or field.faker == "parse"):
        raise ValueError("there is no such provider")
    counts = "date_time" in getattr(getattr(places[0], field.faker), "__module__", "") if places else False
    if counts and not {"start_date", "end_date"} <= field.options.keys():
        raise ValueError(
            "it counts from today, so that other texts would come tomorrow; write date_between with start_date and "
            "end_date, random_int or random_element"
        )


def _fill(template: str, fields: Mapping[str, FieldParams], faker: Any) -> Made:
    text, done = "", 0
    spans: list[dict[str, Any]] = []
    for hole in HOLE.finditer(template):
        field = fields[hole[1]]
        value = str(getattr(faker, field.faker)(**field.options)).strip()
        text += template[done : hole.start()]
        start, done = len(text), hole.end()
        text += value
        if field.label is None or not value:
            continue
        if spans and spans[-1]["label"] == field.label and not text[spans[-1]["end"] : start].strip():
            spans[-1]["end"] = len(text)
        else:
            spans.append({"start": start, "end": len(text), "label": field.label})
    return Made(text + template[done:], json.dumps(spans, ensure_ascii=False), template)


def _draw_by(template: str) -> float:
    return int.from_bytes(hashlib.sha256(template.encode()).digest()[:8]) / 2**64
