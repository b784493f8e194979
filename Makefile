# Two commands for a newcomer: `make run` and `make test`. Both work on a fresh clone.
# PYTHON may name any Python 3.11 to 3.13; SNAKEMAKE_ARGS goes to snakemake as it is.
PYTHON ?= python3
VENV ?= .venv
SNAKEMAKE_ARGS ?=
READY := $(VENV)/.ready
PEERS ?= .venv-benchmark
REVIEW_TOOLS ?= .venv-review-tools

# Programs of the environment, found by what they start as well.
IN_VENV := PATH="$(CURDIR)/$(VENV)/bin:$$PATH"

.PHONY: run test test-fast test-peers torture benchmark benchmark-quick lint pretrained docs lock clean help

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: $(READY)  ## the whole workflow on the synthetic world, to results/report.html
	$(IN_VENV) $(VENV)/bin/python -m contextual_anomaly.workflow.run --cores all $(SNAKEMAKE_ARGS)

# A file's tests run in one process, which makes once what they share, and in the order of tests/conftest.py.
test: $(READY)  ## all tests on all cores, the fast ones first, and the share of lines that they run
	$(IN_VENV) $(VENV)/bin/python -m pytest --cov --cov-report=term \
	    --numprocesses logical --dist loadfile --no-loadscope-reorder

test-fast: $(READY)  ## the tests that take no longer than a moment, on all cores
	$(IN_VENV) $(VENV)/bin/python -m pytest -m "not workflow and not slow" --numprocesses auto

torture: $(READY)  ## kills, full disks, damaged files, hostile input: what is said and what is silent, to docs/torture.csv
	$(IN_VENV) $(VENV)/bin/python -m tests.torture --output docs/torture.csv

test-peers: $(READY) $(REVIEW_TOOLS)/.ready  ## the readers of Label Studio and datumaro open what check writes
	CONTEXTUAL_ANOMALY_PEERS="$(CURDIR)/$(REVIEW_TOOLS)/bin/python" $(IN_VENV) \
	    $(VENV)/bin/python -m pytest tests/checking/test_peers.py

$(REVIEW_TOOLS)/.ready: tests/checking/peers.txt
	$(PYTHON) -m venv $(REVIEW_TOOLS)
	$(REVIEW_TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/checking/peers.txt
	@touch $@

# Stages against what people use today; COCO's annotations are expected in $$CONTEXTUAL_ANOMALY_DATA/annotations.
benchmark: $(READY) $(PEERS)/.ready  ## how fast: every stage beside its peer, to results/benchmarks.csv; what lacks data is skipped
	@$(IN_VENV) BENCHMARK_PYTHON="$(CURDIR)/$(PEERS)/bin/python" $(VENV)/bin/python benchmarks/run.py

benchmark-quick: $(READY)  ## in two minutes, what got slower than in the last recorded version (needs no data)
	@$(IN_VENV) $(VENV)/bin/python benchmarks/quick.py

# Keras, TensorFlow and OpenCV 4 are peers, not parts: they have an environment of their own.
$(PEERS)/.ready: pyproject.toml $(READY)
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check $$($(VENV)/bin/python -c \
	    'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["benchmark"])') \
	    'opencv-python-headless>=4.14,<5'
	@touch $@

lint: $(READY)  ## format, style, spelling, types, import contracts, and Snakemake's own check
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/snakefmt --check Snakefile rules
	$(VENV)/bin/codespell
	$(VENV)/bin/lint-imports --no-logo --no-cache
	$(IN_VENV) $(VENV)/bin/pyright
	$(IN_VENV) $(VENV)/bin/snakemake --lint

# Fits what config.yaml and coco2017.yaml say, on COCO in $$CONTEXTUAL_ANOMALY_DATA or from the network.
PACKAGED := results/coco2017/pretrained
pretrained: $(READY)  ## the context models that come with the package, from COCO 2017
	$(IN_VENV) $(VENV)/bin/snakemake --cores all $(SNAKEMAKE_ARGS) pretrained --configfile workflow/config/coco2017.yaml
	cp $(PACKAGED)/*.safetensors $(PACKAGED)/*.json $(PACKAGED)/*.parquet src/contextual_anomaly/pretrained/

docs: $(READY)  ## the documentation as a site, to docs/_build/html; a warning is an error
	$(IN_VENV) $(VENV)/bin/python -m sphinx -W --keep-going -j auto docs docs/_build/html

lock:  ## write requirements.lock anew from pyproject.toml (needs uv)
	uv pip compile --universal --python-version 3.11 --fork-strategy fewest --no-emit-index-url \
	    --no-annotate --no-header --extra workflow --extra docs --extra test --extra slurm pyproject.toml \
	    --output-file requirements.lock

clean:  ## remove the environment and everything a run made
	rm -rf $(VENV) $(PEERS) $(REVIEW_TOOLS) results data .snakemake docs/_build docs/reference/generated

# The environment is built aside and marked ready last, so an interrupted install starts again.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else \
	    "Python 3.11, 3.12 or 3.13 is needed, this is %d.%d: make PYTHON=python3.12 ..." % v)'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@
