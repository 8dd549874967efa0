"""Texts that are made from templates: what stands where, the same each time, and no template on both sides."""

import json
from pathlib import Path
from typing import Any

import pytest

from distil.assets.references import sha256_of
from distil.core.errors import InputError
from distil.kinds.classification.labelling import gold as one_label
from distil.kinds.token_classification.labelling import gold as spans
from distil.texts.sources import Reading, TemplatesParams, read_source
from distil.texts.templates import FieldParams, list_made, make_texts, read_templates

FIELDS = {
    "name": FieldParams(faker="name", label="person"),
    "town": FieldParams(faker="city", label="place"),
    "day": FieldParams(faker="random_element", options={"elements": ["Monday", "Friday"]}),
}
LINES = [
    "{{name}} lives in {{ town }}.",
    "See you on {{day}}",
    "{{name}}\\n{{town}} {x}",
    "nobody",
    "",
    "{{pet}} barks",
    "{{name}}  {{name}} {{town}}!",
]


def fetch(folder: Path, form: Any = spans, labels: tuple[str, ...] = ("person", "place"), **changes: Any) -> Reading:
    path = folder / "templates.txt"
    path.write_text("\n".join(LINES), encoding="utf-8")
    given = {"templates": f"{path}#sha256={sha256_of(path)}", "fields": FIELDS, "rows": 40, **changes}
    params = TemplatesParams.model_validate({"source": "templates", **given})
    return read_source(params, list(labels), form, folder, folder / "assets.txt")


def test_what_was_filled_in_is_told_where_it_stands(tmp_path: Path) -> None:
    reading = fetch(tmp_path)
    assert len(reading.rows) == 40
    for text, gold in zip(reading.rows["text"], reading.rows["gold"], strict=True):
        found = [(text[span["start"] : span["end"]], span["label"]) for span in json.loads(gold)]
        if " lives in " in text:
            name, town = text.removesuffix(".").split(" lives in ")
            assert found == [(name, "person"), (town, "place")]
        elif text.endswith("!"):
            (both, label), (town, other) = found
            assert (f"{both} {town}!", label, other) == (text, "person", "place"), "two holes, one span"
        elif "\n" in text:
            name, town = text.removesuffix(" {x}").split("\n")
            assert found == [(name, "person"), (town, "place")]
        else:
            assert found == []
    assert reading.notes[0].endswith("they are synthetic")
    assert "left out, since fetch.fields does not fill all of their holes: 1 (pet)" in reading.notes[1]


def test_the_same_seed_gives_the_same_texts_and_more_rows_begin_with_those_of_fewer(tmp_path: Path) -> None:
    few, more, others = (fetch(tmp_path, rows=rows, seed=seed).rows for rows, seed in ((10, 0), (20, 0), (10, 1)))
    assert more["text"].tolist()[:10] == few["text"].tolist() != others["text"].tolist()


def test_no_template_is_on_both_sides() -> None:
    made = make_texts(read_templates("\n".join(f"{n} {{{{name}}}}" for n in range(40)), FIELDS, "t"), 200, ["en_US"], 0)
    rows = list_made(made, 0.3).assign(number=[one.template.split()[0] for one in made])
    sides = rows.groupby("number")["split"].nunique()
    assert (sides == 1).all()
    assert set(rows["split"]) == {"train", "test"}


def test_locales_are_drawn_by_lot(tmp_path: Path) -> None:
    texts = "".join(fetch(tmp_path, locales=["ja_JP", "en_US"]).rows["text"])
    assert any("\u4e00" <= sign <= "\u9fff" for sign in texts)
    assert any("a" <= sign <= "z" for sign in texts)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"fields": {"pets": {"faker": "name"}}},
            r"templates\.txt has no template .* fetch\.fields fills; the first lacks \{\{name",
        ),
        ({"fields": {**FIELDS, "day": {"faker": "dya"}}}, r"fetch\.fields\.day: Faker \(en_US\) cannot make 'dya'"),
        (
            {"fields": {**FIELDS, "day": {"faker": "date", "options": {"x": 1}}}},
            r"fetch\.fields\.day: .*counts from today",
        ),
        ({"fields": {**FIELDS, "day": {"faker": "name", "label": "day"}}}, r"fetch\.fields has the label 'day'"),
        ({"fields": {**FIELDS, "day": {"faker": "day_of_week"}}}, r"'day_of_week' \(it counts from today"),
        ({"fields": {**FIELDS, "day": {"faker": "seed_instance"}}}, r"there is no such provider"),
        ({"fields": {**FIELDS, "day": {"faker": "random_element", "options": {"elements": []}}}}, r"cannot make"),
        ({"test_share": 0.001}, r"fetch\.test_share = 0\.001: of \d templates none is on the side of test"),
        ({"locales": ["xx_XX"]}, r"fetch\.locales: Faker has no locale 'xx_XX'"),
        ({"form": one_label}, r"set task\.kind: token_classification"),
    ],
)
def test_what_cannot_be_made_is_one_line(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        fetch(tmp_path, **changes)
