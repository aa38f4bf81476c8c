# Two commands on a fresh machine: `make demo` and `make test`. They need Python 3.11 or newer, and nothing else.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test check format bench screenshots clean

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(READY)  ## a real job against the built-in provider; SHOW=poison (see `batchtop demo --list`) for a trouble to watch
	$(BIN)/batchtop demo $(SHOW)

test: $(READY)  ## the whole test suite
	$(BIN)/pytest -n 4 --dist worksteal

check: $(READY)  ## what CI runs: format, lint, import contracts, types, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/basedpyright
	$(BIN)/pytest -n 4 --dist worksteal

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)  ## every measure of bench/ in one table; BENCH=--quick to see that they work, BENCH="floor alone" for some
	$(BIN)/python bench/table.py $(BENCH)

screenshots: $(READY)  ## the picture in README.md, from a real run of the demo
	$(BIN)/python docs/screenshot.py

clean:
	rm -rf .venv build *.egg-info
