# The commands of the README. `make help` lists them.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
OUT ?= daypart-demo
SIZE ?= small

.DEFAULT_GOAL := help
.PHONY: chart-library coverage chaos fuzz image release help install dev demo test test-slow lint format types contract docs bench clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

$(VENV)/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "daypart needs Python 3.11 or newer; to name one: make PYTHON=python3.12 demo"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
	  || { echo "Python's venv module is missing. On Debian and Ubuntu: sudo apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/installed: $(VENV)/made requirements/base.txt pyproject.toml
	@echo "installing the locked dependencies into $(VENV) (a minute or so)"
	$(PIP) --require-hashes -r requirements/base.txt
	$(PIP) --no-deps --editable .
	@touch $@

$(VENV)/developed: $(VENV)/installed requirements/dev.txt
	@echo "installing the locked tools for tests, lint and docs into $(VENV)"
	$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

install: $(VENV)/installed ## make a virtual environment with daypart

dev: $(VENV)/developed ## add the tools for tests, lint and docs

demo: $(VENV)/installed ## simulate a market, fit it, plan a campaign, write the report
	$(BIN)/daypart demo --size $(SIZE) --out $(OUT)

test: $(VENV)/developed ## run the tests, except slow ones and those that need a server
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not slow and not server"

test-slow: $(VENV)/developed ## run the slow tests and those that need a server
	$(BIN)/python -m pytest -n auto --dist loadfile -m "slow or server"

# Kernels are excluded: numba compiles them, and coverage can't see compiled lines run.
coverage: $(VENV)/developed ## run the tests of `make test` with branch coverage; fail under 90 %
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not slow and not server" --cov --cov-report=term

chaos: $(VENV)/developed ## run 200 fits with random kills, limits and storage errors (minutes)
	$(BIN)/python tests/engine/chaos.py --seeds 200 --s3

fuzz: $(VENV)/developed ## run the verbs on 50,000 damaged files of every kind (half an hour)
	$(BIN)/python tests/attacks/fuzzing/fuzz.py --inputs 50000

lint: $(VENV)/developed ## check style and format with ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/developed ## fix style and format with ruff
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/developed ## check types with mypy, strictly in src/
	$(BIN)/mypy

contract: $(VENV)/developed ## check the import contract between the packages
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/layout

docs: $(VENV)/developed ## build the documentation into site/
	$(BIN)/mkdocs build --strict

bench: $(VENV)/developed ## run the benchmarks whose figures are in docs/benchmarks.md
	$(BIN)/python benchmarks/ingest.py
	$(BIN)/python benchmarks/pipeline.py --size small --size medium
	$(BIN)/python benchmarks/engine.py
	$(BIN)/python benchmarks/task_start.py
	$(BIN)/python benchmarks/plan.py
	$(BIN)/python benchmarks/forecasts.py
	$(BIN)/python benchmarks/forecasts.py --year 1000
	$(BIN)/python benchmarks/storage.py
	$(BIN)/python benchmarks/batch.py
	$(BIN)/python benchmarks/reach.py --trips
	$(BIN)/python benchmarks/fit.py
	$(BIN)/python benchmarks/calibration.py

chart-library: $(VENV)/developed ## make the report's chart library again, after an upgrade of vl-convert
	$(BIN)/python tests/report/chart_library.py

# `make image PLATFORMS=linux/amd64,linux/arm64 PUSH=--push IMAGE=...` builds for both at once.
comma := ,
IMAGE ?= daypart:latest
PLATFORMS ?=
PUSH ?=
SECRETS := $(if $(wildcard /etc/pip.conf),--secret id=pip$(comma)src=/etc/pip.conf)

image: ## build the container image for tasks
	DOCKER_BUILDKIT=1 docker $(if $(PLATFORMS),buildx) build --network=host $(SECRETS) \
	  $(if $(PLATFORMS),--platform $(PLATFORMS)) $(PUSH) -t $(IMAGE) .

TAG ?=

release: $(VENV)/developed ## build and check sdist and wheel; with TAG=--tag, tag the commit too
	$(BIN)/python .ci/release.py $(TAG)

clean: ## remove what the targets made, except the demo
	rm -rf $(VENV) site .pytest_cache .mypy_cache .ruff_cache
