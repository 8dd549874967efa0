# make setup | repro | serve | lock | audit, and where there are tests: test | lint | check | compat | mutants. Each does its own
# set-up into .venv, and nothing twice.
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

# Wheels alone, with the hashes of requirements.lock. One package has no wheel: it is built by the setuptools that is
# installed first. pip would compile a file at a time; all cores do it afterwards, but for what is for another Python.
PIP := python -m pip install --quiet --disable-pip-version-check --no-compile
INSTALL := $(PIP) --no-deps --no-build-isolation
HASHED := $(INSTALL) --require-hashes --only-binary :all: --no-binary antlr4-python3-runtime

.PHONY: setup repro serve lock audit

setup: $(READY)

$(READY): requirements.lock requirements-torch.lock pyproject.toml
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	sed -nE '/^(pip|setuptools)==/,/[^\\]$$/p' requirements.lock >$(VENV)/installers.lock
	$(HASHED) --requirement $(VENV)/installers.lock
	$(HASHED) --requirement requirements.lock
	$(PIP) --only-binary :all: --requirement requirements-torch.lock
	$(INSTALL) --quiet --editable .
	python -m compileall -qq -j 0 $(VENV)/lib/python*/site-packages || true
	touch $@

repro: $(READY)
	dvc repro
	@cat reports/table.txt

serve: $(READY)
	distil serve

# Writes requirements.lock for all platforms. What it has keeps its version, where pyproject.toml allows that, but for
# what LOCK says: make lock LOCK="--upgrade-package NAME".
lock:
	test -x $(VENV)/bin/uv || $(MAKE) setup
	uv pip compile pyproject.toml --quiet --extra local --extra ray --extra review --extra serve --group dev \
	  --universal --python-version 3.11 --no-python-downloads --generate-hashes --no-annotate --excludes requirements-torch.lock \
	  --custom-compile-command "make lock (all but torch: see requirements-torch.lock)" \
	  --output-file requirements.lock $(LOCK)

# Known weaknesses of what is locked, as the package index lists them; a strict audit never passes what it could not look
# up. Of stderr the last line says how it ended. No part of the other targets: any day may bring a new one.
audit: $(READY)
	@sed -nE 's/^([A-Za-z][^\\]*[^\\ ]).*/\1/p' requirements.lock requirements-torch.lock >$(VENV)/audit.txt
	@pip-audit --strict --progress-spinner off --disable-pip --no-deps --requirement $(VENV)/audit.txt \
	  2>$(VENV)/audit.log; code=$$?; tail -n 1 $(VENV)/audit.log; exit $$code

-include tests/development.mk # which a study of somebody's own has not
