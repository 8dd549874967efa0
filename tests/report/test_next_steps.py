"""What to do about a student that falls short: by the rungs, by the learning curve, and with none of them."""

import re
from typing import Any

import pandas as pd
import pytest
from toy_metrics import SHORTFALLS, describe_cost, describe_ladder, describe_quality

from distil.core.params import TaskParams
from distil.quality.pooling import POOLED_WORSE
from distil.report.findings import Study
from distil.report.next_steps import list_steps, write_alarm, write_shortfalls_as_markdown, write_shortfalls_as_text

TASK = TaskParams(name="toy", description="?", language="en", labels=["a", "b"])


def make_study(gold: bool = True, short: bool = True, **train: Any) -> Study:
    """A study in which the student falls short; `train` are details of metrics/train.json."""
    empty = pd.DataFrame()
    return Study(
        task=TASK,
        quality=describe_quality(gold, TASK.labels, 612, calibrated=False, short=short),
        speed={},
        cost=describe_cost(priced=True, endpoint=False, compared=False),
        fetch={},
        annotate={"run": {"texts_per_s": 9.92}},
        compare={"candidates": {}},
        aggregate={"labelled": 2980},
        train={"rows": 2149, "suspects": 31} | train,
        export={},
        audit={},
        curve=empty,
        calibration=empty,
        latencies=empty,
        spent=empty,
        predictions=empty,
        labels=empty,
        test=empty,
    )


def make_ladder(chosen: str = "frozen", points: tuple[float, ...] = (0.826, 0.874), **agreements: float) -> Any:
    """The toy ladder with other agreements of its rungs and with another end of its learning curve."""
    ladder = describe_ladder()["ladder"]
    for name, agreement in agreements.items():
        ladder["rungs"][name] |= {"agreement": agreement}
    curve = ladder["learning_curve"][-len(points) :]
    for point, agreement in zip(curve, points, strict=True):
        point |= {"agreement": agreement, "agreement_low": agreement - 0.014, "agreement_high": agreement + 0.014}
    return ladder | {"chosen": chosen, "learning_curve": curve}


def find_step(study: Study, start: str) -> str:
    (step,) = [step for step in list_steps(study) if step.startswith(start)]
    return step


def test_a_student_that_does_not_fall_short_has_no_alarm_and_no_steps() -> None:
    study = make_study(short=False, ladder=make_ladder())
    assert write_alarm(study) is None
    assert list_steps(study) == []
    assert write_shortfalls_as_text(study, 100) == write_shortfalls_as_markdown(study) == ""


def test_the_alarm_names_all_kinds_and_without_gold_no_one_is_called_worse() -> None:
    study = make_study()
    assert write_alarm(study) == "The student is worse than a baseline and much worse than its teacher."
    study.quality["warnings"] = SHORTFALLS[1:]
    assert write_alarm(study) == "The student is much worse than its teacher."
    assert write_alarm(make_study(gold=False)) == "A baseline gives the teacher's label more often than the student."


def test_pooled_teachers_that_are_worse_than_one_are_an_alarm_of_their_own() -> None:
    pooled = {"kind": POOLED_WORSE, "finding": "Pooled 80%, a alone 93%.", "systems": [{"system": "a"}]}
    study = make_study(short=False, ladder=make_ladder())
    study.quality["warnings"] = [pooled]
    assert write_alarm(study) == "One teacher alone is better than all of them pooled."
    (step,) = list_steps(study)
    assert step.startswith("One teacher: a alone costs less") and "section compare" in step
    study.quality["warnings"] = [*SHORTFALLS, pooled]
    assert str(write_alarm(study)).startswith(
        "The student is worse than a baseline and much worse than its teacher. One"
    )
    assert len(list_steps(study)) > 1


def test_without_a_ladder_the_recipe_is_to_be_tried() -> None:
    for study in (make_study(ladder=None), make_study()):
        assert "train.recipe: auto" in list_steps(study)[0]
        assert not [step for step in list_steps(study) if "more texts:" in step.lower()]


def test_with_a_ladder_for_which_rows_were_too_few_more_of_them_are_asked_for() -> None:
    study = make_study(ladder={"chosen": "frozen", "why": "too few rows", "rungs": {}, "learning_curve": []})
    assert "2,149 are too few to hold any out" in find_step(study, "More texts")
    assert not [step for step in list_steps(study) if "recipe: auto" in step]


@pytest.mark.parametrize(
    ("ladder", "start", "told"),
    [
        (
            make_ladder(fine_tuned=0.88),
            "Another recipe: Fine-tuned encoder gives 88.0% (84.7% to 87.4%) of",
            "cheaper.",
        ),
        (make_ladder(tfidf=0.93), "Another base (train.base): TF-IDF + LR gives 93.0%", "cannot be exported"),
        (
            make_ladder(),
            "Not another recipe of those tried: Fine-tuned encoder gives 86.1%",
            "repeat errors of the teacher",
        ),
        (
            make_ladder("fine_tuned", frozen=0.8),
            "Not another recipe of those tried: Frozen encoder + linear head gives 80.0%",
            "",
        ),
    ],
)
def test_the_rungs_say_whether_another_would_have_been_better(ladder: Any, start: str, told: str) -> None:
    assert told in find_step(make_study(ladder=ladder), start)


