"""Where the command `distil` finds a stage's files: in dvc.yaml, by the names of the stage's options."""

from pathlib import Path

import pytest
from conftest import ROOT

from distil.cli.project import artifact_path, stage_path
from distil.core.errors import InputError


def test_paths_are_those_of_dvc_yaml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert stage_path("annotate", "--texts") == Path("data/texts.parquet")
    assert stage_path("report", "--reports") == Path("reports")
    assert artifact_path("student") == Path("models/onnx")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "dvc.yaml is missing here; run distil in the project's folder"),
        ("stages: {}", "dvc.yaml has no usable --texts in the cmd of stage annotate"),
        ("stages: { annotate: { cmd: python -m stages.annotate texts.parquet } }", "no usable --texts in the cmd"),
        ("stages: { annotate: { cmd: python -m stages.annotate --texts } }", "no usable --texts in the cmd"),
        ("stages: [", "no usable --texts in the cmd"),
    ],
)
def test_a_file_that_names_no_path_is_one_line_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path("dvc.yaml").write_text(content)
    with pytest.raises(InputError) as caught:
        stage_path("annotate", "--texts")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert content is None or str(caught.value).endswith("; 'git checkout -- dvc.yaml' mends it")
