# The one door. `make demo` and `make test` do all the set-up they need on a fresh machine with python3 (3.11 or later).
#
#   make setup   the environment in .venv, from hashed lock files     make check   every gate but the tests
#   make demo    a hub and five hospitals on this machine             make fix     format, and repair what can be
#   make test    all tests, with the coverage gates                   make docs    the documentation, into site/
#   make bench   the benchmarks and their bounds                      make lock    the lock files anew (UPGRADE=1)
#
# One part of the tests: make test-unit, test-integration, test-postgresql, test-federation, test-browser, test-docs.

PYTHON ?= python3
PY := .venv/bin/python
BIN := .venv/bin
STAMPS := .venv/.stamps
UV := $(BIN)/uv --no-config
# Packages come from the index that UV_DEFAULT_INDEX or PIP_INDEX_URL names, if any; hashes make the choice harmless.
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
ifeq ($(strip $(UV_DEFAULT_INDEX)),)
unexport UV_DEFAULT_INDEX
endif
export UV_LINK_MODE ?= hardlink
export NO_MKDOCS_2_WARNING = 1
WORKERS ?= 2
PYTEST := $(PY) -m pytest --cov --cov-report= --cov-append --durations=10
BENCHES := search disclosure prepare

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup runtime demo test check fix docs bench lock clean coverage-start coverage-gates system-packages \
	test-unit test-integration test-postgresql test-federation test-browser test-docs

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | sed -n '1,/^One part/p'

# ---- environment ------------------------------------------------------------------------------------------------------

setup: $(STAMPS)/dev

runtime: $(STAMPS)/runtime

$(STAMPS)/bootstrap: requirements/bootstrap.lock
	@$(PYTHON) tools/new_environment.py .venv
	$(PY) -m pip install --quiet --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/bootstrap.lock
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/package: $(STAMPS)/bootstrap pyproject.toml
	$(UV) pip install --quiet --python $(PY) --no-deps --no-build-isolation --editable .
	@touch $@

# What runs needs fewer packages than what is developed: the demo starts sooner. The developer's set includes it.
$(STAMPS)/runtime: $(STAMPS)/package requirements/runtime.lock
	$(UV) pip install --quiet --python $(PY) --require-hashes --no-deps -r requirements/runtime.lock
	@touch $@

$(STAMPS)/dev: $(STAMPS)/package requirements/dev.lock
	$(UV) pip install --quiet --python $(PY) --require-hashes --no-deps -r requirements/dev.lock
	@touch $(STAMPS)/runtime $@

lock: $(STAMPS)/bootstrap
	tools/lock.sh

# ---- use --------------------------------------------------------------------------------------------------------------

demo: runtime
	$(PY) -m oncofed demo

bench: setup
	set -e; for bench in $(BENCHES); do $(PY) -m oncofed bench $$bench; done

# ---- tests ------------------------------------------------------------------------------------------------------------

test: setup system-packages coverage-start test-unit test-integration test-postgresql test-federation test-browser \
	test-docs coverage-gates

system-packages: $(STAMPS)/bootstrap
	$(PY) tools/system_packages.py install

coverage-start:
	@rm -f .coverage .coverage.*

test-unit: setup
	$(PYTEST) -n $(WORKERS) tests/unit tests/fuzzing

test-integration: setup
	$(PYTEST) -n $(WORKERS) tests/integration

test-postgresql: setup
	$(PYTEST) -n $(WORKERS) --database postgresql tests/integration

test-federation: setup
	$(PYTEST) -n $(WORKERS) --dist loadfile tests/federation

test-browser: setup
	$(PYTEST) tests/browser

test-docs: setup
	$(PYTEST) tests/docs

coverage-gates: setup
	@$(BIN)/coverage combine --quiet --append 2>/dev/null || true
	$(BIN)/coverage json --quiet -o .coverage.json
	$(PY) tools/coverage_gates.py .coverage.json

# ---- gates ------------------------------------------------------------------------------------------------------------

check: setup
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(PY) tools/style_gates.py src tools
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy
	$(BIN)/mkdocs build --strict --quiet

fix: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup
	$(BIN)/mkdocs build --strict

clean:
	rm -rf .venv site .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
