"""What a candidate is asked: its own words, and annotate's where it has none."""

from typing import Any

import pytest

from distil.compare.params import CompareParams, find_chosen, list_candidates
from distil.core.errors import InputError
from distil.prompting.params import AnnotateParams

ANNOTATE: dict[str, Any] = {"prompt": "p.md", "method": "generate", "protocol": "chat", "model": "m", "max_tokens": 9}
RECORDING = {"files": ["a.csv"], "text": "text", "votes": [{"label": "one"}, {"label": "two"}]}


def read(*candidates: dict[str, Any], **annotate: Any) -> dict[str, AnnotateParams]:
    params = CompareParams.model_validate({"candidates": [{"name": f"c{n}"} | one for n, one in enumerate(candidates)]})
    return list_candidates(params, AnnotateParams.model_validate(ANNOTATE | annotate))


def test_what_a_candidate_does_not_name_it_takes_from_annotate() -> None:
    found = read({}, {"prompt": "q.md", "votes": 3, "temperature": 0.5}, {"model": "n", "seed": None})
    assert found["c0"] == AnnotateParams.model_validate(ANNOTATE)
    assert (found["c1"].prompt, found["c1"].votes.max, found["c1"].temperature) == ("q.md", 3, 0.5)
    assert (found["c2"].model, found["c2"].seed, found["c2"].max_tokens) == ("n", None, 9)


def test_a_model_that_is_one_of_several_teachers_is_asked_as_that_one() -> None:
    teachers = ["a", {"model": "b", "temperature": 0.3, "max_tokens": 50}]
    found = read({"model": "b"}, {"model": "b", "max_tokens": 7}, model=None, teachers=teachers)
    assert (found["c0"].temperature, found["c0"].max_tokens) == (0.3, 50)
    assert (found["c1"].temperature, found["c1"].max_tokens) == (0.3, 7)
    with pytest.raises(InputError, match=r"candidates.0 \(c0\): it names no model, and annotate has several teachers"):
        read({}, model=None, teachers=teachers)


def test_a_recording_is_given_again_and_another_protocol_leaves_annotate_s_recording_aside() -> None:
    recorded = {"protocol": "recorded", "recording": RECORDING}
    (live,) = read({"model": "n", "protocol": "chat"}, **recorded).values()
    assert live.recording is None and live.remote
    (again,) = read({"model": "n", "recording": RECORDING}, server="local").values()
    assert (again.protocol, again.remote) == ("recorded", False)
    one, two = read({"votes": 1}, {"votes": 2}, **recorded).values()
    assert one.recording == two.recording


def test_of_a_recording_another_prompt_is_no_other_candidate() -> None:
    with pytest.raises(InputError, match="it asks the same as 'c0'"):
        read({"prompt": "p.md"}, {"prompt": "q.md"}, protocol="recorded", recording=RECORDING)


def test_a_value_that_cannot_stand_is_told_with_its_key() -> None:
    with pytest.raises(InputError, match=r"candidates.0 \(c0\): method: Input should be 'score' or 'generate'"):
        read({"method": None})


def test_the_study_s_teacher_is_found_among_the_candidates() -> None:
    annotate = AnnotateParams.model_validate(ANNOTATE)
    assert find_chosen(read({"votes": 3, "temperature": 1.0}, {"max_tokens": 9}), annotate) == "c1"
    assert find_chosen(read({"prompt": "q.md"}), annotate) is None
    several = AnnotateParams.model_validate(ANNOTATE | {"model": None, "teachers": ["m", "n"]})
    assert find_chosen(read({}), several) is None, "their votes are pooled"
