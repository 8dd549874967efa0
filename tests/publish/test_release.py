"""Publishing to a loopback Hub: what goes there, what stays here, what is refused; and the code in the card runs."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hub_upload_server import LFS_SUFFIXES, PART_BYTES, READER, WRITER, UploadServer, run, run_at, serve_uploads
from huggingface_hub import HfApi, ModelCard, snapshot_download
from tiny_export import export_tiny_student
from toy_results import ARGUMENTS, leave_int8_out, write_toy_results
from typer.testing import CliRunner
from written_reports import write_report_on

from distil.classifiers.onnx_classifier import OnnxClassifier
from distil.cli.main import app
from distil.core.errors import InputError
from distil.export.onnx_files import FP32, INT8
from distil.publish.release import NEEDED, PublishError, Release, check_name, collect_files, publish, read_card
from distil.report.usage import render_usage

REPOSITORY = "someone/reviews"
FILES = (*NEEDED, INT8)
TEXTS = ["a good product", "it broke after a day, and nobody answers"]
PIPELINE = {
    "stages": {
        "export": {
            "cmd": "python -m stages.export --student models/student --onnx models/onnx",
            "deps": ["models/student"],
            "outs": ["models/onnx"],
        },
        "report": {
            "cmd": "python -m stages.report --export metrics/export.json --reports reports",
            "outs": ["reports"],
        },
    },
    "artifacts": {"student": {"path": "models/onnx"}},
}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose student is exported and reported, as dvc.lock says; leave it as it is."""
    folder = tmp_path_factory.mktemp("study")
    student, exported = export_tiny_student(tmp_path_factory)
    arguments = write_toy_results(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_report_on(arguments)
        shutil.copytree(student, "models/student")
        shutil.copytree(exported, "models/onnx")
        Path("dvc.yaml").write_text(yaml.safe_dump(PIPELINE), encoding="utf-8")
        run("git", "init", "--quiet")
        run("git", "-c", "user.name=x", "-c", "user.email=x@x", "commit", "--quiet", "--allow-empty", "--message=x")
        run(sys.executable, "-m", "dvc", "init", "--quiet")
        run(sys.executable, "-m", "dvc", "commit", "--quiet", "--force")
    return folder


@pytest.fixture
def project(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the study as the working folder."""
    folder = tmp_path / "project"
    shutil.copytree(study, folder)
    monkeypatch.chdir(folder)
    return folder


def make_release(study: Path, *, is_public: bool = False, revision: str | None = None, card: str = "") -> Release:
    card = card or read_card(study / "reports/MODEL_CARD.md", "classification", INT8, REPOSITORY)
    return Release(REPOSITORY, collect_files(study / "models/onnx", INT8), card, "a message", is_public, revision)


def connect(hub: UploadServer, token: str = WRITER) -> HfApi:
    return HfApi(hub.url, token=token)


def refuse(release: Release, api: HfApi) -> str:
    with pytest.raises(PublishError) as caught:
        publish(release, api)
    message = str(caught.value)
    assert "\n" not in message
    assert REPOSITORY in message
    return message


def test_a_user_publishes_and_another_downloads_the_same_files(project: Path, hub: UploadServer) -> None:
    said = run_at(hub, project, "-m", "distil", "publish", REPOSITORY)
    repository = hub.repositories[REPOSITORY]
    commit = repository.branches["main"][-1]
    assert said == f"7 files, private, commit {commit.sha[:12]} -> {hub.url}/{REPOSITORY}\n"
    assert repository.is_private
    head = run("git", "rev-parse", "--short=12", "HEAD").strip()
    assert commit.message.startswith(f"distil, git commit {head}")

    local = {name: (project / "models/onnx" / name).read_bytes() for name in FILES}
    assert {name: data for name, data in commit.files.items() if name in FILES} == local
    assert set(commit.files) == {*FILES, "README.md", ".gitattributes"}
    large = {name for name, data in local.items() if len(data) > PART_BYTES and name.endswith(LFS_SUFFIXES)}
    assert set(hub.objects.values()) == {data for name, data in local.items() if name.endswith(LFS_SUFFIXES)}
    assert large, "one file at least is uploaded in parts"

    folder = snapshot_download(REPOSITORY, endpoint=hub.url, token=WRITER, cache_dir=project / "downloads")
    for name, data in local.items():
        assert Path(folder, name).read_bytes() == data
    for file in ("onnx/model.onnx", "onnx/model_quantized.onnx"):
        there, here = (OnnxClassifier(Path(place), file) for place in (folder, project / "models/onnx"))
        assert (there.predict_proba(TEXTS) == here.predict_proba(TEXTS)).all()


@pytest.mark.slow
def test_the_published_card_s_own_code_runs_on_the_published_model(
    project: Path, hub: UploadServer, tmp_path: Path
) -> None:
    publish(make_release(project), connect(hub))
    card = hub.repositories[REPOSITORY].branches["main"][-1].files["README.md"].decode()
    assert "models/onnx" not in card
    snippets = find_snippets(card)
    assert len(snippets) == 3
    for tool, code in snippets.items():
        said = run_at(hub, tmp_path, "-c", code)
        assert re.search("negative|positive", said), f"{tool} printed {said!r}"


@pytest.mark.slow
def test_the_local_card_s_own_code_runs_in_the_project(project: Path) -> None:
    card = (project / "reports/MODEL_CARD.md").read_text(encoding="utf-8")
    for tool, code in find_snippets(card).items():
        said = run(sys.executable, "-c", code, HF_HUB_OFFLINE="1")
        assert re.search("negative|positive", said), f"{tool} printed {said!r}"


def find_snippets(card: str) -> dict[str, str]:
    """The Python in a card by its last import, without optimum's, which needs an environment of its own."""
    codes = [code for code in re.findall(r"```python\n(.+?)```", card, re.DOTALL) if "optimum" not in code]
    return {re.findall(r"^from (\w+)", code, re.MULTILINE)[-1]: code for code in codes}


def test_publishing_the_same_again_uploads_nothing_and_makes_no_commit(study: Path, hub: UploadServer) -> None:
    first = publish(make_release(study), connect(hub))
    uploads = hub.count_uploads()
    assert uploads > 0
    assert publish(make_release(study), connect(hub)) == first
    assert hub.count_uploads() == uploads
    assert [commit.message for commit in hub.repositories[REPOSITORY].branches["main"]] == [
        "initial commit",
        "a message",
    ]


def test_onnx_files_of_an_earlier_release_are_removed(project: Path, hub: UploadServer) -> None:
    Path("models/onnx/onnx/model_fp16.onnx").write_bytes(b"half as precise")
    Path("models/onnx/notes.txt").write_text("for me alone", encoding="utf-8")
    publish(make_release(project), connect(hub))
    assert "onnx/model_fp16.onnx" in hub.repositories[REPOSITORY].branches["main"][-1].files
    Path("models/onnx/onnx/model_fp16.onnx").unlink()
    assert publish(make_release(project), connect(hub)).removed == ("onnx/model_fp16.onnx",)
    assert set(hub.repositories[REPOSITORY].branches["main"][-1].files) == {*FILES, "README.md", ".gitattributes"}


def test_a_branch_is_made_once_and_main_stays(study: Path, hub: UploadServer) -> None:
    publish(make_release(study), connect(hub))
    card = make_release(study).card + "\nMore.\n"
    for _ in range(2):
        published = publish(make_release(study, revision="trial", card=card), connect(hub))
    assert published.url == f"{hub.url}/{REPOSITORY}/tree/trial"
    branches = hub.repositories[REPOSITORY].branches
    assert branches["trial"][-1].files["README.md"].endswith(b"\nMore.\n")
    assert not branches["main"][-1].files["README.md"].endswith(b"\nMore.\n")


def test_public_is_public_and_neither_kind_of_repository_becomes_the_other(study: Path, hub: UploadServer) -> None:
    public, private = make_release(study, is_public=True), make_release(study)
    assert not publish(public, connect(hub)).is_private
    assert not hub.repositories[REPOSITORY].is_private
    assert "is public on the Hub" in refuse(private, connect(hub))
    hub.repositories[REPOSITORY].is_private = True
    assert "is private on the Hub; leave out --public" in refuse(public, connect(hub))
    assert len(hub.repositories[REPOSITORY].branches["main"]) == 2


def test_what_the_hub_refuses_is_one_line(study: Path, hub: UploadServer) -> None:
    release = make_release(study)
    assert "Invalid user token" in refuse(release, connect(hub, "hf_wrong"))
    assert "take a token that may write there" in refuse(release, connect(hub, READER))
    unlicensed = release.card.replace("license: apache-2.0", "license: apache")
    assert '"license" must be one of' in refuse(make_release(study, card=unlicensed), connect(hub))
    hub.has_room = False
    assert "Storage quota exceeded" in refuse(release, connect(hub))
    assert hub.repositories[REPOSITORY].branches["main"][-1].message == "initial commit"
    elsewhere = Release("another/reviews", release.files, release.card, "a message")
    with pytest.raises(PublishError, match=r"^another/reviews: the Hub forbids it \(You don't have the rights"):
        publish(elsewhere, connect(hub))


def test_a_hub_out_of_reach_is_one_line(study: Path) -> None:
    with serve_uploads() as gone:
        pass
    assert "the Hub cannot be reached" in refuse(make_release(study), connect(gone))


def test_without_a_token_nothing_is_sent(project: Path, hub: UploadServer) -> None:
    settings = {"HF_ENDPOINT": hub.url, "HF_TOKEN": "", "HF_HOME": str(project / "hf")}
    command = [sys.executable, "-m", "distil", "publish", REPOSITORY]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | settings, check=False)
    assert done.returncode == 1
    assert done.stderr == f"error: {REPOSITORY}: no token for the Hub; log in with 'hf auth login', or set HF_TOKEN\n"
    assert not hub.requests


def test_a_dry_run_lists_files_and_metadata_and_sends_nothing(project: Path, hub: UploadServer) -> None:
    shutil.rmtree(".dvc/cache")  # the files are the same without it
    said = run_at(hub, project, "-m", "distil", "publish", REPOSITORY, "--dry-run", "--public", "--message", "first")
    assert not hub.requests
    for name in FILES:
        size = (project / "models/onnx" / name).stat().st_size
        assert f"{size:,} bytes  {name}\n" in said
    assert said.startswith(f"{REPOSITORY}, public, main\n")
    assert "commit message: first\n" in said
    assert "  license: apache-2.0\n" in said
    assert "value: 0.811" in said
    assert said.endswith("nothing was sent\n")


def invoke(*arguments: str) -> InputError:
    result = CliRunner().invoke(app, ["publish", *arguments])
    assert isinstance(result.exception, InputError), result.output
    return result.exception


def test_a_stale_export_is_not_published(project: Path) -> None:
    Path("models/onnx/config.json").write_text("{}", encoding="utf-8")
    assert str(invoke(REPOSITORY, "--dry-run")).startswith("stage export is out of date (models/onnx: modified)")
    shutil.rmtree(project / ".dvc")
    assert str(invoke(REPOSITORY, "--dry-run")).startswith("'dvc status' fails")


def test_a_student_trained_since_is_not_published(project: Path) -> None:
    Path("models/student/config.json").write_text("{}", encoding="utf-8")
    assert str(invoke(REPOSITORY)).startswith("stage export is out of date (models/student: modified); run 'dvc repro'")


def test_what_is_missing_is_named(project: Path) -> None:
    shutil.move("models/onnx/tokenizer.json", "elsewhere.json")
    assert str(invoke(REPOSITORY)).startswith("models/onnx/tokenizer.json is missing; 'dvc repro' writes it")
    with pytest.raises(InputError, match=r"MODEL_CARD\.md is missing"):
        read_card(Path("MODEL_CARD.md"), "classification", INT8, REPOSITORY)
    Path("MODEL_CARD.md").write_text("# a card of an earlier version", encoding="utf-8")
    with pytest.raises(InputError, match="run 'dvc repro -s -f report'"):
        read_card(Path("MODEL_CARD.md"), "classification", INT8, REPOSITORY)
    Path("dvc.yaml").unlink()
    assert "dvc.yaml is missing here" in str(invoke(REPOSITORY))


@pytest.mark.parametrize("name", ["reviews", "a/b/c", "someone/it's", "someone/a--b", "", "someone/" + 100 * "x"])
def test_a_name_that_the_hub_cannot_have_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"names no owner|is no name of a repository"):
        check_name(name)


