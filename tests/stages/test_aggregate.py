import hashlib
from pathlib import Path
from typing import Any

import pytest
from conftest import Project

from distil.core.errors import InputError
from distil.core.metrics import read_details, read_metrics
from distil.core.tables import ANNOTATIONS, LABELS, read_rows, write_rows
from stages.aggregate import main

HEADER = "id,text_sha,label,reviewer,reviewed_at,note\n"
SHAS = [hashlib.sha256(name.encode()).hexdigest() for name in ("one", "two", "three")]
SOURCES = ("adjudicated", "", "human")
NAMES = "annotations.parquet corrections.csv labels.parquet aggregate.json"
PATHS = tuple(map(Path, NAMES.split()))


def annotation(text: int, vote: int, label: str | None) -> dict[str, Any]:
    status = "ok" if label else "parse_failed"
    return {
        "id": SHAS[text][:16],
        "teacher": "t",
        "vote": vote,
        "request": "r",
        "label": label,
        "status": status,
        "reason": f"because {label}",
    }


def set_up(project: Project, corrections: str = HEADER) -> None:
    folder = project(aggregate={"calibrate": True, "min_agreement": 0.0})
    votes = [(0, "positive"), (0, "positive"), (1, "negative"), (1, "positive"), (2, None), (2, None)]
    rows = [annotation(text, number % 2 + 1, label) for number, (text, label) in enumerate(votes)]
    write_rows(folder / "annotations.parquet", ANNOTATIONS, rows)
    (folder / "corrections.csv").write_text(corrections, encoding="utf-8")


def test_votes_become_labels_and_disagreement_an_abstention(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up(project)
    main(*PATHS)
    rows = read_rows(PATHS[2], LABELS).set_index("id")
    one, two, three = (rows.loc[sha[:16]] for sha in SHAS)
    assert (one["label"], one["teacher_label"], list(one["soft"]), one["reason"]) == (
        "positive",
        "positive",
        [0, 1],
        "because positive",
    )
    assert (two["abstained"], list(two["soft"])) == ("tie", [0.5, 0.5])
    assert (three["abstained"], three["soft"], three["votes"]) == ("parse_failed", None, 0)
    metrics = read_details(PATHS[3])
    headline = {"abstained": sum(metrics["abstained"].values()), "mean_agreement": metrics["mean_agreement"]}
    assert read_metrics(PATHS[3]) == headline | {"details": [metrics]}
    assert metrics["abstained"] == {"parse_failed": 1, "tie": 1}
    assert (metrics["labelled"], metrics["mean_agreement"]) == (1, 0.75)
    assert (metrics["unanimous"], metrics["krippendorff_alpha"]) == (0.5, 0.0)  # as much as by chance
    told = [(one["label"] or one["group"], one["texts"], one["unanimous"]) for one in metrics["by_predicted"]]
    assert told == [("positive", 1, 1.0), ("abstained", 2, 0.0)]
    assert metrics["shares"] == []
    assert "mean agreement 0.750, Krippendorff's alpha 0.000\n" in capsys.readouterr().out


def test_shares_that_are_expected_stand_beside_those_that_came(project: Project) -> None:
    set_up(project)
    project(aggregate={"label_shares": {"positive": 0.5}})
    main(*PATHS)
    assert [(one["label"], one["share"], one["p_value"]) for one in read_details(PATHS[3])["shares"]] == [
        ("positive", 1.0, 1.0)
    ]
    project(aggregate={"label_shares": {"so-so": 0.5}})
    with pytest.raises(InputError, match=r"aggregate\.label_shares in params\.yaml names 'so-so'"):
        main(*PATHS)


def test_single_votes_have_no_agreement_to_measure(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    set_up(project)
    write_rows(PATHS[0], ANNOTATIONS, [annotation(0, 1, "positive"), annotation(1, 1, "negative")])
    main(*PATHS)
    metrics = read_details(PATHS[3])
    headline = {"abstained": sum(metrics["abstained"].values()), "mean_agreement": metrics["mean_agreement"]}
    assert read_metrics(PATHS[3]) == headline | {"details": [metrics]}
    assert (metrics["unanimous"], metrics["krippendorff_alpha"]) == (None, None)
    assert capsys.readouterr().out.endswith("mean agreement unknown\n")


def test_teachers_with_numbers_of_votes_of_their_own(project: Project) -> None:
    set_up(project)
    votes: dict[str, list[str | None]] = {
        "s": ["positive", "positive"],
        "t": ["negative", "positive", "positive"],
        "u": [None],
    }
    rows = [
        annotation(0, number, label) | {"teacher": name}
        for name, labels in votes.items()
        for number, label in enumerate(labels, start=1)
    ]
    write_rows(PATHS[0], ANNOTATIONS, rows)
    main(*PATHS)
    (decided,) = read_rows(PATHS[2], LABELS).itertuples()
    assert (decided.label, decided.votes, list(decided.soft)) == ("positive", 5, [0.2, 0.8])
    assert read_details(PATHS[3])["unanimous"] == 0


def test_people_correct_labels_but_not_what_the_teacher_said(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        f"{SHAS[0][:16]},{SHAS[0]},positive,ann,2026-01-01,",
        f'{SHAS[0][:16]},{SHAS[0]},negative,ann,2026-01-02,"on, reflection"',
    ]
    gone = hashlib.sha256(b"gone").hexdigest()
    set_up(project, HEADER + "\n".join([*lines, f"{gone[:16]},{gone},negative,ann,2026-01-03,"]) + "\n")
    main(*PATHS)
    one = read_rows(PATHS[2], LABELS).set_index("id").loc[SHAS[0][:16]]
    assert (one["label"], one["teacher_label"], one["source"], list(one["soft"])) == (
        "negative",
        "positive",
        "human",
        [1, 0],
    )
    assert "1 corrections are of texts that are not in the data" in capsys.readouterr().out


def test_a_line_says_whether_it_settles_what_readers_differed_on(project: Project) -> None:
    header = HEADER.replace("note\n", "note,source\n")
    lines = [f"{sha[:16]},{sha},negative,ann,2026-01-02,,{source}\n" for sha, source in zip(SHAS, SOURCES, strict=True)]
    set_up(project, header + "".join(lines))
    main(*PATHS)
    told = read_rows(PATHS[2], LABELS).set_index("id")["source"]
    assert [told[sha[:16]] for sha in SHAS] == ["adjudicated", "human", "human"]
    found = read_details(PATHS[3])
    assert found["corrected"] == 3
    assert [one["mean_agreement"] for one in found["by_predicted"]] == [1.0, 0.5], "of the teacher's votes alone"
    set_up(project, header + lines[0].replace("adjudicated", "teacher"))
    with pytest.raises(InputError, match="line 2: source 'teacher' is none of human, adjudicated"):
        main(*PATHS)


@pytest.mark.parametrize(
    ("corrections", "message"),
    [
        ("", "cannot be read as csv"),
        ("id,label\n", "they should be id, text_sha"),
        (
            HEADER + f"{SHAS[0][:16]},{SHAS[0]},neutral,ann,,\n",
            "line 2: label 'neutral' is not in task.labels",
        ),
        (HEADER + f"{SHAS[1][:16]},{SHAS[0]},positive,ann,,\n", "line 2: text_sha is not the hash"),
    ],
)
def test_a_wrong_correction_is_named_by_its_line(project: Project, corrections: str, message: str) -> None:
    set_up(project, corrections)
    with pytest.raises(InputError, match=message):
        main(*PATHS)
