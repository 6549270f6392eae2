# Needs Python 3.11 or newer and make. `make help` lists the targets.
.DEFAULT_GOAL := help
.PHONY: help setup lab test book slides site kafka kafka-down bench conformance drift lock clean

PY := .venv/bin/python
# Options for JupyterLab, for example LAB_ARGS="--no-browser --port 8890".
LAB_ARGS ?=
# In a container one is often root, which JupyterLab refuses without a word; it listens on this machine only, and asks for its token.
ROOT_ARGS := $(if $(filter 0,$(shell id -u)),--allow-root)
# The address that JupyterLab prints and opens is this notebook's.
LESSON_1 := $(firstword $(wildcard notebooks/01-*.ipynb))
# Options for pytest, for example TEST_ARGS="-k core".
TEST_ARGS ?=
# Groups to measure, for example BENCH_ARGS=brokers.
BENCH_ARGS ?=
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: ## make .venv from requirements.lock (a second run does nothing)
	@PYTHON="$(PYTHON)" tools/setup.sh

lab: setup ## open JupyterLab on lesson 1 (LAB_ARGS="--no-browser --port 8890" passes options)
	@$(PY) -m course_tools.lab --LabApp.default_url=/lab/tree/$(LESSON_1) $(ROOT_ARGS) $(LAB_ARGS)

test: setup ## run every test that can run here, and name those that cannot (TEST_ARGS="-k core")
	@$(PY) -m pytest $(TEST_ARGS)

book: setup ## run every lesson and make a book of it that needs no network: build/book/index.html
	@$(PY) -m lesson_lib book

slides: setup ## run every lesson and make slides of it that need no network: build/slides
	@$(PY) -m lesson_lib slides

# Where the site will be, for links to runs: SITE_ADDRESS=https://example.org/course
SITE_ADDRESS ?=
site: setup ## make a static site in which the lessons run in the reader's browser: build/site (needs npm and the network to build)
	@$(PY) -m lesson_lib site $(if $(SITE_ADDRESS),--address "$(SITE_ADDRESS)")

kafka: setup ## start Apache Kafka for the live exercises (Docker, or else Java 17 and Maven)
	@$(PY) -m lesson_lib kafka up

kafka-down: setup ## stop what make kafka started
	@$(PY) -m lesson_lib kafka down

bench: setup ## measure: the notebooks against their floor, the embedded broker against Apache Kafka
	@$(PY) -m tests.bench $(BENCH_ARGS)

conformance: setup ## play 10,000 random histories on the embedded broker and on Apache Kafka (CONFORMANCE_ARGS="--count 300")
	@$(PY) -m lesson_lib judge --count 10000 $(CONFORMANCE_ARGS)

drift: setup ## run every test that measures a fact, on the pinned versions or others (KAFKA_VERSION=, KAFKA_PYTHON_VERSION=)
	@tools/drift.sh $(TEST_ARGS)

lock: setup ## for maintainers: write requirements.lock and environment.yml from pyproject.toml
	@$(PY) -m lesson_lib lock

clean: ## remove .venv, .kafka, caches and build outputs
	@if [ -d .kafka ] && [ -x $(PY) ]; then $(PY) -m lesson_lib kafka down; fi
	rm -rf .venv .kafka .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} + -o -name .ipynb_checkpoints -prune -exec rm -rf {} +
