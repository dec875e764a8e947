# Two commands: `make demo` and `make test`.  Everything lives in .venv; every version is in constraints.txt.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
NAME ?=
KERNELS := $(shell grep -rl --include='*.py' -e njit -e vectorize -e intrinsic src)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Every process would read the text of the program again, hundreds of files.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test bench lint format clean setup system

demo: $(VENV)/.installed $(VENV)/.kernels  ## set up, then walk one merchant through the whole line
	@$(BIN)/dandelion demo $(ARGS)

test: system $(VENV)/.dev  ## set up, lint, types, import rules, tests
	@$(MAKE) --no-print-directory -j2 --output-sync=target $(VENV)/.kernels lint
	@$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

bench: $(VENV)/.bench $(VENV)/.kernels  ## make bench NAME=kill
	@test -n "$(NAME)" || { echo "name a bench: make bench NAME=$$(ls bench/*.py | xargs -n1 basename | sed 's/.py//' | grep -v _ | paste -sd'|')"; exit 2; }
	@$(BIN)/python bench/$(NAME).py $(ARGS)

lint: $(VENV)/.dev
	@$(BIN)/ruff check src tests bench
	@$(BIN)/ruff format --check src tests bench
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: setup
	@$(BIN)/ruff check --fix src tests bench
	@$(BIN)/ruff format src tests bench

clean:
	rm -rf $(VENV) .demo .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis dist build

setup: $(VENV)/.dev
	@$(MAKE) --no-print-directory $(VENV)/.kernels

# Servers that only the tests start: PostgreSQL, Redis; and Java for Spark.  What is there already is left alone.
system:
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null 2>&1 || \
	  { echo "installing PostgreSQL for the tests"; apt-get update -q && apt-get install -y -q postgresql; }
	@command -v redis-server >/dev/null 2>&1 || \
	  { echo "installing Redis for the tests"; apt-get update -q && apt-get install -y -q redis-server; } || \
	  echo "Redis could not be installed; its tests will say so and be skipped"
	@command -v java >/dev/null 2>&1 || \
	  { echo "installing Java for the tests"; apt-get update -q && apt-get install -y -q default-jre-headless; } || \
	  echo "Java could not be installed; the tests on Spark will say so and be skipped"

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Dandelion needs Python 3.11 or newer"; exit 2; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "installing Dandelion into $(VENV) (about a minute the first time)"
	@$(BIN)/pip install -q -c constraints.txt -e .
	@touch $@

# A kernel that was compiled with the old text of a function that it calls would be used for ever: all go when one changes.
$(VENV)/.kernels: $(KERNELS) | $(VENV)/.installed
	@echo "compiling the kernels (about a minute, once)"
	@find src -name '*.nbi' -delete -o -name '*.nbc' -delete
	@$(BIN)/python -m dandelion.app.warm
	@touch $@

# In one go with the program itself: what is wanted is worked out once.
$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "installing Dandelion and what its tests need into $(VENV) (about two minutes the first time)"
	@$(BIN)/pip install -q -c constraints.txt -e '.[dev,redis,spark]'
	@touch $(VENV)/.installed $@

$(VENV)/.bench: $(VENV)/.dev
	@$(BIN)/pip install -q -c constraints.txt -e '.[bench]'
	@touch $@
