# Every command of the project. `make` alone lists them; text after ## is the list.
# PYTHON=python3.12 picks another interpreter, QUICK=1 shortens the long commands.

PYTHON ?= python3
# Tests mostly wait: four processes keep two processors busy.
JOBS ?= 4
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
LOCK := requirements.lock
LOCK_COMMAND := uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--all-extras --group dev --generate-hashes --no-header --output-file $(LOCK)

# Wheels that carry what the dashboard's pages load: nothing of them runs, so nothing that they need is installed.
ASSETS_LOCK := assets.lock
ASSETS_LOCK_COMMAND := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-deps \
	--upgrade --output-file $(ASSETS_LOCK) assets.in

SDKS := tests/sdks
SDKS_STAMP := $(SDKS)/node_modules/.package-lock.json

# Images for containers tend to forbid Python to keep what it compiled. Tests start hundreds of programs, and each of
# them would compile all of the sources anew, as pytest would in each of its processes.
unexport PYTHONDONTWRITEBYTECODE

SPARK := tests/spark
SPARK_LOCK_COMMAND := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-build-isolation --upgrade
SPARK_STAMP := $(VENV)/.spark

.DEFAULT_GOAL := list
.SUFFIXES:

.PHONY: list
list:
	@echo "gainstage: make COMMAND"
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

.PHONY: setup
setup: $(STAMP) ## create .venv from requirements.lock (other commands do it when needed)

# The stamp is written last: an interrupted set-up starts again.
$(STAMP): $(LOCK) $(ASSETS_LOCK) pyproject.toml hatch_build.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "gainstage needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1). Name another one: make PYTHON=python3.12 setup" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
		echo "'$(PYTHON)' lacks the venv module. On Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r $(LOCK)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --no-deps -r $(ASSETS_LOCK)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index --editable .
	@touch $@

.PHONY: demo
demo: $(STAMP) ## sandbox, server and sample traffic from the real SDKs, until Ctrl-C
	$(BIN)/gainstage demo

.PHONY: sdks
sdks: ## install the Node and browser SDKs for the tests, where npm is there (make test does it)
	@! command -v npm >/dev/null || $(MAKE) --no-print-directory $(SDKS_STAMP)

# npm writes the stamp last. Without these packages the tests that need them are skipped and named.
$(SDKS_STAMP): $(SDKS)/package.json $(SDKS)/package-lock.json
	@echo "npm ci --prefix $(SDKS)"
	@npm ci --prefix $(SDKS) --ignore-scripts --no-audit --no-fund --loglevel=error && touch $@ || \
		echo "The SDKs for Node and browsers could not be installed; their tests will be skipped." >&2

.PHONY: spark
spark: $(STAMP) ## install Apache Spark (460 MB) for the tests that compare it with DuckDB; it needs Java 17
	@command -v java >/dev/null || { echo "Spark needs Java 17. On Debian or Ubuntu: apt-get install openjdk-17-jre-headless" >&2; exit 1; }
	@$(MAKE) --no-print-directory $(SPARK_STAMP)

# pyspark is published as a source archive only: what builds it is installed first, from a lock of its own.
$(SPARK_STAMP): $(SPARK)/build.lock $(SPARK)/requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r $(SPARK)/build.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --no-binary pyspark \
		--no-build-isolation -r $(SPARK)/requirements.lock
	@touch $@

.PHONY: test
test: $(STAMP) sdks ## all tests but the long ones and the rules of the project; says what it did not run
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

.PHONY: check
check: $(STAMP) ## format, lint, types and the rules of the project (imports, names, docs)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/project

.PHONY: audit
audit: $(STAMP) ## ask the database of vulnerabilities about every locked version (exit code 3: it cannot be asked)
	$(BIN)/python -m tests.audit

.PHONY: format
format: $(STAMP) ## rewrite the sources the way check wants them
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: simulate
simulate: $(STAMP) ## delivery in worlds of faults, each from a seed (QUICK=1: 500; SEED=7 or STREAM=7: that one; WORLD=px; SEEDS=n)
	$(if $(STREAM)$(WORLD),,$(BIN)/python -m tests.simulation --jobs $(JOBS) --seed $(or $(SEED),1) --seeds $(or $(SEEDS),$(if $(SEED),1,$(if $(QUICK),500,2000))))
	$(if $(SEED),,$(BIN)/python -m tests.properties --jobs $(JOBS) $(if $(WORLD),--world $(WORLD)) --seed $(or $(STREAM),1) --seeds $(or $(SEEDS),$(if $(STREAM),1 --trace,$(if $(QUICK),60,1000))))

.PHONY: torture
torture: $(STAMP) ## kill -9 and power cuts under load; nothing may be lost (QUICK=1: 30 of each; ROUNDS=n CUTS=n SEED=n)
	$(BIN)/python -m tests.torture --rounds $(or $(ROUNDS),$(if $(QUICK),30,60)) $(if $(CUTS),--cuts $(CUTS)) $(if $(SEED),--seed $(SEED))

.PHONY: fuzz
fuzz: $(STAMP) ## a fuzzer looks for what breaks the decoder of the tracking API (QUICK=1: one minute; MINUTES=n SEED=n)
	$(BIN)/python -m tests.fuzz --seconds $(if $(MINUTES),$$(($(MINUTES) * 60)),$(if $(QUICK),50,600)) $(if $(SEED),--seed $(SEED))

.PHONY: bench
bench: $(STAMP) ## throughput, latency, memory, and what two days of a business cost (QUICK=1: coarse figures)
	$(BIN)/python -m tests.benchmarks $(if $(QUICK),--quick)

.PHONY: sandbox
sandbox: $(STAMP) ## the stand-in for Gainsight's APIs alone
	$(BIN)/gainstage sandbox

.PHONY: docs
docs: $(STAMP) ## write the generated parts of the documents anew
	$(BIN)/python -m gainstage.reference
	$(BIN)/python -m gainstage.configuration.schema > docs/reference/configuration.schema.json
	$(BIN)/python -m tests.sandbox.test_sandbox_docs
	$(BIN)/python -m tests.acceptance.test_cli_document
	$(BIN)/python -m tests.acceptance.test_fields

.PHONY: lock
lock: $(STAMP) ## choose today's newest allowed versions and write requirements.lock
	$(BIN)/$(LOCK_COMMAND) --upgrade
	$(BIN)/$(ASSETS_LOCK_COMMAND)
	$(BIN)/$(SPARK_LOCK_COMMAND) --output-file $(SPARK)/build.lock $(SPARK)/build.in
	$(BIN)/$(SPARK_LOCK_COMMAND) --output-file $(SPARK)/requirements.lock $(SPARK)/requirements.in

.PHONY: clean
clean: ## remove everything that these commands made
	rm -rf $(VENV) $(SDKS)/node_modules build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis gainstage-data
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
