# `make run` and `make test` work on a machine that has Python 3.11+, make and git: they make .venv,
# fetch uv from the package index where it is missing, and install exactly what uv.lock says.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := >=0.13,<0.14
STAMP := $(VENV)/.synced
FORGE_NODES ?= 3
FORGE_FLAGS ?=
SEEDS ?= 1..10000
CONTROL_SEEDS ?= 1..5000
SOAK_FLAGS ?=
TRAIN_VENV := .venv-train
TRAIN_PINS := torch==2.13.0 onnx==1.23.2 numpy==2.4.6 onnxruntime==1.31.1 msgspec==0.22.0 click==8.5.1
DATA ?= ../shared/traces
MODEL ?= node/aether/forecast/model
TRAIN_FLAGS ?=

.PHONY: setup run test check fmt lint types imports tidy unit sim sim-long integration fuzz e2e bench bench-cluster bench-router bench-store bench-control bench-metrics bench-scaling bench-tracing soak-router soak-scaling soak-store train-forecaster evaluate-forecaster protos docs clean

setup: $(STAMP)

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Aether needs Python 3.11 or newer, this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/bin/uv: | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv$(UV_VERSION)'

$(STAMP): pyproject.toml uv.lock | $(VENV)/bin/uv
	UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv sync --locked --all-extras --quiet --no-python-downloads --python $(BIN)/python
	@touch $(STAMP)

run: setup
	$(BIN)/aether-forge up --nodes $(FORGE_NODES) $(FORGE_FLAGS) \
	    --artifact examples/url_shortener/clicks --artifact examples/url_shortener/links \
	    --artifact examples/asgi_app \
	    --blueprint blueprints/url_shortener.toml --blueprint blueprints/asgi_app.toml

test: fmt lint types imports tidy unit sim integration fuzz e2e

check: test

fmt: setup
	$(BIN)/ruff format --check .

lint: setup
	$(BIN)/ruff check .

types: setup
	$(BIN)/mypy

imports: setup
	$(BIN)/lint-imports

tidy: setup
	$(BIN)/python .ci/tidy.py

unit: setup
	$(BIN)/pytest -q -n auto tests/unit tests/property

sim: setup
	$(BIN)/pytest -q tests/simulation

# Thousands of simulated lives of a store, then of whole clusters; `aether-forge replay SEED` tells the
# story of one store, `aether-forge replay --world control SEED` that of a cluster.
sim-long: setup
	$(BIN)/aether-forge sim --world store --seeds $(SEEDS)
	$(BIN)/aether-forge sim --world control --seeds $(CONTROL_SEEDS)

integration: setup
	$(BIN)/pytest -q tests/integration

fuzz: setup
	$(BIN)/pytest -q tests/fuzz

e2e: setup
	$(BIN)/pytest -q e2e

bench: setup
	$(BIN)/python -m tests.bench

# Beside nginx, haproxy, Envoy, Caddy and an aiohttp proxy, in interleaved rounds: `BENCH_ONLY=small/64
# BENCH_PEERS=nginx`; `BENCH_BASE` names another checkout to compare with.
bench-router: setup
	$(BIN)/python -m tests.bench router

# What tracing costs the router, beside one that samples nothing and, with `BENCH_BASE`, another checkout's.
bench-tracing: setup
	$(BIN)/python -m tests.bench tracing

# Beside etcd (Debian: etcd-server, nghttp2-client), in interleaved rounds.
bench-store: setup
	$(BIN)/python -m tests.bench store

# How long the leader's decision takes on large clusters; `BENCH_ONLY` and `BENCH_SIZES` choose.
bench-control: setup
	$(BIN)/python -m tests.bench control

# What measuring costs a node, in CPU and on the wire; `BENCH_INSTANCES` and `BENCH_SECONDS` choose.
bench-metrics: setup
	$(BIN)/python -m tests.bench metrics

# The scaling rules and forecaster beside Kubernetes' HPA in an outside simulator; `SCALING_LAB` names its folder
# (`../shared/scaling_lab`); `BENCH_ONLY=make/30` chooses cases, `BENCH_JOBS` how many processes.
bench-scaling: setup
	$(BIN)/python -m tests.bench scaling

# Many instances on five nodes of this machine, and kills of nodes; `BENCH_INSTANCES` and `BENCH_KILLS` choose.
bench-cluster: setup
	$(BIN)/python -m tests.bench cluster

# Real members in network namespaces under kills, partitions, power cuts and sick disks; needs root
# and Debian's iproute2, nftables, strace, faketime and e2fsprogs.
soak-store: setup
	$(BIN)/python -m tests.soak.store $(SOAK_FLAGS)

# Ten minutes of traffic through routers whose nodes and stores are all dead.
soak-router: setup
	ROUTER_ALONE_S=600 $(BIN)/pytest -q -s e2e/test_router_alone.py

# Load that steps, on a machine that does nothing else, and ten minutes of constant, noisy load: how soon scaling follows, how often it turns.
soak-scaling: setup
	SOAK_SCALING_S=600 $(BIN)/pytest -q -s --timeout 900 e2e/test_scaling.py

# Torch has a virtual environment of its own; nothing else needs it. `DATA` is a folder of series, `MODEL` where
# model and card go: `make train-forecaster DATA=history MODEL=model` trains on a cluster's own history.
$(TRAIN_VENV)/.ready: Makefile
	$(PYTHON) -m venv $(TRAIN_VENV)
	$(TRAIN_VENV)/bin/pip install --quiet --disable-pip-version-check $(TRAIN_PINS)
	@touch $@

train-forecaster: $(TRAIN_VENV)/.ready
	PYTHONPATH=node:forge OMP_NUM_THREADS=1 $(TRAIN_VENV)/bin/python -m aether_forge.training train \
	    --data $(DATA) --out $(MODEL) $(TRAIN_FLAGS)

evaluate-forecaster: setup
	$(BIN)/aether-forge evaluate --data $(DATA) --model $(MODEL)

protos: setup
	$(BIN)/python -m grpc_tools.protoc -I protos --python_out=node --pyi_out=node --grpc_python_out=node \
	    protos/aether/proto/v1/*.proto

docs: setup
	$(BIN)/python .ci/reference.py
	$(BIN)/python -m aether_forge.observability

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
