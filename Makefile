# One command each; the workflow and .ci/run call only these.
.DEFAULT_GOAL := help
.PHONY: help demo test install check format run bench docs test-store test-long test-live lock clean

PY := .venv/bin/python
# Two workers: more of them only queue for the embedded servers that the tests start.
PYTEST := $(PY) -m pytest -n 2 --dist worksteal
COMPILE := .venv/bin/uv -q pip compile --universal --python-version 3.11 --generate-hashes --no-header

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## set up, then run the main job: a loan and an arena on real prices
	@.ci/install core
	@.venv/bin/alphashield demo

test: install check ## set up, check, test
	@$(PYTEST)

install: ## bring .venv up to date with the hashed locks
	@.ci/install dev

check: install ## format, lint, types, import rules, and the house's own checks
	@$(PY) -m ruff format --check --quiet .
	@$(PY) -m ruff check --quiet .
	@$(PY) -m pyright
	@report=$$(.venv/bin/lint-imports --no-cache 2>&1) || { echo "$$report"; exit 1; }
	@$(PY) -m tests.house

format: install ## format and sort what can be mended by itself
	@$(PY) -m ruff check --fix --quiet . || true
	@$(PY) -m ruff format .

run: ## serve the API with one worker
	@.ci/install core
	@.venv/bin/alphashield serve

bench: install ## measure, print ratios
	@$(PY) -m benchmarks

docs: install ## check every link and command in the documents
	@$(PY) -m tests.house docs

test-store: install ## the store's contract against the server that MONGODB_URI names
	@$(PY) -m pytest tests/adapters/store

test-long: install ## the long sweeps behind the promises
	@$(PYTEST) -m "long and not live" --timeout 3600

test-live: install ## talk to vendors for real; needs their keys
	@$(PY) -m pytest -m live

lock: install ## compile the locks again from pyproject.toml
	@$(COMPILE) pyproject.toml -o requirements.lock
	@$(COMPILE) --group dev pyproject.toml -o requirements-dev.lock

clean: ## remove what was built; keeps .alphashield and its data
	@rm -rf .venv build dist out *.egg-info .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
