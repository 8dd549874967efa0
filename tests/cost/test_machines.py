"""The inputs of the 2024 study are in huggingface.co/blog/synthetic-data-save-costs; its outputs must come out."""

from dataclasses import replace
from typing import Any

import pytest
from conftest import ROOT

from distil.core.params import load_params
from distil.cost.basis import CostBasis, load_basis
from distil.cost.machines import (
    BREAK_EVEN_DECADES,
    UNPRICED,
    count_break_even_texts,
    draw_break_even,
    is_outdated,
    list_differences,
    price_hardware_table,
    price_machine,
)
from distil.cost.params import CostParams

DEFAULTS = ROOT / "params.yaml"
MACHINE = {"cpu": "AMD EPYC 9R14", "cores": 2, "threads": 2, "gpu": None}


def rent(**changes: Any) -> CostBasis:
    """The default study's prices, with another machine to rent."""
    basis = load_basis(load_params("cost", CostParams, DEFAULTS), ROOT / "prices")
    given = {"cpu": "AMD EPYC", "cores": 2, "gpu": None} | changes
    return replace(basis, hardware=basis.hardware.model_copy(update=given))


def test_the_2024_study_s_throughput_gives_its_dollars() -> None:
    assert price_machine(texts_per_s=61.49, usd_per_hour=0.60, utilisation=1.0) == pytest.approx(2.71, abs=0.005)
    assert price_machine(texts_per_s=73.63, usd_per_hour=1.30, utilisation=1.0) == pytest.approx(4.90, abs=0.005)
    assert price_machine(texts_per_s=4.56, usd_per_hour=0.12, utilisation=1.0) == pytest.approx(7.31, abs=0.005)


def test_hardware_that_works_half_of_its_hours_costs_twice_as_much() -> None:
    assert price_machine(61.49, 0.60, 0.5) == pytest.approx(2 * price_machine(61.49, 0.60, 1.0))


@pytest.mark.parametrize(
    ("rented", "measured", "differences"),
    [
        ({}, {}, []),
        ({}, {"cpu": "Intel Xeon"}, ["on Intel Xeon"]),
        ({}, {"cpu": "not an AMD EPYC"}, ["on not an AMD EPYC"]),
        ({}, {"cores": 64}, []),  # of which two worked
        ({}, {"threads": 64}, []),
        ({}, {"cores": 1}, ["on 1 cores in place of 2"]),
        ({"cores": 1}, {}, ["on 2 cores in place of 1"]),
        ({}, {"gpu": "NVIDIA L4"}, ["with NVIDIA L4"]),
        ({"gpu": "L4"}, {}, ["with no GPU"]),
        ({"gpu": "L4"}, {"gpu": "NVIDIA L4"}, []),
        ({"gpu": "L4"}, {"gpu": "NVIDIA A10"}, ["with NVIDIA A10"]),
    ],
)
def test_a_machine_is_the_one_to_rent_if_processor_working_cores_and_gpu_are(
    rented: dict[str, Any], measured: dict[str, Any], differences: list[str]
) -> None:
    basis, machine = rent(**rented), MACHINE | measured
    assert list_differences(basis.hardware, machine) == differences
    first, *others = price_hardware_table(basis, "student_int8", 100.0, machine)
    assert first["throughput"] == ("measured on another machine" if differences else "measured")
    assert all(row["throughput"] in (None, "measured", "published") for row in others)
    assert price_hardware_table(basis, "student_int8", None, machine)[0]["throughput"] is None, "nothing was measured"


def test_break_even_is_the_first_text_that_makes_the_student_cheaper() -> None:
    assert count_break_even_texts(once_usd=3.0, teacher_usd=13.0, student_usd=1.0) == 250_000
    assert count_break_even_texts(once_usd=3.0, teacher_usd=None, student_usd=1.0) is None
    assert count_break_even_texts(once_usd=3.0, teacher_usd=1.0, student_usd=1.0) is None


def test_the_curves_cross_at_the_break_even() -> None:
    rows = draw_break_even("student_int8", once_usd=3.0, teacher_usd=13.0, student_usd=1.0)
    spent = {(row["texts"], row["system"]): row["usd"] for row in rows}
    assert spent[100, "student_int8"] == pytest.approx(3.0001)
    assert spent[1_000_000, "teacher"] == pytest.approx(13.0)
    assert spent[100_000_000, "student_int8"] == pytest.approx(103.0)
    behind = [
        texts
        for texts in sorted({row["texts"] for row in rows})
        if spent[texts, "teacher"] < spent[texts, "student_int8"]
    ]
    assert max(row["texts"] for row in rows) == 10 ** BREAK_EVEN_DECADES[1]
    assert max(behind) < 250_000 < min({row["texts"] for row in rows} - set(behind))


def test_a_curve_that_is_unknown_is_left_out_and_one_that_lacks_a_part_says_so() -> None:
    unpriced = draw_break_even("student_onnx", None, teacher_usd=None, student_usd=1.0)
    assert {row["system"] for row in unpriced} == {UNPRICED.format("student_onnx")}
    assert unpriced[0]["usd"] == pytest.approx(0.0001)
    assert draw_break_even("student_int8", None, teacher_usd=13.0, student_usd=None)[0]["system"] == "teacher"
    assert draw_break_even("student_int8", once_usd=3.0, teacher_usd=None, student_usd=None) == []


def test_a_price_is_outdated_after_a_year() -> None:
    assert not is_outdated("2026-01-19", "2027-01-19")
    assert is_outdated("2026-01-19", "2027-01-20")


def test_default_prices_are_complete_and_name_their_sources() -> None:
    basis = load_basis(load_params("cost", CostParams, DEFAULTS), ROOT / "prices")
    electricity = basis.electricity
    assert all([basis.hardware.price_source, basis.hardware.watts_source])
    assert all([electricity.pue_source, electricity.grid_source])
    assert all(row.price_source and (row.measured or row.throughput_source) for row in basis.other_hardware)
    assert basis.price_table.is_installed(), "prices/tokens.yaml has to name the genai-prices of requirements.lock"
