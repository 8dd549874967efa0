import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from annotating import PATHS, annotate, set_up
from batch_server import serve_batches
from conftest import ROOT, Project
from loopback_teacher import LoopbackTeacher, chat_answer, prompt_of, serve_teacher
from stage_command import name_paths
from typer.testing import CliRunner, Result

from distil.assets.references import sha256_of
from distil.cli.main import app
from distil.core.errors import DistilError
from distil.core.ids import text_id
from distil.core.metrics import read_details
from distil.core.tables import TEXTS, write_rows
from distil.forms.answers import Answer
from distil.store.answer_store import Stored
from distil.store.opening import open_store, store_path
from stages import compare

TEN = [f"text {number}" for number in range(10)]
COMPARE_PATHS = (
    *(PATHS[0], Path("prompts"), ROOT / "prices", PATHS[1]),
    *map(Path, ("comparison.parquet", "compare.json", "candidates.csv")),
)
PRICED = {"hardware": "c7a.large", "compare_models": []}
PRICE = {"teacher_usd_per_million_tokens": {"input": 1, "output": 5}}


def answer(_body: dict[str, Any], _number: int) -> dict[str, Any]:
    return chat_answer("positive")


def set_up_study(project: Project, server: LoopbackTeacher, **annotate_params: Any) -> Path:
    set_up(project, server, TEN, **annotate_params)
    paths = {"annotate": PATHS, "compare": COMPARE_PATHS}
    commands = {stage: " ".join(["python -m stages", *name_paths(stage, *paths[stage])]) for stage in paths}
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": {stage: {"cmd": cmd} for stage, cmd in commands.items()}}))
    return Path.cwd()


def call(*arguments: str | Path, typed: str | None = None) -> str:
    result: Result = CliRunner().invoke(app, list(map(str, arguments)), input=typed, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def stored() -> int:
    with open_store(store_path()) as store:
        return len(store)


def move_to_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTIL_STORE", str(Path("another/answers.sqlite").absolute()))


def test_a_dry_run_tells_requests_tokens_dollars_and_minutes_and_asks_nothing(project: Project) -> None:
    with serve_teacher(answer) as server:
        set_up_study(project, server, votes=1)
        annotate()
        set_up_study(project, server, votes=3)
        project(cost=PRICE, runtime={"base_url": server.url, "requests_per_minute": 10})
        said = call("annotate", "--dry-run")
        assert len(server.bodies) == 10
    assert "toy-teacher: 10 texts, 3 votes a text" in said
    assert "requests in the store  10\n" in said
    assert "requests to send       20\n" in said
    assert "tokens to expect       200 in, 40 out (as the 10 answers in the store)" in said
    assert "$0.00 ($1 in, $5 out per million: cost.teacher_usd_per_million_tokens" in said
    assert "2.0 minutes or more" in said


def test_a_dry_run_leaves_an_endpoint_asleep(project: Project) -> None:
    with serve_teacher(answer) as server:
        set_up_study(project, server)
        project(runtime={"hf_endpoint": {"name": "toy-endpoint"}}, cost={"teacher_usd_per_hour": 6.5})
        said = call("annotate", "--dry-run")
    assert "unknown; it is paid by the hour, $6.5 while it is up (cost.teacher_usd_per_hour)" in said
    assert "endpoint               toy-endpoint, resumed for the run, paused after it" in said
    assert "not ready" not in said


def test_a_dry_run_without_price_rate_or_answers_says_so(project: Project) -> None:
    with serve_teacher(answer) as server:
        set_up_study(project, server, votes={"min": 2, "max": 5})
        project(runtime={"base_url": "https://teacher.example/v1"})
        said = call("annotate", "--dry-run")
    assert "2 to 5 votes a text" in said
    assert "20, up to 30 more where votes disagree" in said
    assert "200 out" not in said
    assert "1,000 out (a guess" in said
    assert "unknown; give cost.teacher_usd_per_million_tokens" in said
    assert "as the endpoint allows, 16 at once" in said


def test_a_dry_run_counts_more_votes_only_of_texts_that_are_undecided(project: Project) -> None:
    def label(body: dict[str, Any], _number: int) -> str:
        return "negative" if body["seed"] == 1 and prompt_of(body).endswith(("8", "9")) else "positive"

    with serve_teacher(label) as server:
        set_up_study(project, server, votes=2)
        annotate()
        set_up_study(project, server, votes={"min": 2, "max": 5})
        prices = {"input": 10_000, "output": 0}  # $0.1 for an answer's 10 tokens
        project(cost={"teacher_usd_per_million_tokens": prices}, runtime={"base_url": server.url, "budget_usd": 2.3})
        said = call("annotate", "--dry-run")
    assert "requests to send       2, up to 4 more where votes disagree" in said
    assert "dollars to expect      $0.20, up to $0.60 where votes disagree" in said
    assert "spent so far: $2.00 for the answers in the store" in said
    assert "runtime.budget_usd: $2.30, may be passed" in said


def test_a_dry_run_of_several_teachers_adds_up_and_says_what_is_not_ready(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    with serve_teacher(answer) as server:
        set_up_study(project, server, model=None, teachers=["a", "b"])
        here = {"base_url": server.url}
        project(runtime={"base_url": None, "endpoints": {"b": here}})
        said = call("annotate", "--dry-run")
        assert "not ready: runtime.base_url" in said
        assert "none (this machine, no price given)" in said
        assert "in all: 20 requests to send" in said
        project(runtime={"endpoints": {"a": here, "b": here | {"api_key_env": "NO_SUCH_KEY"}}})
        assert "not ready: the environment variable NO_SUCH_KEY" in call("annotate", "--dry-run")


def test_a_recording_is_neither_an_endpoint_nor_a_batch(project: Project) -> None:
    recording = {"files": ["votes.csv"], "text": "text", "votes": [{"label": "label"}]}
    with serve_teacher(answer) as server:
        set_up_study(project, server, protocol="recorded", recording=recording)
    said = call("annotate", "--dry-run")
    assert "time                   none, a recording is read" in said
    with pytest.raises(DistilError, match="toy-teacher is not behind an endpoint, so another model's answers"):
        call("batch", "export", "batch")


def test_the_stage_runs_with_this_python_first_and_its_exit_code_comes_back(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"annotate": {"cmd": "which python > out; exit 3"}}}))
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text("[core]\n    no_scm = true\n    analytics = false\n")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PATH": os.defpath}
    command = [sys.executable, "-m", "distil", "annotate"]
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ended.returncode not in (0, 1), ended.stderr
    assert "Traceback" not in ended.stderr
    assert Path((tmp_path / "out").read_text().strip()).parent == Path(sys.executable).parent