def test_the_files_are_those_that_export_writes(study: Path) -> None:
    assert FP32 in NEEDED and INT8 not in NEEDED
    exported = {path.relative_to(study / "models/onnx").as_posix() for path in Path(study, "models/onnx").rglob("*.*")}
    assert exported == set(FILES)


def test_where_fp32_is_served_it_is_published_without_int8(project: Path, hub: UploadServer) -> None:
    Path("models/onnx", INT8).unlink()
    with pytest.raises(InputError, match=r"model_quantized\.onnx is missing"):
        collect_files(Path("models/onnx"), INT8)
    leave_int8_out(project, "int8 falls short")
    write_report_on([project / argument for argument in ARGUMENTS])
    card = read_card(project / "reports/MODEL_CARD.md", "classification", FP32, REPOSITORY)
    files = collect_files(Path("models/onnx"), FP32)
    publish(Release(REPOSITORY, files, card, "a message"), connect(hub))
    assert set(hub.repositories[REPOSITORY].branches["main"][-1].files) == {*NEEDED, "README.md", ".gitattributes"}
    assert "quantized" not in card
    with pytest.raises(InputError, match="How to use it"):
        read_card(project / "reports/MODEL_CARD.md", "classification", INT8, REPOSITORY)


def test_the_card_names_the_repository_and_keeps_its_metadata(study: Path) -> None:
    local = (study / "reports/MODEL_CARD.md").read_text(encoding="utf-8")
    published = read_card(study / "reports/MODEL_CARD.md", "classification", INT8, REPOSITORY)
    assert render_usage("classification", INT8) in local
    assert render_usage("classification", INT8, REPOSITORY) in published
    assert str(ModelCard(published).data) == str(ModelCard(local).data)
