from pathlib import Path

import pytest

from distil.errors import InputError
from distil.params import Number, Params, TaskParams, load_params


class Inner(Params):
    low: Number


class Toy(Params):
    rate: Number
    count: int
    name: str
    bounds: Inner | None = None


def load(tmp_path: Path, text: str, model: type[Params] = Toy, section: str = "toy") -> Params:
    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8")
    return load_params(section, model, path)


def test_a_number_may_be_written_in_any_way(tmp_path: Path) -> None:
    for written in ("1e-3", "1.0e-3", "0.001", "'0.001'"):
        loaded = load(tmp_path, f"toy: {{rate: {written}, count: 3, name: x}}")
        assert isinstance(loaded, Toy)
        assert loaded.rate == 0.001


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "toy: {rate: 1, count: 3, name: x, ratio: 2}",
            "unknown key toy.ratio; allowed here: rate, count, name, bounds",
        ),
        ("toy: {rate: fast, count: 3, name: x}", "toy.rate = 'fast'"),
        ("toy: {rate: 1, count: 3.5, name: x}", "toy.count = 3.5"),
        ("toy: {rate: 1, count: '3', name: x}", "toy.count = '3'"),
        ("toy: {rate: 1, count: 3, name: yes}", r"toy.name = True: .*\(write it in quotes\)"),
        ("toy: {rate: 1, name: x}", "toy.count is missing"),
        ("toy: {rate: 1, count: 3, name: x, bounds: {low: -}}", "toy.bounds.low"),
        ("other: {}", "has no section 'toy'; it has: other"),
        ("- a list", "must hold sections"),
        ("toy: {rate: 1", "line 1 is not YAML"),
    ],
)
def test_a_wrong_key_or_value_is_one_line_that_names_it(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load(tmp_path, text)
    assert "\n" not in str(caught.value)
    assert "params.yaml" in str(caught.value)


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="presets/"):
        load_params("toy", Toy, tmp_path / "params.yaml")


@pytest.mark.parametrize(
    ("labels", "message"),
    [("[a]", "at least two"), ("[a, a]", "twice"), ("[a, ' b']", "blank"), ("[no, yes]", "labels.0 = False")],
)
def test_labels_that_make_no_classifier_are_refused(tmp_path: Path, labels: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(tmp_path, f"task: {{name: t, description: d, language: en, labels: {labels}}}", TaskParams, "task")
