# make demo   set up, then run the whole job on the embedded corpus
# make test   set up, then run the tests
# make docs   set up, then build the documentation into site/
# make check  lint, types, documentation and tests: what CI runs

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
JOBS ?= 2
STAMP := $(VENV)/.installed

.PHONY: demo test setup check lint types docs fast clean

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

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup
	$(BIN)/mypy

docs: setup
	$(BIN)/sphinx-build -W -q -b html docs site

check: lint types docs test

clean:
	rm -rf $(VENV) demo dist site build .mypy_cache .ruff_cache .pytest_cache .hypothesis
