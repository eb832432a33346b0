# make demo       the library at work on a real table (first run: a few minutes to build; later ones start at once)
# make test       format, lint, types, layers, size budgets, tests and coverage
# make test-all   the same with the slow suites; a skipped test is a failure
# make test-faults  kills of workers on Ray: a thousand fits (FAULTS=1000 FROM=0), and how many models were identical, lost, hung
# make bench      speed beside other libraries, one table
# make bench-scale  what a round and a pass cost on 1, 2 and 4 workers of Ray, and what that says of 1,000
# make build, make lint, make stub, make docs, make clean
#
# Each creates .venv and installs what it needs. PYTHON=... names the interpreter, 3.11 or newer.

VENV := .venv
PY := $(VENV)/bin/python
MAKEFLAGS += --no-print-directory
.SHELLFLAGS := -ec
.DEFAULT_GOAL := help
.PHONY: help demo test test-all test-faults bench bench-scale build lint stub docs clean FORCE

help:
	@sed -n 's/^# make/make/p' Makefile

# What was installed is remembered by empty files under .make; each depends on what would change it.

.make/python: FORCE
	@mkdir -p .make; if [ ! -e $@ ] || { [ -n '$(PYTHON)' ] && [ '$(PYTHON)' != "$$(cat $@)" ]; }; then echo '$(PYTHON)' > $@; fi

.make/venv: .make/python
	@found=$$(PYTHON="$$(cat .make/python)" sh scripts/find-python.sh) || { rm -f .make/python; exit 1; }; \
	echo "creating $(VENV) with $$found"; "$$found" -m venv $(if $(PYTHON),--clear) $(VENV)
	@$(PY) -m pip install -qq --upgrade pip
	@touch $@

.make/dev: .make/venv pyproject.toml
	@echo "installing what building and testing need"
	@$(PY) -m pip install -qq --group dev
	@touch $@

.make/build: .make/dev CMakeLists.txt $(shell find native -type f)
	@PYTHON=$(PY) sh scripts/find-python.sh > .make/checked
	@echo "building the extension"
	@$(PY) -m pip install -qq --no-build-isolation --editable .
	@touch $@

.make/demo: .make/build
	@$(PY) -m pip install -qq --no-deps --group demo
	@touch $@

.make/bench: .make/build
	@echo "installing the libraries to compare with"
	@$(PY) -m pip install -qq --group bench $(if $(BENCH_DASK),--group dask) $(if $(BENCH_SPARK),--group spark)
	@touch $@

build: .make/build

demo: .make/demo
	@$(PY) -m demo

lint: .make/build
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports

COVERED := --cov --cov-report=term-missing:skip-covered --cov-fail-under=100
# Folders whose tests start clusters and processes of their own, or measure them: one test after another.
ALONE := $(addprefix tests/,cli engines faces faults project simulation)

test: lint
	$(PY) -m pytest -m "not slow" -n 2 $(addprefix --ignore=,$(ALONE)) --cov --cov-report=
	$(PY) -m pytest -m "not slow" $(ALONE) --cov-append $(COVERED)

test-all: .make/demo lint
	SCIPY_ARRAY_API=1 $(PY) -m pytest --no-skips $(COVERED)

test-faults: .make/build
	@$(PY) -m tests.faults.kills $(or $(FAULTS),1000) $(or $(FROM),0)

bench: .make/bench
	@$(PY) -m bench

bench-scale: .make/build
	@$(PY) -m bench.scale

stub: .make/build
	$(PY) -m nanobind.stubgen -q -m shardlearn._native -o src/shardlearn/_native.pyi
	$(PY) -m ruff format --quiet src/shardlearn/_native.pyi

docs: .make/build
	$(PY) scripts/docs.py

clean:
	rm -rf $(VENV) .make build dist demo-data .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage
