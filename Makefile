# make demo   a synthetic marketplace, everything run on it
# make test   all tests
# make lint   style, types and import rules
# make docs   the reference from the code, and the documentation as a site in site/
# make bench  the benchmarks, side by side with hand-written peers
# make glue-bundle  what Glue jobs install: dist/rental_etl.gluewheels.zip
# make rehearse     the whole AWS system on this machine: state machine, Glue jobs, databases
# make synth        the templates of AWS for PRESET (small or standard), under deploy/cdk.out
# make diff         what a deployment would change
# make deploy       everything on AWS: stack, code of the jobs, schemas, users and grants
# make destroy      takes the stack away; bucket and snapshots stay
# Each target first makes the environment in .venv, from uv.lock; tests and lint with the drivers of all stores and what deploying needs.

WORKSPACE ?= rental-demo
PRESET ?= small
PYTHON ?= python3
RUN := .venv/bin
# Node is in the deploy group; the CDK's own program is the only other tool.
CDK = PATH="$(CURDIR)/$(RUN):$$PATH" PRESET=$(PRESET) $(RUN)/npx --yes aws-cdk@2.1148.1 --app "$(RUN)/python -m deploy.app"
UV := $(shell command -v uv)

.PHONY: help environment demo test lint docs bench glue-bundle synth diff deploy destroy rehearse

help:
	@sed -n '/^#/!q; s/^# //p' Makefile

ifdef UV
environment:
	@echo "environment: .venv, from uv.lock"
	@$(UV) sync --frozen --inexact --quiet $(EXTRAS)
else
environment: $(RUN)/uv
	@echo "environment: .venv, from uv.lock"
	@$(RUN)/uv sync --frozen --inexact --quiet --python $(RUN)/python $(EXTRAS)
endif

# Without uv on the PATH: into the environment it makes, where `--inexact` leaves it.
$(RUN)/uv:
	@command -v $(PYTHON) >/dev/null || { echo "missing: Python 3.11 or newer (Debian: apt-get install python3 python3-venv)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "too old: $$($(PYTHON) --version); Python 3.11 or newer is needed (make PYTHON=/path/to/python3.11 ...)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "missing: the venv module of $(PYTHON) (Debian: apt-get install python3-venv)" >&2; exit 1; }
	@$(PYTHON) -m venv .venv
	@$(RUN)/python -m pip install --quiet --disable-pip-version-check uv || { echo "uv could not be installed: is a package index reachable?" >&2; exit 1; }

demo: environment
	@$(RUN)/rental-etl demo --workspace "$(WORKSPACE)"

test lint bench: EXTRAS = --all-extras
rehearse: EXTRAS = --all-extras
test lint rehearse: EXTRAS += --group deploy
glue-bundle synth diff deploy destroy: EXTRAS = --extra aws --group deploy

# The tests of a module may share a house and tell one story in it: a module stays in one process.
test: environment
	@$(RUN)/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder

lint: environment
	@$(RUN)/ruff check .
	@$(RUN)/ruff format --check .
	@$(RUN)/mypy
	@$(RUN)/lint-imports

docs: environment
	@$(RUN)/python -m scripts.reference
	@$(RUN)/python -m scripts.site
	@echo "site/index.html"

bench: environment
	@$(RUN)/python -m benchmarks.run

glue-bundle: environment
	@$(RUN)/python -m deploy.bundle

rehearse: environment
	@$(RUN)/python -m pytest tests/rehearsal -v --timeout 900

synth: environment
	@$(CDK) synth --quiet --output deploy/cdk.out
	@echo "deploy/cdk.out/rental-etl.template.json"

diff: glue-bundle
	@$(CDK) diff

deploy: glue-bundle
	@PRESET=$(PRESET) $(RUN)/python -m deploy.code
	@$(CDK) deploy --require-approval never --outputs-file deploy/cdk.out/outputs.json
	@PRESET=$(PRESET) $(RUN)/python -m deploy.code
	@PRESET=$(PRESET) $(RUN)/python -m deploy.databases

destroy: environment
	@$(CDK) destroy
