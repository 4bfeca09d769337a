# What there is to do here. `make` with no words lists it; `make PYTHON=python3.12 run` uses another Python.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
BENCH := .venv-bench
RUNS ?= 2000

.DEFAULT_GOAL := help
.PHONY: help install run test lint types imports format bench chaos bench-agents chaos pictures lock clean

help: ## List these words
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

install: $(VENV)/.base $(VENV)/.project ## Make .venv with everything that Midwatch runs on

run: install ## Start the house, and one run of machine-report on this machine
	@$(BIN)/midwatch up
	@$(BIN)/midwatch run machine-report || [ $$? -eq 10 ] # 10: it waits for a person
	@echo; echo "$(BIN)/midwatch inbox shows what waits for you, $(BIN)/midwatch down stops everything."

test: lint types imports ## All checks and all tests; needs no model, no key, no network
	$(BIN)/pytest -n auto --dist loadgroup

lint: $(VENV)/.dev ## Style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev $(VENV)/.project ## Strict types, tests included
	$(BIN)/mypy

imports: $(VENV)/.dev $(VENV)/.project ## The direction of imports
	$(BIN)/lint-imports

format: $(VENV)/.dev ## Put the code into its format
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format .

bench: $(BENCH)/.made ## Measure durable steps beside four other systems, and the rules; writes benchmarks/results/
	@for name in durable_steps permission_cases policy_latency; do \
	  echo "== $$name"; $(BENCH)/bin/python -m benchmarks.$$name || exit 1; \
	done

bench-agents: $(VENV)/.base $(VENV)/.project ## Measure the shipped agents with the model that they choose; an hour and more
	@$(BIN)/python -m benchmarks.shipped_agents

RUNS ?= 2000
chaos: $(VENV)/.base $(VENV)/.project ## Kill runs at every boundary, RUNS=2000 of them; writes benchmarks/results/chaos.json
	@$(BIN)/python -m benchmarks.chaos --runs $(RUNS)

pictures: $(VENV)/.dev $(VENV)/.project ## Make all pictures, those of Prefect from a running house; needs Chromium and chromedriver
	@for name in ladder climb page night make; do $(BIN)/python -m docs.pictures.$$name || exit 1; done

lock: $(VENV)/.made ## Make the hashed locks anew from requirements/*.in
	@for name in uv base dev bench; do \
	  $(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
	    --python-version 3.11 requirements/$$name.in --output-file requirements/$$name.txt || exit 1; \
	done

clean: ## Stop the house; remove .venv, .venv-bench and caches. Keeps .midwatch, the house's state
	@[ ! -x $(BIN)/midwatch ] || $(BIN)/midwatch down
	rm -rf $(VENV) $(BENCH) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- how .venv comes about; each step leaves a stamp, so that a second time costs nothing ---

# uv where it runs, else pip: both take the same hashed lock, which is complete (--no-deps). $(1): where, $(2): what to install
define INSTALL
@if $(UV) --version >/dev/null 2>&1 && $(UV) pip install --quiet --python $(1)/bin/python $(2); then :; \
else echo "uv cannot do it here; pip does"; $(1)/bin/python -m pip install --quiet --disable-pip-version-check $(2); fi
endef

$(VENV)/.made: requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Midwatch needs Python 3.11 or newer, and '$(PYTHON)' is $$($(PYTHON) --version 2>&1 || true)." >&2; \
	  echo "Install one, or name one that is there: make PYTHON=python3.12 run" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "This Python cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "making $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: \
	  --require-hashes -r requirements/uv.txt || echo "there is no uv for this machine"
	@touch $@

$(VENV)/.base: $(VENV)/.made requirements/base.txt
	@echo "installing what Midwatch runs on"
	$(call INSTALL,$(VENV),--no-deps --require-hashes -r requirements/base.txt)
	@touch $@

$(VENV)/.dev: $(VENV)/.made requirements/dev.txt
	@echo "installing what the tests need"
	$(call INSTALL,$(VENV),--no-deps --require-hashes -r requirements/dev.txt)
	@touch $@

$(VENV)/.project: $(VENV)/.base pyproject.toml
	$(call INSTALL,$(VENV),--no-deps --no-build-isolation -e .)
	@touch $@

$(BENCH)/.made: $(VENV)/.made requirements/bench.txt pyproject.toml
	@echo "making $(BENCH), with what Midwatch is measured against"
	@$(PYTHON) -m venv $(BENCH)
	$(call INSTALL,$(BENCH),--no-deps --require-hashes -r requirements/bench.txt)
	$(call INSTALL,$(BENCH),--no-deps --no-build-isolation -e .)
	@touch $@