def test_the_store_tells_what_is_in_it(project: Project) -> None:
    with serve_teacher(answer) as server:
        set_up_study(project, server)
        annotate()
    said = call("store", "info")
    assert "10 answers" in said
    assert "toy-teacher: 10 answers, 100 tokens in, 20 out, 20" in said
    assert "the study here, toy-teacher: 10 answers stored, 0 missing" in said
    Path("params.yaml").unlink()
    assert "no study here: params.yaml is missing" in call("store", "info")


def test_before_fetch_the_texts_are_named_and_the_store_is_told_all_the_same(project: Project) -> None:
    with serve_teacher(answer) as server:
        set_up_study(project, server)
    PATHS[0].unlink()
    said = call("store", "info")
    assert "0 answers" in said
    assert "no study here: texts.parquet is missing; run 'dvc repro fetch'" in said
    for command in (["annotate", "--dry-run"], ["batch", "export", "batch"], ["store", "prune", "--unplanned"]):
        with pytest.raises(DistilError, match=r"^texts.parquet is missing; run 'dvc repro fetch'$"):
            call(*command)


def test_answers_move_between_machines_as_jsonl(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_teacher(answer) as server:
        set_up_study(project, server)
        annotate()
        table, figures = PATHS[2].read_bytes(), PATHS[3].read_bytes()
        assert "10 answers" in call("store", "export", "answers.jsonl")
        assert set(json.loads(Path("answers.jsonl").read_text().splitlines()[0])) >= {"key", "answer", "teacher"}
        move_to_another_machine(monkeypatch)
        assert "10 new answers of 10" in call("store", "import", "answers.jsonl")
        assert "0 new answers of 10" in call("store", "import", "answers.jsonl")
        annotate()
        assert (len(server.bodies), PATHS[2].read_bytes(), PATHS[3].read_bytes()) == (10, table, figures)


def test_only_this_study_s_answers_are_exported_unless_all_are_asked_for(project: Project) -> None:
    with serve_teacher(answer) as server:
        set_up_study(project, server)
        annotate()
        Path("prompt.md").write_text("Another prompt: {text}")
        assert "0 answers" in call("store", "export", "mine.jsonl")
        assert "10 answers" in call("store", "export", "--all", "all.jsonl")


def test_a_colleague_pays_nothing_again_after_importing_the_table(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve_teacher(answer) as server:
        set_up_study(project, server, votes=2)
        annotate()
        table = PATHS[2].read_bytes()
        move_to_another_machine(monkeypatch)
        assert "20 new answers of 20" in call("store", "import", PATHS[2])
        annotate()
        assert (len(server.bodies), PATHS[2].read_bytes()) == (20, table)
        assert read_details(PATHS[3])["run"]["seconds"] is None


def test_scores_come_out_of_an_imported_table_as_they_were(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def score(_body: dict[str, Any], number: int) -> dict[str, Any]:
        top = {" positive": -0.25 - number / 100, " negative": -1.5}
        return {"choices": [{"text": " positive", "logprobs": {"top_logprobs": [top]}, "finish_reason": "length"}]}

    with serve_teacher(score) as server:
        set_up_study(project, server, method="score", protocol="completion", max_tokens=1)
        annotate()
        table = PATHS[2].read_bytes()
        move_to_another_machine(monkeypatch)
        call("store", "import", PATHS[2])
        annotate()
        assert (len(server.bodies), PATHS[2].read_bytes()) == (10, table)


def test_the_answers_to_another_prompt_are_never_taken_from_a_table(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve_teacher(answer) as server:
        set_up_study(project, server)
        annotate()
    move_to_another_machine(monkeypatch)
    Path("prompt.md").write_text("Another prompt: {text}")
    with pytest.raises(DistilError, match="answers nothing that this study asks for"):
        call("store", "import", PATHS[2])
    assert stored() == 0


def set_up_candidates(project: Project, server: LoopbackTeacher) -> None:
    """The study of `set_up_study`, whose teacher votes once, and two candidates: one of them votes twice."""
    set_up_study(project, server)
    rows = [{"id": text_id(text), "text": text, "gold": "positive"} for text in TEN]
    write_rows(PATHS[0], TEXTS, rows)
    candidates = [{"name": "as it is"}, {"name": "twice", "votes": 2}]
    project(compare={"rows": "gold", "candidates": candidates}, split={}, aggregate={}, cost=PRICED)


def compare_candidates() -> Path:
    compare.main(*COMPARE_PATHS)
    return COMPARE_PATHS[4]


def test_a_dry_run_of_candidates_counts_what_they_share_once(project: Project) -> None:
    with serve_teacher(answer) as server:
        set_up_study(project, server)
        assert "names no candidates, so nothing would be asked" in call("compare", "--dry-run")
        set_up_candidates(project, server)
        annotate()
        said = call("compare", "--dry-run")
        assert "twice: 10 texts, 2 votes a text" in said
        assert "requests to send       10\n" in said
        assert "as it is: 1 vote a text, of the answers of twice" in said
        compare_candidates()
        assert len(server.bodies) == 20


def test_a_dry_run_of_candidates_that_ask_alike_forecasts_the_votes_that_one_of_them_adds(project: Project) -> None:
    """Of two answers that agree the adaptive candidate asks no third; the one with three votes does."""
    candidates = [{"name": "two to five", "votes": {"min": 2, "max": 5}}, {"name": "three", "votes": 3}]
    with serve_teacher(answer) as server:
        set_up_candidates(project, server)
        project(compare={"rows": "gold", "candidates": candidates})
        said = call("compare", "--dry-run")
        assert "requests to send       20, up to 30 more where votes disagree\n" in said
        assert "three: 10 texts, 3 votes a text, beside what is of the answers of two to five\n" in said
        assert "requests to send       10\n" in said
        assert "in all: 30 requests to send" in said
        compare_candidates()
        assert len(server.bodies) == 30
        assert "three: 3 votes a text, of the answers of two to five\n" in call("compare", "--dry-run")


def test_a_dry_run_of_candidates_refuses_what_the_stage_refuses(project: Project) -> None:
    votes = Path("votes.csv")
    with serve_teacher(answer) as server:
        set_up_candidates(project, server)
        votes.write_text("text,label\ntext 1,positive\n")
        recording = {"files": [f"votes.csv#sha256={sha256_of(votes)}"], "text": "text", "votes": [{"label": "label"}]}
        then = {"name": "then", "model": "old", "recording": recording}
        for candidate, message in (
            (then, "the recording of the candidate 'then' has no answer to 9 of 10 rows"),
            (
                {"name": "elsewhere", "prompt": "other.md"},
                "prompt other.md of the candidate 'elsewhere' is not in prom",
            ),
        ):
            project(compare={"rows": "gold", "candidates": [candidate]})
            with pytest.raises(DistilError, match=message):
                call("compare", "--dry-run")


def test_candidates_answers_are_the_study_s_too(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_teacher(answer) as server:
        set_up_candidates(project, server)
        table = compare_candidates()
        assert "its candidates, twice: 20 answers stored, 0 missing" in call("store", "info")
        assert "0 of 20 answers would be deleted" in call("store", "prune", "--unplanned")
        move_to_another_machine(monkeypatch)
        assert "20 new answers of 30" in call("store", "import", table)
        compare_candidates()
        assert len(server.bodies) == 20
    with open_store(store_path()) as store:
        assert store.teachers() == {"toy-teacher"}


def test_pruning_asks_first_and_deletes_only_what_is_named(project: Project) -> None:
    with serve_teacher(answer) as server:
        set_up_study(project, server)
        annotate()
        Path("prompt.md").write_text("Another prompt: {text}")
        annotate()
    with pytest.raises(DistilError, match="say which answers shall go"):
        call("store", "prune")
    assert "0 of 20 answers" in call("store", "prune", "--teacher", "nobody", "--yes")
    assert "0 of 20 answers" in call("store", "prune", "--older-than-days", "1", "--yes")
    said = call("store", "prune", "--unplanned", typed="n\n")
    assert "10 of 20 answers" in said
    assert "  toy-teacher: 10\n" in said
    assert stored() == 20
    call("store", "prune", "--unplanned", typed="y\n")
    assert stored() == 10
    annotate()
    assert len(server.bodies) == 20


def test_answers_without_a_date_are_told_apart_when_pruning_by_age(project: Project) -> None:
    project()
    with open_store(store_path()) as store:
        store.put_all([("0" * 64, Stored(Answer("x"), "m", received_at=1.0)), ("1" * 64, Stored(Answer("x"), "m"))])
    said = call("store", "prune", "--older-than-days", "0", "--yes")
    assert "1 of 2 answers" in said
    assert "1 answers without a date" in said
    assert stored() == 1
    assert CliRunner().invoke(app, ["store", "prune", "--older-than-days", "-1", "--yes"]).exit_code == 2


def line(**fields: Any) -> str:
    return json.dumps({"key": "0" * 64, "answer": {"reply": "x"}, "teacher": "m"} | fields) + "\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        ("{}\n", r"line 1 is no answer \(key: Field required"),
        ("[1]\n", r"line 1 is no answer \(not an object"),
        ("[" * 100_000, "line 1 is no answer"),
        (line(key="k"), "line 1 is no answer .key"),
        (line(answer={"nonsense": 1}), "answer.nonsense"),
        (line(answer={"reply": 1}), "answer.reply"),
        (line(answer={"reply": "x", "input_tokens": -1}), "answer.input_tokens"),
        (line(answer={"reply": "x", "output_tokens": 2**63}), "answer.output_tokens"),
        (line(answer={"reply": None, "top_logprobs": [["a", float("nan")]]}), "answer.top_logprobs"),
        (line(received_at=float("inf")), "received_at"),
        (line(retries=True), "retries"),
        (line(up_s=-1.0), "up_s: Input should be greater than or equal to 0"),
    ],
)
def test_a_file_that_holds_no_answers_is_refused(project: Project, content: str | None, message: str) -> None:
    project()
    if content is not None:
        Path("answers.jsonl").write_text(content)
    with pytest.raises(DistilError, match=message):
        call("store", "import", "answers.jsonl")


def test_one_bad_line_keeps_the_whole_file_out(project: Project) -> None:
    project()
    good = [line(key=f"{number:064}") for number in range(2_500)]
    Path("answers.jsonl").write_text("".join(good) + "{}\n")
    with pytest.raises(DistilError, match="line 2501 is no answer"):
        call("store", "import", "answers.jsonl")
    assert stored() == 0


def test_what_is_exported_is_imported_as_it_was(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project()
    full = Stored(Answer("\ud800", "stop", True, (("a", -0.5), ("\ud800", -3)), 1, 0, 2, 0), "m", "run", 1.5, 2.0, 3)
    answers = {"0" * 64: full, "1" * 64: Stored(Answer(None), "m")}
    with open_store(store_path()) as store:
        store.put_all(answers.items())
        for run, seconds in {"run": 100.5, "of another store": 7.0}.items():
            store.note_up_s(run, seconds)
    call("store", "export", "--all", "answers.jsonl")
    move_to_another_machine(monkeypatch)
    for _ in range(2):  # what is imported twice was not up twice
        call("store", "import", "answers.jsonl")
    with open_store(store_path()) as store:
        assert dict(store) == answers
        assert store.get_up_s(["run", "of another store"]) == {"run": 100.5}


def test_an_export_overwrites_nothing(project: Project) -> None:
    project()
    Path("answers.jsonl").write_text("precious")
    with pytest.raises(DistilError, match=r"answers.jsonl exists"):
        call("store", "export", "--all", "answers.jsonl")
    with pytest.raises(DistilError, match=r"answers.jsonl/below cannot be written"):
        call("store", "export", "--all", "answers.jsonl/below")


def test_a_batch_goes_out_and_its_answers_come_back_into_the_study(project: Project) -> None:
    with serve_teacher(answer) as server, serve_batches() as batches:
        set_up_study(project, server, votes=2)
        Path("prompt.md").write_text('{"label": "positive"} {text}')
        project(runtime={"base_url": batches.url, "retry_wait_s": 0.001})
        assert "batch/requests-0001.jsonl" in call("batch", "export", "batch")
        assert "requests answered" in call("batch", "submit", "batch")
        batches.finish("batch_1", answered=15)  # each answer is its own prompt
        assert "completed" in call("batch", "status", "batch")
        assert "distil batch import" in call("batch", "fetch", "batch")
        said = call("batch", "import", "batch")
        assert "15 new answers, 0 known already, 5 failed" in said
        project(runtime={"base_url": server.url})
        assert set(annotate()["status"]) == {"ok"}
        assert len(server.bodies) == 5
        assert "nothing to export" in call("batch", "export", "another")


def test_a_batch_above_the_budget_is_not_exported(project: Project) -> None:
    with serve_teacher(answer) as server:
        set_up_study(project, server)
        annotate()
        set_up_study(project, server, votes=3)
        project(cost=PRICE, runtime={"base_url": server.url, "budget_usd": 0.0005})  # $0.00002 an answer
        with pytest.raises(
            DistilError, match=r"budget_usd = 0.0005 .* cost \$0.0002, and these .* \$0.0004 at the full"
        ):
            call("batch", "export", "batch")
        assert not Path("batch").exists()
        project(runtime={"base_url": server.url, "budget_usd": 0.001})
        said = call("batch", "export", "batch")
    assert "requests to send       20\n" in said
    assert "(full prices; a batch usually costs half)" in said


def test_with_several_teachers_a_batch_names_one(project: Project) -> None:
    with serve_teacher(answer) as server:
        set_up_study(project, server, model=None, teachers=["a", "b"])
        with pytest.raises(DistilError, match="--teacher has to be one of a, b"):
            call("batch", "export", "batch")
        for command in ("export", "submit", "status", "fetch", "import"):
            with pytest.raises(DistilError, match="--teacher has to be one of a, b"):
                call("batch", command, "batch", "--teacher", "typo")
        with pytest.raises(DistilError, match=r"prompt.md cannot be written"):
            call("batch", "export", "prompt.md", "--teacher", "b")
        call("batch", "export", "batch", "--teacher", "b")
    request = json.loads(Path("batch/requests-0001.jsonl").read_text().splitlines()[0])
    assert request["body"]["model"] == "b"


def test_the_command_ends_in_one_line_and_exit_1_where_there_is_no_project(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "distil", "annotate", "--dry-run"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 1
    assert ended.stderr == "error: dvc.yaml is missing here; run distil in the project's folder\n"
