# Every command of the project; `make` alone lists them.
#
# The set-up targets work alone on a fresh machine, from any folder and without a terminal.
# Steps that need root ask sudo, unless they have root already.

ROOT := $(shell cd "$$(dirname "$(strip $(MAKEFILE_LIST))")" && pwd)
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.NOTPARALLEL:
.DEFAULT_GOAL := help
.PHONY: help install check test demo demo-down bench format reference lock clean

AS_ROOT := packaging/as-root.sh
# What root's programs leave in the checkout goes to the person whose checkout it is.
GIVE_BACK := [ "$$(stat -c %u Makefile)" = 0 ] || [ -z "$$(find . -user root -print -quit)" ] || \
	$(AS_ROOT) find . -user root -exec chown --no-dereference --reference=Makefile {} +
# The machine's own engine, whatever engine the user works with otherwise.
ENGINE := DOCKER_HOST=unix:///var/run/docker.sock
PURE_TESTS := tests/unit tests/states tests/property tests/contract tests/golden tests/scenarios

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' "$(ROOT)/Makefile"

install: ## make .venv with calicoctl and calico-node
	@cd "$(ROOT)"
	packaging/packages.sh python
	packaging/venv.sh

check: ## format, lint, types, layers and the tests that need neither root nor Docker
	@cd "$(ROOT)"
	packaging/packages.sh python
	packaging/venv.sh dev
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/pytest $(PURE_TESTS) -m "not kernel and not docker"

test: ## set up this machine and run every test, with the real kernel and Docker too
	@cd "$(ROOT)"
	packaging/packages.sh python network engine image
	packaging/venv.sh dev
	status=0
	$(AS_ROOT) env $(if $(CI),CI=$(CI)) .venv/bin/pytest || status=$$?
	$(GIVE_BACK)
	exit $$status

demo: ## set up this machine and show the system at work on a real Docker engine
	@cd "$(ROOT)"
	packaging/packages.sh python network engine image
	packaging/venv.sh
	$(AS_ROOT) packaging/engine.sh start
	$(AS_ROOT) env $(ENGINE) packaging/image.sh busybox
	status=0
	$(AS_ROOT) env $(ENGINE) .venv/bin/python demo/demo.py up || status=$$?
	$(GIVE_BACK)
	exit $$status

demo-down: ## remove all that make demo made
	@cd "$(ROOT)"
	if ! PATH=$$PATH:/usr/sbin:/sbin command -v dockerd >/dev/null; then
	    echo "demo: nothing to remove: this machine has no Docker engine"
	    exit 0
	fi
	packaging/packages.sh python network engine
	packaging/venv.sh
	$(AS_ROOT) packaging/engine.sh start
	$(AS_ROOT) env $(ENGINE) .venv/bin/python demo/demo.py down
	$(AS_ROOT) env $(ENGINE) packaging/image.sh --remove busybox
	$(AS_ROOT) packaging/engine.sh stop
	$(GIVE_BACK)

bench: ## measure, and report ratios taken in one run
	@cd "$(ROOT)"
	packaging/packages.sh python network engine image
	packaging/venv.sh dev
	status=0
	$(AS_ROOT) .venv/bin/python -m bench || status=$$?
	$(GIVE_BACK)
	exit $$status

format: ## write the source in the one format, and repair what the linter can
	@cd "$(ROOT)"
	packaging/packages.sh python
	packaging/venv.sh dev
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

reference: ## write docs/reference anew from the help of calicoctl
	@cd "$(ROOT)"
	packaging/packages.sh python
	packaging/venv.sh dev
	CALICO_UPDATE_GOLDEN=1 .venv/bin/pytest -q tests/golden/test_reference.py

lock: ## pin the newest allowed versions of the requirements, with hashes
	@cd "$(ROOT)"
	packaging/packages.sh python
	packaging/venv.sh dev
	packaging/lock.sh
	packaging/venv.sh dev

clean: ## remove .venv and every cache of this checkout
	@cd "$(ROOT)"
	$(GIVE_BACK)
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage
	find . -name __pycache__ -prune -exec rm -rf {} +
