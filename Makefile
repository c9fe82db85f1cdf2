# Two commands do everything: `make demo` and `make test`. Each makes the virtual environment first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test check benchmarks services clean

demo: $(VENV)/.ready ## the whole story on this machine, in about two minutes
	$(BIN)/mixmigrate demo

test: $(VENV)/.ready ## the tests
	$(BIN)/python -m pytest -q -rs

check: $(VENV)/.ready ## lint, format, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

benchmarks: $(VENV)/.ready ## comparing and ingesting, each beside other tools; twenty minutes
	$(BIN)/python -m pip install --quiet --prefer-binary --editable '.[benchmarks]'
	$(BIN)/python -m benchmarks.compare
	$(BIN)/python -m benchmarks.ingest

services: ## what system tests can use, from Debian's packages (needs root)
	bash scripts/install-services.sh

clean:
	rm -rf $(VENV) dist build .mypy_cache .pytest_cache .ruff_cache

$(VENV)/.ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "mixmigrate needs Python 3.11 or newer; try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --prefer-binary --editable '.[dev]'
	@touch $@