def test_errors_of_the_teacher_are_suspected_only_where_people_saw_a_baseline_do_better() -> None:
    study = make_study(ladder=make_ladder())
    study.quality["warnings"] = SHORTFALLS[1:]
    assert "errors" not in find_step(study, "Not another recipe")
    assert "errors" not in find_step(make_study(gold=False, ladder=make_ladder()), "Not another recipe")


def test_a_curve_that_rises_asks_for_more_texts_and_promises_nothing() -> None:
    study = make_study(ladder=make_ladder())
    step = find_step(study, "More texts: the learning curve still rises from 1,074 to 2,149 training texts, 82.6%")
    assert "To label 2,149 more would take about $0.0062 and 4 minutes of the teacher's time, extrapolated" in step
    assert "was not measured" in step
    assert set(re.findall(r"[\d.]+%", step)) == {"82.6%", "81.2%", "84.0%", "87.4%", "86.0%", "88.8%"}
    assert not [step for step in list_steps(study) if step.startswith(("Better labels", "Another base"))]


@pytest.mark.parametrize(
    ("cost", "rate", "price"),
    [
        (None, None, "a price that is not known here,"),
        (None, 0.1, "6 hours of the teacher's time,"),
        (298.0, None, "$214.90,"),
        (298.0, 100.0, "$214.90 and 21 seconds of the teacher's time,"),
    ],
)
def test_more_texts_cost_what_the_others_did(cost: float | None, rate: float | None, price: str) -> None:
    study = make_study(ladder=make_ladder())
    study.cost["one_off"]["annotation_usd"], study.annotate["run"]["texts_per_s"] = cost, rate
    assert f"would take about {price}" in find_step(study, "More texts")


def test_a_flat_curve_asks_for_better_labels_or_another_base() -> None:
    study = make_study(ladder=make_ladder(points=(0.87, 0.874)))
    assert "flat from 1,074 to 2,149" in find_step(study, "Not more texts")
    assert "31 of the 2,149 training labels are probably wrong" in find_step(study, "Better labels")
    assert find_step(study, "Another base")
    for unknown in (None, 0):
        steps = list_steps(make_study(ladder=make_ladder(points=(0.87, 0.874)), suspects=unknown))
        assert not [step for step in steps if step.startswith("Better labels")]


def test_a_rise_that_may_be_chance_is_called_so() -> None:
    study = make_study(ladder=make_ladder(points=(0.86, 0.874)))
    assert "may be chance" in find_step(study, "Perhaps more texts")
    assert find_step(study, "Another base")


def test_bounds_that_are_unknown_prove_no_rise() -> None:
    ladder = make_ladder()
    ladder["learning_curve"][-1] |= {"agreement_low": None, "agreement_high": None}
    assert "87.4% of" in find_step(make_study(ladder=ladder), "Perhaps more texts")


def test_a_curve_of_one_point_tells_nothing() -> None:
    assert not [step for step in list_steps(make_study(ladder=make_ladder(points=(0.9,)))) if "curve" in step]


@pytest.mark.parametrize(("teacher", "told"), [(0.6, True), (0.9, False)])
def test_a_teacher_that_knows_less_than_a_few_labels_comes_first(teacher: float, told: bool) -> None:
    study = make_study(ladder=make_ladder())
    study.quality["warnings"] = [SHORTFALLS[0] | {"systems": [{"system": "few_shot"}]}]
    study.quality["systems"]["teacher"]["accuracy"] = teacher
    assert list_steps(study)[0].startswith("The teacher first: it is right on 60.0%") == told


def test_text_and_markdown_say_the_same_within_their_means() -> None:
    study = make_study(ladder=make_ladder())
    study.quality["warnings"] = [SHORTFALLS[0] | {"finding": "A <b> finding."}, SHORTFALLS[1]]
    text, card = write_shortfalls_as_text(study, 60), write_shortfalls_as_markdown(study)
    assert text.startswith("Warning: A <b> finding.\nWarning: The student is right on 58.1%")
    assert max(map(len, text.splitlines())) <= 60 and text.endswith("\n\n")
    assert card.startswith(
        "> **Warning: The student is worse than a baseline and much worse than its teacher.** A \\<b"
    )
    assert all(line.startswith(">") for line in card.splitlines()[:-1]) and card.endswith("\n\n")
    assert card.count("\n> - ") == text.count("\n- ") == len(list_steps(study))
