"""Links and hidden files in folders that came from others: what they lead to is neither read nor published."""

import os
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from distil.assets.references import resolve
from distil.core.errors import InputError
from distil.kinds.classification.labelling import answers as one_answer
from distil.kinds.classification.labelling import gold as one_label
from distil.prompting.examples import read_examples
from distil.prompting.prompt_files import read_prompt
from distil.publish.release import NEEDED, collect_files
from distil.texts.sources import CorpusParams, read_source

INT8 = "onnx/model_quantized.onnx"
SECRET = "hf_secret"
Place = Callable[[Path], None]


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """A folder as export leaves it, by its names, and a secret outside of it."""
    folder = tmp_path / "models" / "onnx"
    for name in (*NEEDED, INT8):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (tmp_path / "secret").write_text(SECRET)
    return folder


@pytest.mark.parametrize("name", ["onnx/more.onnx", "config.json", "onnx/model.onnx"])
@pytest.mark.parametrize("target", ["secret", "no/such/file"])
def test_linked_file_is_not_published(exported: Path, tmp_path: Path, name: str, target: str) -> None:
    (exported / name).unlink(missing_ok=True)
    (exported / name).symlink_to(tmp_path / target)
    with pytest.raises(InputError, match=r"leads out of|is missing") as caught:
        collect_files(exported, INT8)
    assert "\n" not in str(caught.value)


def test_linked_folder_is_not_published(exported: Path, tmp_path: Path) -> None:
    shutil.move(exported / "onnx", tmp_path / "elsewhere")
    (exported / "onnx").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="leads out of"):
        collect_files(exported, INT8)


def test_hidden_file_is_not_published(exported: Path) -> None:
    (exported / "onnx" / ".mine.onnx").write_text(SECRET)
    (exported / "onnx" / "folder.onnx").mkdir()
    (exported / "notes.txt").write_text(SECRET)
    assert set(collect_files(exported, INT8)) == {*NEEDED, INT8}


def test_links_of_dvc_are_the_files_themselves(exported: Path, tmp_path: Path) -> None:
    kept = tmp_path / "cache/files/md5/0f/0123456789abcdef0123456789abcd"
    kept.parent.mkdir(parents=True)
    shutil.move(exported / "config.json", kept)
    (exported / "config.json").symlink_to(kept)
    (tmp_path / "models" / "linked").symlink_to(exported)  # the folder itself may lie on another disk
    assert set(collect_files(tmp_path / "models" / "linked", INT8)) == {*NEEDED, INT8}


def test_corpus_reads_no_linked_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"text\n{SECRET}\n")
    corpus, params = tmp_path / "corpus", CorpusParams(source="corpus")
    corpus.mkdir()
    (corpus / "a.csv").write_text("text\nhello\n")
    assert read_source(params, ["a", "b"], one_label, corpus, tmp_path / "pins").rows["text"].tolist() == ["hello"]
    (corpus / "b.csv").symlink_to(tmp_path / "secret")
    with pytest.raises(InputError, match="is a link to"):
        read_source(params, ["a", "b"], one_label, corpus, tmp_path / "pins")


def test_corpus_that_dvc_links_into_its_cache(tmp_path: Path) -> None:
    kept = tmp_path / "cache/files/md5/0f/0123456789abcdef0123456789abcd"
    kept.parent.mkdir(parents=True)
    kept.write_text("text\nhello\n")
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus/a.csv").symlink_to(kept)
    reading = read_source(CorpusParams(source="corpus"), ["a", "b"], one_label, tmp_path / "corpus", tmp_path / "pins")
    assert reading.rows["text"].tolist() == ["hello"]


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="no devices")
def test_a_device_or_a_pipe_is_no_file(tmp_path: Path) -> None:
    """Of /dev/zero one would read for ever; that of /dev/null shows as well that nothing is read."""
    os.mkfifo(tmp_path / "pipe")
    nothing = sha256(b"").hexdigest()
    for path in (tmp_path / "pipe", Path("/dev/null")):
        for read in (
            lambda path: read_prompt(path),
            lambda path: read_examples(path, ["a"], one_answer),
            lambda path: resolve(f"{path}#sha256={nothing}", tmp_path / "assets.txt"),
        ):
            with pytest.raises(InputError, match=f"{path} is a device, a pipe or a socket, and no file"):
                read(path)
