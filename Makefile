# Two commands do everything: `make demo` and `make test`. Each makes the virtual environment first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test fuzz check benchmarks compiled services clean

demo: $(VENV)/.ready ## the whole story on this machine, in about two minutes
	$(BIN)/mixmigrate demo

test: $(VENV)/.ready ## the tests; those that fill the processors by themselves
	$(BIN)/python -m pytest -q -rs -n 2 --dist loadfile -m "not alone"
	$(BIN)/python -m pytest -q -rs -m alone

fuzz: $(VENV)/.ready ## the HTTP front against odd bytes, for ten minutes
	$(BIN)/python -m benchmarks.fuzz_http --minutes 10

check: $(VENV)/.ready ## lint, format, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

benchmarks: $(VENV)/.ready ## comparing, ingesting, proxying, each beside other tools; an hour
	$(BIN)/python -m pip install --quiet --prefer-binary --editable '.[benchmarks]'
	$(BIN)/python -m benchmarks.compare
	$(BIN)/python -m benchmarks.ingest
	$(BIN)/python -m benchmarks.proxy
	$(BIN)/python -m benchmarks.isolation

compiled: $(VENV)/.ready ## the tests of the hot path on a wheel that holds it compiled
	bash scripts/test-compiled.sh $(BIN)/python

services: ## what system tests can use: Debian's packages (needs root) and clients from npm
	bash scripts/install-services.sh
	bash scripts/install-clients.sh

clean:
	rm -rf $(VENV) dist build .mypy_cache .pytest_cache .ruff_cache

$(VENV)/.ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "mixmigrate needs Python 3.11 or newer; try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --prefer-binary --editable '.[dev]'
	@touch $@
