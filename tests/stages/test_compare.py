"""Candidates for the teacher: what each is asked and pays for, what is refused before a request, and what is told."""

import hashlib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from annotating import ANNOTATE
from conftest import ROOT, Project
from huggingface_hub import constants
from loopback_teacher import error, prompt_of, serve_teacher
from sleeping_server import TOKEN, serve_sleeping
from tiny_model import make_tiny_model

from distil.assets.references import sha256_of
from distil.compare.job import COMPARED
from distil.core.errors import EndpointError, InputError
from distil.core.ids import text_id
from distil.core.metrics import read_details, read_metrics
from distil.core.tables import TEXTS, read_rows, write_rows
from distil.forms.answers import Answer
from distil.kinds.classification.labelling import answers as one_label
from distil.prompting.params import AnnotateParams
from distil.prompting.prompt_files import read_prompt
from distil.prompting.requests import Plan
from distil.store.answer_store import Stored
from distil.store.opening import open_store, store_path
from distil.teacher.connect import identify
from stages import annotate
from stages.compare import main

NAMES = "texts.parquet prompts prices assets.txt comparison.parquet compare.json candidates.csv"
PATHS = tuple(map(Path, NAMES.split()))
LABELS = ["negative", "positive"]
COST = {"hardware": "c7a.large", "compare_models": []}
GOLD = {f"item {number} is {'good' if number % 2 else 'bad'}": number % 2 for number in range(20)}
PLAIN = {"name": "plain", "prompt": "prompts/plain.md"}
SECOND = {"name": "other prompt", "prompt": "prompts/second.md"}


def set_up(
    project: Project, url: str | None, candidates: list[dict[str, Any]], rows: str = "gold", **more: Any
) -> None:
    """A study of twenty texts, every second of them good, whose teacher is asked by prompts/plain.md."""
    sections: dict[str, Any] = {
        "annotate": ANNOTATE | {"prompt": "prompts/plain.md"},
        "compare": {"rows": rows, "candidates": candidates},
        "aggregate": {},
        "split": {"test_share": 0.5},
        "cost": COST,
        "runtime": {"base_url": url, "retry_wait_s": 0.001},
    }
    folder = project(**(sections | more))
    (folder / "prompts").mkdir(exist_ok=True)
    for name, lead in (("plain", "Label"), ("second", "Say"), ("third", "Tell")):
        (folder / f"prompts/{name}.md").write_text(f"{lead} {{labels}}: {{text}}\n")
    if not (folder / "prices").exists():
        (folder / "prices").symlink_to(ROOT / "prices")
    rows_of_texts = [
        {"id": text_id(text), "text": text, "gold": ("negative", "positive")[good]} for text, good in GOLD.items()
    ]
    write_rows(folder / "texts.parquet", TEXTS, rows_of_texts)


def answer(body: dict[str, Any], _number: int) -> str:
    """Right on all texts when told to label them; when told to say, wrong on those that end in 5, and on none else."""
    prompt = prompt_of(body)
    good = prompt.rstrip().endswith("good")
    wrong = prompt.startswith("Say") and "item 1" in prompt
    return "positive" if good != wrong else "negative"


def compare() -> dict[str, Any]:
    main(*PATHS)
    return read_details(PATHS[5])


def test_without_candidates_nothing_is_asked_and_nothing_needed(project: Project, tmp_path: Path) -> None:
    project(compare={"candidates": []})
    main(*PATHS)
    assert read_details(PATHS[5]) == {"candidates": {}}
    assert PATHS[6].read_text() == "candidate,score,low,high,published\nno candidates in params.yaml,,,,\n"
    assert read_rows(PATHS[4], COMPARED).empty
    assert not (tmp_path / "store").exists()


