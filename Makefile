# make demo   set up, then run the whole job on the embedded corpus
# make test   set up, then run the tests
# make docs   set up, then build the documentation into site/
# make check  lint, types, documentation and tests: what CI runs
# make coverage  branch coverage of generators and of all that scores; fails below 95%

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
JOBS ?= 2
STAMP := $(VENV)/.installed
SCORING := probe/tasks/*,probe/analysis/*,probe/statistics/*,probe/extract.py,probe/metrics.py
SCORING := $(SCORING),probe/runs.py,probe/verify.py,probe/replay.py,probe/compare.py

.PHONY: demo test setup check lint types docs fast coverage clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,api]'
	touch $@

demo: setup
	$(BIN)/probe quickstart --out demo

test: setup
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -q

fast: setup
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -q -m 'not slow'

coverage: setup
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -q -m 'not slow' --cov --cov-report=
	$(BIN)/coverage report --skip-covered --include='generators/*' --fail-under=95
	$(BIN)/coverage report --skip-covered --include='$(SCORING)' --fail-under=95

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup
	$(BIN)/mypy

docs: setup
	$(BIN)/sphinx-build -W -q -b html docs site

check: lint types docs test

clean:
	rm -rf $(VENV) demo dist site build .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
