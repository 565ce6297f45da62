# Every command that contributors and CI need. `make run` and `make test` need only Python 3.11 with venv, and git.
# The first interpreter that is Python 3.11 or newer. One that make's arguments name has an environment of its own, beside
# the usual one: make PYTHON=python3.13 unit
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv$(if $(filter command,$(origin PYTHON)),/$(notdir $(PYTHON)))
BIN := $(VENV)/bin

# Without bytecode, every daemon that a test starts compiles itself, and every worker of pytest rewrites all tests again.
unexport PYTHONDONTWRITEBYTECODE

# Much of their time the tests that start processes wait for them. Tests of one folder, which share processes, stay together.
WORKERS = -n $$($(BIN)/python -c 'import os; print(3 * (os.cpu_count() or 1))') --dist worksteal

# In CI what fails beside all others runs once more, by itself: a shared machine may have stood still for seconds. What fails
# then, too, is a defect of the service or of the test. What does not is still named above, and to be mended.
AGAIN = $(if $(CI),|| $(BIN)/python -m pytest --last-failed --last-failed-no-failures none)

.PHONY: help run cluster test unit check hooks fmt lint types arch lint-js lint-deploy props cover bench bench-docs bench-runtime soak simulate fuzz lock clean
.DEFAULT_GOAL := help

help: ## list the commands
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The Python client is imported from its directory in this checkout: a lock file with hashes cannot name a directory.
LINK_CLIENT = echo '$(CURDIR)/clients/python' > "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/syncd_client.pth"

INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes

# The pip that comes with a Python may be years old, and takes more than twice as long.
$(VENV)/pip: requirements-pip.lock
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) -r $<
	touch $@

$(VENV)/run: requirements.lock pyproject.toml $(VENV)/pip
	$(INSTALL) -r $<
	$(LINK_CLIENT)
	touch $@

# Most of it is never imported: what is, compiles itself then.
$(VENV)/dev: requirements-dev.lock pyproject.toml $(VENV)/pip
	$(INSTALL) --no-compile -r $<
	$(LINK_CLIENT)
	touch $@ $(VENV)/run

