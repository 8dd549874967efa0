"""What a student's head reads, beside its logits; and the distance from training texts that is reckoned of it."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from tiny_export import export_tiny_several, export_tiny_student, export_tiny_tagger
from toy_rows import make_texts

from distil.classifiers.onnx_runner import name_output
from distil.classifiers.opening import open_onnx
from distil.core.errors import InputError
from distil.export.onnx_files import FP32, INT8, WEIGHTS
from distil.export.unlike import fit_unlike, name_read
from distil.selective.unlike import read_unlike, write_unlike

Export = Callable[[pytest.TempPathFactory], tuple[Path, Path]]
TEXTS = [*make_texts()[:30], "a " * 200]
EXPORTS: dict[str, Export] = {
    "bert": export_tiny_student,
    "roberta": lambda factory: export_tiny_student(factory, "roberta"),
    "several": export_tiny_several,
    "tagger": export_tiny_tagger,
    "tagger_roberta": lambda factory: export_tiny_tagger(factory, "roberta"),
}


@pytest.mark.parametrize("file", [FP32, INT8])
@pytest.mark.parametrize("export", EXPORTS.values(), ids=EXPORTS.keys())
def test_what_is_read_times_the_head_s_weights_is_the_logits(
    tmp_path_factory: pytest.TempPathFactory, export: Export, file: str
) -> None:
    student, folder = export(tmp_path_factory)
    plain = open_onnx(folder, file, device="cpu")
    reading = open_onnx(folder, file, device="cpu", reads=name_read(folder, file))
    logits = plain.predict_logits(TEXTS)
    np.testing.assert_allclose(reading.predict_logits(TEXTS), logits, atol=1e-6)
    weights = load_file(student / WEIGHTS)
    name = next(f"{name}" for name in ("classifier.out_proj", "classifier") if f"{name}.weight" in weights)
    made = reading.read(TEXTS) @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
    if len(logits) > len(TEXTS):  # a tagger has a row for each word
        counts = [len(split.starts) for split in plain.encode(TEXTS)]  # type: ignore[union-attr]
        logits = np.array([some.mean(axis=0) for some in np.split(logits, np.cumsum(counts)[:-1])])
    np.testing.assert_allclose(made, logits, atol=1e-4 if file == FP32 else 0.06)  # whose head is rounded here too


def test_the_name_of_an_output_may_be_long(tmp_path: Path) -> None:
    import onnx

    name = "x" * 300
    node = onnx.helper.make_node("Identity", ["i"], [name])
    last = onnx.helper.make_node("Identity", [name], ["logits"])
    ends = [onnx.helper.make_tensor_value_info(one, onnx.TensorProto.FLOAT, [1]) for one in ("i", "logits")]
    model = onnx.helper.make_model(onnx.helper.make_graph([node, last], "g", ends[:1], ends[1:]))
    read = onnx.load_from_string(model.SerializeToString() + name_output(name))
    assert [one.name for one in read.graph.output] == ["logits", name]
    del read.graph.output[1]
    assert read == model


def read_made_up(texts: Sequence[str]) -> np.ndarray:
    """Numbers of each text; none of one without words."""
    rng = np.random.default_rng(len(texts))
    read = rng.normal(size=(len(texts), 4)).astype(np.float32)
    read[[not text for text in texts]] = np.nan
    return read


def test_texts_without_words_are_passed_over_and_too_few_are_refused() -> None:
    found = fit_unlike(FP32, "tanh", read_made_up, ["a"] * 50 + [""], ["a"] * 20 + [""] * 3)
    assert found.is_sound and len(found.known) == 20
    for training, validation in ((["a"] * 50, []), ([], ["a"]), ([""], ["a"]), (["a"] * 50, [""])):
        with pytest.raises(InputError, match=r"export.unlike needs training texts and validation texts"):
            fit_unlike(FP32, "tanh", read_made_up, training, validation)
    with pytest.raises(InputError, match=r"export.unlike: 1 training texts differ too little"):
        fit_unlike(FP32, "tanh", read_made_up, ["a"], ["a"])


def test_texts_of_other_words_lie_further_off(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    _, folder = export_tiny_student(tmp_path_factory)
    reads = name_read(folder, INT8)
    student = open_onnx(folder, INT8, device="cpu", reads=reads)
    texts = [f"{text} {number}" for number, text in enumerate(make_texts() * 2)]
    found = fit_unlike(INT8, reads, student.read, texts[:100], texts[100:])
    far = found.measure(student.read(["zzz qqq xxx", "!!!???;;;", "() () ()"]))
    assert (far > np.median(found.known)).all()
    for folder_of in (tmp_path / "one", tmp_path / "two"):
        folder_of.mkdir()
        write_unlike(folder_of, found)
    assert (tmp_path / "one/unlike.npz").read_bytes() == (tmp_path / "two/unlike.npz").read_bytes()
    again = read_unlike(tmp_path / "one", INT8)
    assert again[:2] == found[:2]
    for one, two in zip(again[2:], found[2:], strict=True):
        np.testing.assert_array_equal(one, two)
    assert json.dumps(again.find_threshold(0.5))
