# `make help` lists the targets. The environment is .venv, made from requirements.lock with hashes.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3.11
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# DVC sends no usage statistics.
export DVC_NO_ANALYTICS := 1
.PHONY: help setup pipeline demo recorded stamps show explore bench results test test-gpu test-runs test-faults test-cluster test-image test-web image lint lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: .venv/.ready ## make the environment from the lock (2 minutes, 6 GB)

# --no-compile: Python compiles what is imported, and keeps it. Compiling all takes a minute.
.venv/.ready: requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing: install Python 3.11, or name yours: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "setting up .venv (once; about two minutes)"
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps --no-compile -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

pipeline: setup ## compile pipeline.yaml again (after a change of stages or parameters)
	@python pipeline.py compile

demo: setup ## run the whole method on params.yaml and show the results
	@$(MAKE) --no-print-directory stages
	@wordbrush show

# `dvc repro` alone does the same, one stage after the other. Training with random and with hard
# negatives is independent: here both run at the same time, each on half of the cores. Two processes
# of one thread do a third more work than one process of two (docs/log.md).
MININGS := mining-random mining-hard
# The stage that makes the pairs: dvc.yaml has one of them, and the other as a comment.
PAIRS = $(shell grep -oE '^  (speak-edits|import-collection):' dvc.yaml | tr -d ' :')
HALF := $(shell echo $$((($$(nproc) + 1) / 2)))
.PHONY: stages $(MININGS)
stages:
# DVC wants a git repository unless it is told otherwise; an archive of the project is none.
	@test -e .git || git rev-parse --git-dir >/dev/null 2>&1 || dvc config --local core.no_scm true
	@dvc repro $(PAIRS)
	@$(MAKE) --no-print-directory --jobs 2 $(MININGS)
	@dvc repro

# The first serves its metrics at this port, the second at the next one.
ifdef WORDBRUSH_METRICS_PORT
mining-hard: export WORDBRUSH_METRICS_PORT := $(shell echo $$(($(WORDBRUSH_METRICS_PORT) + 1)))
endif
$(MININGS): mining-%:
	@stages=$$(wordbrush stages --mining $*) && \
		OMP_NUM_THREADS=$(HALF) dvc --wait-for-lock repro --single-item $$stages

# A real data set: pictures that volunteers describe in a dozen languages (docs/recordings.md). It is
# the installed package of Debian, or one that is fetched. RECORDED=redrawn also draws and edits.
# LANGUAGES=fr,ru takes these alone.
STAMPS_PACKAGE := tuxpaint-stamps-default
STAMPS_FETCHED := .wordbrush/tuxpaint
STAMPS ?= $(firstword $(wildcard /usr/share/tuxpaint/stamps) $(STAMPS_FETCHED)/usr/share/tuxpaint/stamps)
RECORDED ?= stamps
LANGUAGES ?=
recorded: setup stamps ## learn from people's recordings: the stamps of Tux Paint (161 MB, GPL-2)
	@wordbrush data "$(STAMPS)" data/recorded --reader tuxpaint --languages "$(LANGUAGES)"
	@wordbrush preset $(RECORDED)
	@$(MAKE) --no-print-directory stages
	@wordbrush show
	@echo "params.yaml and dvc.yaml are those of the collection now: git checkout params.yaml dvc.yaml returns"

stamps:
	@test -d "$(STAMPS)" || { mkdir -p $(STAMPS_FETCHED) && cd $(STAMPS_FETCHED) && \
		apt-get download $(STAMPS_PACKAGE) && dpkg-deb --extract $(STAMPS_PACKAGE)_*.deb . && rm $(STAMPS_PACKAGE)_*.deb && \
		test -d "$(CURDIR)/$(STAMPS)"; } || { echo "the stamps of Tux Paint are not there: install Debian's $(STAMPS_PACKAGE), or name the folder: make recorded STAMPS=/path/to/stamps"; exit 1; }

show: setup ## print the results table and write report.html
	@wordbrush show

# docs/performance.md explains the rows, and how to get the checkouts that ARGS names.
bench: setup ## measure the speed: make bench QUICK=--quick takes minutes, without it hours (ARGS: more options)
	@python -m benchmarks $(QUICK) $(ARGS)

# This takes hours for demo and nights for small. If you stop it and start it again, it resumes.
# ARGS: see python -m experiments --help.
PRESET ?= demo
results: setup ## six methods and ablations over several trials, into results/: make results PRESET=small
	@python -m experiments $(PRESET) $(ARGS)

test: setup lint ## the fast test suite
	@python -m pytest

# One process: several would share the GPU's memory. Steps that wait for the GPU fail here.
GPU_SUITES := gan davenet segmenter senses concepts editing evaluation model stages training benchmarks/test_device.py
test-gpu: setup ## the suites of networks on this machine's GPU, or its CPU if it has none
	@python -m pytest -n 0 $(addprefix tests/,$(GPU_SUITES))

test-runs: setup ## whole runs compared: pipeline, experiments, benchmarks (five minutes)
	@python -m pytest -m runs

test-faults: setup ## kills, full disks, broken storage, damaged files (half an hour)
	@python -m pytest -m faults -s -n 0

test-cluster: setup ## manifests, alerts and dashboard (needs Debian's kubernetes-client, prometheus, prometheus-pushgateway)
	@python -m pytest -m cluster -n 0

test-web: setup ## pages in a browser (needs Debian's chromium)
	@python -m pytest -m web -n 0

# The explorer (docs/explorer.md). ARGS: see wordbrush explore --help.
explore: setup ## open a page on the trained model that listens
	@wordbrush explore $(ARGS)

# The image (docs/images.md). VARIANT: gpu or cpu. BASE: another base image. NETWORK, APT_CONF,
# PIP_CONF, CA_BUNDLE: what the build needs to reach packages without direct access to the Internet.
# The files are build secrets, which no layer of the image keeps.
VARIANT ?= gpu
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
IMAGE ?= wordbrush-python:$(VERSION)$(if $(filter cpu,$(VARIANT)),-cpu)
DOCKER ?= docker
COMMA := ,
secret = $(if $2,--secret id=$1$(COMMA)src=$2)

image: ## build the image: make image VARIANT=cpu
	DOCKER_BUILDKIT=1 $(DOCKER) build --file docker/Dockerfile --tag $(IMAGE) $(if $(NETWORK),--network $(NETWORK)) \
		$(call secret,apt_conf,$(APT_CONF)) $(call secret,pip_conf,$(PIP_CONF)) $(call secret,ca_bundle,$(CA_BUNDLE)) \
		--build-arg VARIANT=$(VARIANT) $(if $(BASE),--build-arg BASE=$(BASE)) --build-arg VERSION=$(VERSION) \
		--build-arg REVISION=$$(git rev-parse HEAD) --build-arg CREATED=$$(git show --no-patch --format=%cI) .

test-image: setup ## build base and image, run `tiny` in it (root, docker, debootstrap; ten minutes, 13 GB)
	@python -m pytest -m image -s -n 0

lint: setup ## style, layers and types
	@ruff check --quiet .
	@ruff format --quiet --check . || { echo "some files are not formatted: run ruff format"; exit 1; }
	@lint-imports --no-logo
	@mypy
	@python -m wordbrush.kubeflow.compiler.policy

lock: ## resolve requirements.lock again from pyproject.toml (needs uv)
	uv pip compile --python-version 3.11 --extra dev --generate-hashes --no-header --quiet pyproject.toml -o requirements.lock

clean: ## delete the outputs of stages (the cache keeps them)
	rm -rf data metrics plots report.html .wordbrush