.venv/lint-deploy: deploy/lint-requirements.lock deploy/lint-binaries.lock
	$(PYTHON) -m venv .venv/deploy
	.venv/deploy/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	rm -rf .venv/binaries
	.venv/deploy/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
		--target .venv/binaries -r deploy/lint-binaries.lock
	tar --extract --gzip --directory .venv/binaries --file .venv/binaries/aws_cdk/*/_jsii/*.tgz package/lib/layer.zip
	$(PYTHON) -m zipfile -e .venv/binaries/package/lib/layer.zip .venv/binaries
	install .venv/binaries/helm/helm .venv/binaries/kubectl/kubectl .venv/deploy/bin
	rm -r .venv/binaries
	touch $@

# The JavaScript's tools. Only who has Node needs them; the daemon ships the built client.
HAS_NODE := $(and $(shell command -v node 2>/dev/null),$(shell command -v npm 2>/dev/null))
NODE_MODULES := clients/javascript/node_modules/.package-lock.json
API_LINTERS := tests/transport/apidocs/node_modules/.package-lock.json
BIOME := clients/javascript/node_modules/.bin/biome

%/node_modules/.package-lock.json: %/package-lock.json
	cd $* && npm ci --ignore-scripts --no-audit --no-fund
	touch $@

run: $(VENV)/run ## install everything and start the daemon on 127.0.0.1:8083
	@$(BIN)/python -m syncd

cluster: $(VENV)/dev ## start a broker, PostgreSQL and three nodes on this machine
	@$(BIN)/python -m syncd cluster

test: $(VENV)/dev $(if $(HAS_NODE),$(API_LINTERS)) ## install everything and run every test
	$(BIN)/python -m pytest $(WORKERS) $(AGAIN)

# Some of their time these tests wait: one worker more than there are cores. Each would import Schemathesis, and have it
# build its cases against a daemon, for a second and a half. Simulated worlds take ten seconds: `make simulate` is theirs.
UNITS = -n $$($(BIN)/python -c 'import os; print(1 + (os.cpu_count() or 1))') --dist worksteal -m 'not integration' \
	-p no:schemathesis --ignore tests/transport/apidocs/test_openapi_fuzzed.py --ignore tests/simulation

unit: $(VENV)/dev ## run the tests that start no process: no daemon, no database server, no browser
	HYPOTHESIS_PROFILE=unit $(BIN)/python -m pytest $(UNITS)

cover: $(VENV)/dev ## run them, and hold the branch coverage to its floors
	rm -f .coverage .coverage.*
	HYPOTHESIS_PROFILE=cover $(BIN)/coverage run -m pytest $(UNITS) $(AGAIN)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --skip-covered --show-missing --fail-under=90
	$(BIN)/coverage report --include='crdt/*,actors/connection/lifecycle.py' --fail-under=100

check: lint types arch lint-js ## lint, types and import contracts: the gate of CI and of every commit

hooks: ## let git run `make check` before each commit in this clone
	git config core.hooksPath .githooks

fmt: $(VENV)/dev $(if $(HAS_NODE),$(NODE_MODULES)) ## format, and apply the automatic fixes of lint
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(if $(HAS_NODE),$(BIOME) check --write)

lint: $(VENV)/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/dev
	$(BIN)/mypy
	$(BIN)/mypy tests bench simulation clients/conformance
	$(BIN)/basedpyright

arch: $(VENV)/dev
	$(BIN)/lint-imports

ifneq ($(HAS_NODE),)
lint-js: $(NODE_MODULES) ## the JavaScript's format and lint, where there is Node
	$(BIOME) check
else ifneq ($(CI),)
lint-js:
	@echo 'lint-js: node and npm are needed to check the JavaScript' >&2; exit 1
else
lint-js:
	@echo 'lint-js: there is no node or npm here: the JavaScript is left out'
endif

lint-deploy: .venv/lint-deploy ## deploy/'s files, read by the tools that will run them
	PATH="$(CURDIR)/.venv/deploy/bin:$$PATH" deploy/lint.sh

props: $(VENV)/dev ## test the CRDT laws with 1,000 examples each
	HYPOTHESIS_PROFILE=ci $(BIN)/python -m pytest -n auto tests/crdt

bench: $(VENV)/dev ## measure the daemon and its peers in one run
	$(BIN)/python -m bench

PAGE ?= docs/performance.md
bench-docs: $(VENV)/dev ## measure the figures of docs/performance.md, or PAGE=docs/security.md, again, and write them there
	$(BIN)/python -m bench --write $(PAGE)

bench-runtime: $(VENV)/dev ## measure the actor runtime and Pykka's threads
	$(BIN)/python -m bench.runtime

MINUTES ?= 10
NODES ?= 2
soak: $(VENV)/dev ## run a load with faults, then an audit: make soak MINUTES=30 SEED=7 NODES=3
	$(BIN)/python -m bench.soak --minutes $(MINUTES) --nodes $(NODES) $(if $(SEED),--seed $(SEED))

SEEDS ?= 100
BASE ?= 0
simulate: $(VENV)/dev ## run whole clusters on a virtual clock, one for each seed: make simulate SEEDS=1000 BASE=0
	$(BIN)/python -m simulation --seeds $(SEEDS) --base $(BASE) $(if $(KEPT),--kept)

fuzz: $(VENV)/dev ## run coverage-guided fuzzing for a minute
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'atheris>=2.3'
	$(BIN)/python -m fuzz

COMPILE = UV_CUSTOM_COMPILE_COMMAND='make lock' $(BIN)/uv pip compile --quiet --universal --generate-hashes \
	--no-emit-index-url --no-emit-package syncd-client --python-version 3.11 --upgrade

# What the daemon can use, all of it: what `make run` and the image install.
EXTRAS = pubnub nats postgresql opentelemetry

lock: $(VENV)/dev ## resolve the dependencies again and write the lock files
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(COMPILE) $(EXTRAS:%=--extra %) -o requirements.lock pyproject.toml
	$(COMPILE) --all-extras -o requirements-dev.lock pyproject.toml
	echo pip | $(COMPILE) -o requirements-pip.lock -
	$(COMPILE) -o deploy/lint-requirements.lock deploy/lint-requirements.in
	$(COMPILE) --no-deps -o deploy/lint-binaries.lock deploy/lint-binaries.in

clean: ## remove everything that these commands made
	rm -rf clients/javascript/build clients/javascript/node_modules clients/javascript/dist/*/ tests/transport/apidocs/node_modules
	rm -rf .venv .hypothesis .schemathesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .coverage .coverage.* build dist