def test_every_candidate_labels_the_same_rows_and_is_scored(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    with serve_teacher(answer) as server:
        set_up(project, server.url, [PLAIN, SECOND])
        found = compare()
    assert len(server.bodies) == 40
    plain, second = found["candidates"].values()
    assert (plain["accuracy"], second["accuracy"]) == (1.0, 9 / 20)
    assert plain["vs_best"] is None
    assert (second["vs_best"]["only_best_right"], second["vs_best"]["only_this_right"]) == (11, 0)
    assert second["vs_best"]["p_value"] < 0.001
    assert (found["best"], found["chosen"], found["texts"]) == ("plain", "plain", 20)
    assert read_metrics(PATHS[5])["best"] == 1.0
    assert pd.read_csv(PATHS[6])["score"].tolist() == [1.0, 0.45]
    rows = read_rows(PATHS[4], COMPARED)
    assert rows.groupby("candidate").size().to_dict() == {"other prompt": 20, "plain": 20}
    said = capsys.readouterr().out
    assert "40 requests answered" in said
    assert "All others are shown to be worse than plain" in said
    assert "The study's own teacher (section annotate) is plain, the best here." in said


def test_of_candidates_that_are_alike_the_first_in_params_yaml_is_the_best(project: Project) -> None:
    with serve_teacher(answer) as server:
        set_up(project, server.url, [PLAIN | {"name": "z"}, {"name": "a", "prompt": "prompts/third.md"}])
        found = compare()
    first, second = found["candidates"].values()
    assert (found["best"], first["vs_best"], second["vs_best"]["p_value"]) == ("z", None, 1.0)


def test_a_candidate_that_is_added_pays_for_itself_alone(project: Project) -> None:
    with serve_teacher(answer) as server:
        set_up(project, server.url, [PLAIN, SECOND])
        first = compare()
        asked = len(server.bodies)
        set_up(project, server.url, [PLAIN, SECOND, {"name": "third", "prompt": "prompts/third.md", "votes": 2}])
        second = compare()
        assert len(server.bodies) == asked + 2 * 20
        assert all(prompt_of(body).startswith("Tell") for body in server.bodies[asked:])
        compare()
        assert len(server.bodies) == asked + 40
    assert second["candidates"]["plain"]["accuracy"] == first["candidates"]["plain"]["accuracy"]


def test_what_annotate_was_answered_costs_nothing(project: Project) -> None:
    with serve_teacher(answer) as server:
        set_up(project, server.url, [PLAIN])
        annotate.main(PATHS[0], PATHS[3], Path("annotations.parquet"), Path("annotate.json"))
        compare()
        assert len(server.bodies) == 20


def test_two_candidates_that_differ_in_votes_alone_share_their_answers(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    prices = {"teacher_usd_per_million_tokens": {"input": 100, "output": 500}}
    with serve_teacher(answer) as server:
        three = {"name": "three votes", "votes": 3}
        set_up(project, server.url, [{"name": "one vote"}, three], cost=COST | prices)
        found = compare()
        assert len(server.bodies) == 60
        assert "60 requests answered, 0 retries, 0 answers already in the store" in capsys.readouterr().out
        compare()
        assert "0 requests answered, 0 retries, 60 answers already in the store" in capsys.readouterr().out
        one, three = (found["candidates"][name] for name in ("one vote", "three votes"))
        assert one["usd_per_million"] == pytest.approx(2000)  # 10 and 2 tokens of an answer
        assert three["usd_per_million"] == pytest.approx(3 * one["usd_per_million"])


def test_an_endpoint_that_was_paused_between_two_groups_is_resumed_for_the_second(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Candidates that ask the same go one after another: the first asks twice, the second once more."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    adaptive: dict[str, Any] = {"name": "two to five", "votes": {"min": 2, "max": 5}}
    candidates = [adaptive, {"name": "three", "votes": 3}]
    with serve_sleeping() as server:
        monkeypatch.setattr(constants, "INFERENCE_ENDPOINTS_ENDPOINT", f"{server.url}/v2")
        runtime = {"hf_endpoint": {"name": "toy-endpoint", "namespace": "someone"}, "max_retries": 0}
        set_up(project, None, candidates, runtime=runtime)
        compare()
    assert (server.answered, server.state) == (60, "paused")
    assert sum(call.endswith("/resume") for call in server.calls) == 2
    said = capsys.readouterr().err
    assert "compare: someone/toy-endpoint is paused" in said
    assert "annotate" not in said


def test_the_budget_counts_a_shared_answer_once(project: Project) -> None:
    """A hundred answers in all cost $0.20; counted for each candidate they would be $0.36."""
    prices = {"teacher_usd_per_million_tokens": {"input": 100, "output": 500}}
    candidates = [{"name": f"{votes} votes", "votes": votes} for votes in (1, 3, 5)]
    with serve_teacher(answer) as server:
        set_up(project, server.url, candidates[:2], cost=COST | prices)
        compare()
        runtime = {"base_url": server.url, "budget_usd": 0.25}
        set_up(project, server.url, candidates, cost=COST | prices, runtime=runtime)
        compare()
        assert len(server.bodies) == 100


def test_a_run_that_failed_on_the_way_keeps_what_came(project: Project) -> None:
    def behave(body: dict[str, Any], number: int) -> Any:
        return answer(body, number) if number < 15 else error(503)

    with serve_teacher(behave) as server:
        set_up(project, server.url, [PLAIN, SECOND])
        project(runtime={"base_url": server.url, "max_retries": 0, "retry_wait_s": 0.001, "max_in_flight": 1})
        with pytest.raises(EndpointError, match=r"does not answer .*What came before is kept"):
            compare()
        assert not PATHS[5].exists()
        with open_store(store_path()) as store:
            kept = len(store)
        server.behave = answer
        asked = len(server.bodies)
        compare()
        assert len(server.bodies) == asked + 40 - kept
        assert kept == 15


@pytest.mark.parametrize("rows", ["dev", "test", "gold"])
def test_rows_are_those_of_split_and_the_notes_say_what_may_be_chosen(project: Project, rows: str) -> None:
    with serve_teacher(answer) as server:
        set_up(project, server.url, [PLAIN], rows)
        found = compare()
    drawn = {
        text
        for text in GOLD
        if int.from_bytes(hashlib.sha256(f"distil:test:{text_id(text)}".encode()).digest()[:8], "big") < 2**63
    }
    expected = {"dev": set(GOLD) - drawn, "test": drawn, "gold": set(GOLD)}[rows]
    assert {prompt_of(body).partition(": ")[2].strip() for body in server.bodies} == expected
    may = "a prompt or a model may be chosen by them" in found["notes"][0]
    assert may == (rows == "dev")
    assert ("nothing may be chosen by this comparison" in found["notes"][0]) == (rows != "dev")
    assert found["test_rows"] == (0 if rows == "dev" else len(drawn))


def pin(path: Path) -> str:
    return f"{path}#sha256={hashlib.sha256(path.read_bytes()).hexdigest()}"


def test_rows_of_a_file(project: Project, tmp_path: Path) -> None:
    texts = list(GOLD)[:3]
    pd.DataFrame({"text": texts}).to_csv(tmp_path / "rows.csv", index=False)
    with serve_teacher(answer) as server:
        set_up(project, server.url, [PLAIN], pin(tmp_path / "rows.csv"))
        found = compare()
        assert (found["rows"], found["texts"], len(server.bodies)) == ("rows.csv", 3, 3)
        pd.DataFrame({"text": [*texts, "not here"]}).to_csv(tmp_path / "rows.csv", index=False)
        set_up(project, server.url, [PLAIN], pin(tmp_path / "rows.csv"))
        with pytest.raises(InputError, match=r"1 of 4 rows of .*rows.csv are not among the study's texts.*'not here'"):
            compare()


def record(folder: Path, name: str, texts: list[str], labels: list[str]) -> dict[str, Any]:
    path = folder / f"{name}.csv"
    pd.DataFrame({"text": texts, "label": labels}).to_csv(path, index=False)
    return {"files": [pin(path)], "text": "text", "votes": [{"label": "label"}], "tokenizer": None}


def test_an_endpoint_and_a_recording_in_one_run(project: Project, tmp_path: Path) -> None:
    recording = record(tmp_path, "then", list(GOLD), ["positive"] * 19 + ["who knows"])
    published = {"accuracy": 0.6, "difference": "other rows"}
    recorded = {"name": "then", "model": "old", "recording": recording, "published": published}
    with serve_teacher(answer) as server:
        set_up(project, server.url, [PLAIN, recorded])
        details = compare()
        found = details["candidates"]
        assert len(server.bodies) == 20
        compare()
        assert len(server.bodies) == 20
    assert found["then"]["accuracy"] == 9 / 20
    assert found["then"]["abstained"] == {"out_of_set": 1}
    assert found["then"]["published"] == published
    assert found["then"]["usd_per_million"] is None
    assert "no token counts: then." in " ".join(details["notes"])
    assert (found["then"]["server"], found["plain"]["server"]) == ("recorded", "endpoint")


def test_tokens_that_were_counted_are_told_with_what_counted_them(project: Project, tmp_path: Path) -> None:
    recording = record(tmp_path, "then", list(GOLD), ["positive"] * 20)
    tokenizer = make_tiny_model(tmp_path / "base") / "tokenizer.json"
    recording["tokenizer"] = f"{tokenizer}#sha256={sha256_of(tokenizer)}"
    set_up(project, None, [{"name": "then", "model": "old", "recording": recording}])
    (note,) = [note for note in compare()["notes"] if note.startswith("Tokens that no answer told")]
    assert note.startswith("Tokens that no answer told, counted of the answers and prompts/")
    assert note.endswith("tokenizer.json: then.")


def test_prices_are_those_of_the_candidate_s_own_model(project: Project) -> None:
    """One price stands for the study's teacher alone; another model has what cost.compare_models says, or none."""
    listed: dict[str, Any] = {"model": "dear", "price_source": "a list", "price_date": "2026-01-01"}
    listed |= {"price_per_million_tokens": {"input": 1000, "output": 5000}}
    cost = {"teacher_usd_per_million_tokens": {"input": 100, "output": 500}, "compare_models": [listed]}
    candidates = [PLAIN, {"name": "dear", "model": "dear"}, {"name": "unknown", "model": "nobody's"}]
    with serve_teacher(answer) as server:
        set_up(project, server.url, candidates, cost=COST | cost)
        found = compare()
    plain, dear, unknown = found["candidates"].values()
    assert plain["usd_per_million"] == pytest.approx(2000)
    assert (dear["usd_per_million"], dear["price_source"]) == (pytest.approx(20_000), "a list")
    assert unknown["usd_per_million"] is None
    assert "Without dollars, since no price is known: unknown (a price by model goes into" in " ".join(found["notes"])


def test_the_rate_of_a_local_candidate_does_not_depend_on_the_rows(project: Project, tmp_path: Path) -> None:
    """Its answers came one by one, in a run that asked for all texts, each after half a second."""
    (tmp_path / "toy.gguf").write_bytes(b"weights")
    few = tmp_path / "few.csv"
    pd.DataFrame({"text": list(GOLD)[::7]}).to_csv(few, index=False)
    candidate = {"name": "here", "server": "local", "model": pin(tmp_path / "toy.gguf")}
    rates = []
    for rows in ("gold", pin(few)):
        set_up(project, None, [candidate], rows)
        keep_answers(candidate)
        found = compare()["candidates"]["here"]
        rates.append((found["run"]["texts_per_s"], found["usd_per_million"]))
    assert rates[0][0] == pytest.approx(2)
    assert rates[0] == pytest.approx(rates[1])


def keep_answers(candidate: dict[str, Any]) -> None:
    """Have the store answer all texts for a candidate, as one run in which nothing was asked side by side."""
    params = AnnotateParams.model_validate(ANNOTATE | {key: candidate[key] for key in ("server", "model")})
    plan = Plan(params, LABELS, one_label, read_prompt(Path("prompts/plain.md")), identify(params, PATHS[3]))
    with open_store(store_path()) as store:
        store.put_all(
            (plan.request(text, 1).key, Stored(Answer("positive"), "here", "run", number / 2, number / 2 + 0.5))
            for number, text in enumerate(GOLD)
        )


REFUSED: dict[str, tuple[list[dict[str, Any]], str]] = {
    "a name twice": ([PLAIN, PLAIN], r"compare.candidates: the name 'plain' stands twice"),
    "no name": ([{"prompt": "prompts/plain.md"}], r"compare.candidates.0.name is missing"),
    "an unknown key": ([PLAIN | {"promt": "x"}], r"unknown key compare.candidates.0.promt; allowed here: .*prompt"),
    "the same twice": ([PLAIN, {"name": "too"}], r"compare.candidates.1 \(too\): it asks the same as 'plain'"),
    "no prompt": ([{"name": "x", "prompt": "prompts/no.md"}], r"prompts/no.md is missing; the candidate 'x' in params"),
    "a prompt elsewhere": ([{"name": "x", "prompt": "no.md"}], r"no.md of the candidate 'x' is not in prompts/"),
    "no place for the text": ([{"name": "x", "prompt": "prompts/hollow.md"}], r"hollow.md has no \{text\}"),
    "votes without temperature": (
        [{"name": "x", "votes": 3, "temperature": 0.0}],
        r"compare.candidates.0 \(x\): votes is 3, but the same answer comes each time",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_work_is_refused_before_any_request(project: Project, case: str) -> None:
    candidates, message = REFUSED[case]
    with serve_teacher(answer) as server:
        set_up(project, server.url, candidates)
        Path("prompts/hollow.md").write_text("Label it\n")
        with pytest.raises(InputError, match=message):
            compare()
    assert not server.bodies


def test_a_recording_without_the_rows_is_refused_before_any_request(project: Project, tmp_path: Path) -> None:
    recording = record(tmp_path, "then", list(GOLD)[:17], ["positive"] * 17)
    with serve_teacher(answer) as server:
        set_up(project, server.url, [PLAIN, {"name": "then", "model": "old", "recording": recording}])
        with pytest.raises(InputError, match=r"candidate 'then' has no answer to 3 of 20 rows, the first is 'item 17"):
            compare()
    assert not server.bodies


def test_the_answers_of_one_recording_are_of_one_model(project: Project, tmp_path: Path) -> None:
    recording = record(tmp_path, "then", list(GOLD), ["positive"] * 20)
    recorded = ANNOTATE | {"prompt": "prompts/plain.md", "protocol": "recorded", "recording": recording}
    two = [{"name": "a", "model": "a", "recording": recording}, {"name": "b", "model": "b", "recording": recording}]
    set_up(project, None, two)
    with pytest.raises(InputError, match=r"compare.candidates.1 \(b\): .*the same answers"):
        compare()
    set_up(project, None, [{"name": "b", "model": "b"}], annotate=recorded)
    with pytest.raises(InputError, match=r"\(b\): annotate.recording has what toy-teacher answered, not b"):
        compare()


def test_without_a_label_by_people_there_is_nothing_to_compare_by(project: Project) -> None:
    set_up(project, None, [PLAIN])
    write_rows(PATHS[0], TEXTS, [{"id": text_id("x"), "text": "x"}])
    with pytest.raises(InputError, match=r"compare.rows = 'gold' .* has no row that people labelled \(0 of 1 texts"):
        compare()


def test_a_finished_comparison_is_not_paid_again_where_the_store_is_empty(project: Project) -> None:
    prices = {"teacher_usd_per_million_tokens": {"input": 1, "output": 1}}
    with serve_teacher(answer) as server:
        set_up(project, server.url, [PLAIN], cost=COST | prices)
        sections = {"annotate": ANNOTATE, "compare": {"candidates": [PLAIN]}}
        lock = {"stages": {"compare": {"cmd": "x", "params": {"params.yaml": sections}}}}
        Path("dvc.lock").write_text(yaml.safe_dump(lock))
        with pytest.raises(InputError, match=r"records a finished compare .*'distil store import comparison.parquet'"):
            compare()
        assert not server.bodies
