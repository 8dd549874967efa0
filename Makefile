# make setup | repro | test | lint | check | compat: each does its own set-up into .venv, and nothing twice.
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
TWO_AT_ONCE := --numprocesses 2 --dist loadfile --no-loadscope-reorder
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: setup repro test lint check compat

setup: $(READY)

$(READY): requirements.lock pyproject.toml
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

repro: $(READY)
	dvc repro
	@cat reports/table.txt

# Two processes, each with a thread for every core, would wait for each other.
test check: export OMP_NUM_THREADS = 1

test: $(READY)
	pytest $(TWO_AT_ONCE)

lint: $(READY)
	ruff format --check .
	ruff check .
	lint-imports --no-logo --no-cache
	mypy

check: lint
	pytest $(TWO_AT_ONCE) -m "not slow"

compat: $(READY)
	python benchmarks/compat/run.py models/onnx data/test.parquet $(COMPAT)
	python benchmarks/compat/kinds.py $(COMPAT)
