import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from tiny_model import make_tiny_model

from distil.assets.references import sha256_of
from distil.core.errors import InputError
from distil.core.params import TaskParams, load_params
from distil.encoders.torch_model import TorchEncoder
from distil.forms.labelling import load_labelling
from distil.kinds.classification.labelling import answers as one_label
from distil.prompting.examples import NearestExamples, read_examples
from distil.prompting.params import AnnotateParams, ExamplesParams
from distil.prompting.prompt_files import Example

LABELS = ["negative", "positive"]
ROWS = """\
text,label,reason
"a good product, it works very well",positive,It works.
a bad product,negative,
it broke after a day,negative,"He says ""broke""."
n/a,positive,
a higher profit,positive,
the loss is larger than before,negative,
"""
TEXTS = [
    "a good product",
    "it broke  after a day",
    "higher profit",
    "the loss",
    "sales fell after a day and the loss is larger than before",
    "a",
    "it works well, but it broke",
]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = make_tiny_model(tmp_path_factory.mktemp("encoder"))
    return f"{folder}#sha256={sha256_of(folder)}"


def write(folder: Path, rows: str = ROWS) -> Path:
    path = folder / "examples.csv"
    path.write_text(rows, encoding="utf-8")
    return path


def load(path: Path, encoder: str, nearest: int, *, show_reason: bool = True) -> NearestExamples:
    params = ExamplesParams(file=str(path), nearest=nearest, embeddings=encoder, show_reason=show_reason)
    return NearestExamples(params, LABELS, one_label, path.parent / "assets.txt", "cpu")


def test_the_nearest_by_cosine_are_chosen_the_nearest_last(tmp_path: Path, encoder: str) -> None:
    nearest = load(write(tmp_path), encoder, 3)
    torch_encoder = TorchEncoder(Path(encoder.partition("#")[0]))
    (asked,) = torch_encoder.encode(["a good product"])
    cosines = torch_encoder.encode([example.text for example in nearest.examples]) @ asked
    by_cosine = sorted(range(6), key=lambda number: cosines[number])[-3:]
    assert nearest.choose(["a good product"]) == [tuple(nearest.examples[number] for number in by_cosine)]


def test_a_text_is_not_shown_as_its_own_example(tmp_path: Path, encoder: str) -> None:
    nearest = load(write(tmp_path), encoder, 6)
    chosen = nearest.choose_indices(["a higher profit", "it broke\n after a day"])
    assert chosen.dtype == np.int32
    assert chosen[:, 0].tolist() == [-1, -1]
    assert [sorted(row) for row in chosen[:, 1:]] == [[0, 1, 2, 3, 5], [0, 1, 3, 4, 5]]
    assert [len(nearest.by_indices(row)) for row in chosen] == [5, 5]


def test_equally_near_examples_count_in_the_file_s_order(tmp_path: Path, encoder: str) -> None:
    rows = "text,label\nA Bad product,negative\nthe loss,negative\na bad product,positive\na bad PRODUCT,positive\n"
    assert load(write(tmp_path, rows), encoder, 3).choose_indices(["bad products"])[0].tolist()[-3:] == [3, 2, 0]


def test_the_choice_does_not_depend_on_the_texts_beside_it(tmp_path: Path, encoder: str) -> None:
    nearest = load(write(tmp_path), encoder, 4)
    together = nearest.choose_indices(TEXTS)
    assert together.tolist() == [nearest.choose_indices([text])[0].tolist() for text in TEXTS]
    assert together[::-1].tolist() == nearest.choose_indices(TEXTS[::-1]).tolist()


def test_no_examples_are_asked_for_without_an_encoder(tmp_path: Path) -> None:
    assert load(write(tmp_path), "no such encoder", 0).choose(["a", "b"]) == [(), ()]


def test_examples_are_read_as_they_stand(tmp_path: Path) -> None:
    examples = read_examples(write(tmp_path), LABELS, one_label)
    assert examples[0] == Example(text="a good product, it works very well", label="positive", reason="It works.")
    assert examples[2].reason == 'He says "broke".'
    assert (examples[3].text, examples[3].reason) == ("n/a", None)
    assert len(examples) == 6


def test_reasons_are_left_out_or_asked_for_at_once(tmp_path: Path) -> None:
    examples = load(write(tmp_path), "no such encoder", 0, show_reason=False).examples
    assert {example.reason for example in examples} == {None}
    assert examples[0].text == "a good product, it works very well"
    with pytest.raises(InputError, match=r"examples\.csv, line 3: no reason, which annotate\.json_schema asks for"):
        read_examples(write(tmp_path), LABELS, one_label, need_reasons=True)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("", "have no column label, text"),
        ("text,label\n", "have no rows"),
        ("text,reason\na,b\n", "have no column label"),
        ("text,label\na,positive\nb,neutral\n", r"line 3: the label 'neutral' .* negative, positive"),
        ("text,label\na,positive\n \t,positive\n", "line 3: the text is blank"),
        ("text,label\na, b,positive\n", "line 2: not as many cells"),
        ("text,label\nonly a text\n", "line 2: not as many cells"),
        ('text,label\na,positive\n"say "no"",negative\n', "line 3: .*double a quotation mark"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(tmp_path: Path, rows: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_examples(write(tmp_path, rows), LABELS, one_label)


def test_a_missing_file_and_other_encodings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"annotate\.examples\.file"):
        read_examples(tmp_path / "none.csv", LABELS, one_label)
    path = tmp_path / "latin.csv"
    path.write_bytes("text,label\nschön,positive\n".encode("latin-1"))
    with pytest.raises(InputError, match="not UTF-8"):
        read_examples(path, LABELS, one_label)


def test_more_examples_than_there_are_cannot_be_shown(tmp_path: Path, encoder: str) -> None:
    with pytest.raises(InputError, match=r"6 rows, but annotate\.examples\.nearest is 7"):
        load(write(tmp_path), encoder, 7)


@pytest.mark.parametrize("preset", sorted((ROOT / "presets").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_project_s_examples_go_with_its_presets(preset: Path) -> None:
    task = load_params("task", TaskParams, preset)
    params, labelling = load_params("annotate", AnnotateParams, preset).examples, load_labelling(task.kind)
    assert params
    every = task.kind == "classification"
    examples = read_examples(ROOT / params.file, task.labels, labelling.answers, need_reasons=every)
    named = {name for example in examples for name in labelling.form.name_labels(example.label)}
    assert named == set(task.labels) if every else named <= set(task.labels)


def test_importing_the_module_does_not_import_torch() -> None:
    code = "import sys, distil.prompting.examples; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
