# What who works on distil needs beside: make test | lint | check | compat | mutants. The Makefile includes it.
AT_ONCE := --numprocesses 3 --dist loadfile --no-loadscope-reorder

.PHONY: test lint check compat mutants

# Three processes keep two cores busy, since a test often waits for a server or a program. With a thread for every core in
# each they would wait for each other.
test check: export OMP_NUM_THREADS = 1

test: $(READY)
	pytest $(AT_ONCE)

lint: $(READY)
	ruff format --check .
	ruff check .
	lint-imports --no-logo --no-cache
	mypy
	python -m pip check

check: lint
	pytest $(AT_ONCE) -m "not slow"

compat: $(READY)
	python benchmarks/compat/run.py models/onnx data/test.parquet $(COMPAT)
	python benchmarks/compat/kinds.py $(COMPAT)

# Wrong code that the tests should find: what none of them does is listed, and "mutmut show NAME" shows it. Fails where
# they find less than 95 % of what was tried; docs/mutants.md has what cannot be found. MUTANTS: names, with * and ?.
mutants: export OMP_NUM_THREADS = 1
mutants: $(READY)
	mutmut run $(MUTANTS)
	mutmut results
	mutmut export-cicd-stats
	@python -c "import json; told = json.load(open('mutants/mutmut-cicd-stats.json')); \
	  found = told['killed'] + told['timeout']; \
	  tried = found + sum(told[key] for key in ('survived', 'no_tests', 'suspicious', 'segfault')); \
	  print(f'{found:,} of {tried:,} mutants found'); exit(found < 0.95 * tried)"
