# make setup | repro | test | check: each does its own set-up into .venv, and nothing twice.
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: setup repro test check

setup: $(READY)

$(READY): requirements.lock
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	touch $@

repro: $(READY)
	dvc repro
	@cat reports/table.txt

test: $(READY)
	pytest

check: $(READY)
	ruff format --check .
	ruff check .
	mypy
	pytest -m "not slow"
