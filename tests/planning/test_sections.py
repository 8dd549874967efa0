"""Sections that a plan refuses, of a study that is whole but for one thing; nothing is run."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT

from distil.planning.checks import Finding, attempt
from distil.planning.sections import MODELS, list_checks


def find_faults(*stages: str) -> list[str]:
    findings: list[Finding] = []
    for check in list_checks(stages or ["fetch", *MODELS], ROOT / "prices" if not stages else None):
        attempt(check, findings)
    return [finding.text for finding in findings]


@pytest.fixture
def sections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    Path("prompts").symlink_to(ROOT / "prompts")
    subprocess.run(["git", "init", "-q"], check=True)
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "presets/reviews.yaml").read_text())
    return loaded


def write(sections: dict[str, Any]) -> None:
    Path("params.yaml").write_text(yaml.safe_dump(sections))


def test_a_sound_study_has_no_faults(sections: dict[str, Any]) -> None:
    write(sections)
    assert find_faults() == []


@pytest.mark.parametrize("section", ["fetch", *MODELS, "cascade", "gates", "runtime", "task"])
def test_an_unknown_key_is_found_in_every_section(sections: dict[str, Any], section: str) -> None:
    sections[section] = (sections.get(section) or {}) | {"recipee": 1}
    write(sections)
    (fault,) = find_faults()
    assert fault.startswith(f"params.yaml: unknown key {section}.recipee; allowed here: ")


@pytest.mark.parametrize("section", ["fetch", *MODELS, "runtime", "task"])
def test_a_section_may_be_missing_only_where_no_stage_reads_it(sections: dict[str, Any], section: str) -> None:
    del sections[section]
    write(sections)
    (fault,) = find_faults()
    assert fault.startswith(f"params.yaml has no section '{section}'; ")
    if section in MODELS:
        assert find_faults("fetch") == []


@pytest.mark.parametrize(
    ("section", "key", "value", "fault"),
    [
        ("evaluate", "few_shot_per_label", "lots", "params.yaml: evaluate.few_shot_per_label = 'lots': "),
        ("benchmark", "rounds", -3, "params.yaml: benchmark.rounds = -3: "),
        ("gates", "min_student_score", 90, "params.yaml: gates.min_student_score = 90: "),
        ("report", "against", "nowhere", "git knows no revision 'nowhere' here"),
        (
            "cascade",
            "agreement",
            0.9,
            "params.yaml: cascade.agreement = 0.9 needs rows of its own to choose a threshold",
        ),
        ("cascade", "agreement", 1.5, "params.yaml: cascade.agreement = 1.5: "),
        ("cascade", "risk", 0.1, "params.yaml: cascade"),
        ("cost", "hardware", "abacus", "cost.hardware = 'abacus' in params.yaml is no row of "),
        ("compare", "candidates", [{"name": "a"}, {"name": "a"}], "params.yaml: compare.candidates"),
        ("compare", "candidates", [{"name": "a", "prompt": "no.md"}], "the prompt no.md "),
        ("compare", "candidates", [{"name": "a"}, {"name": "b"}], "params.yaml: compare.candidates.1 (b): it asks the"),
    ],
)
def test_what_a_stage_would_refuse_of_its_section_is_found(
    sections: dict[str, Any], section: str, key: str, value: object, fault: str
) -> None:
    sections[section] = (sections.get(section) or {}) | {key: value}
    write(sections)
    (found,) = find_faults()
    assert found.startswith(fault)
