# Short names for CMake's commands and the scripts. `make help` lists the targets. Only run, test,
# python, js, web and deps install what is missing; the others print what is missing. Variables: BUILD
# (folder), BUILD_TYPE, JOBS, PREFIX, CMAKE_FLAGS, DEPS (see deps), VENV (see python).

BUILD ?= build
BUILD_TYPE ?= Release
JOBS ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
PREFIX ?= /usr/local
CMAKE_FLAGS ?=
DEPS ?= build test

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := build
.PHONY: build configure deps run test test-whole bench bench-python bench-web cliffs compare mutants coverage lint format install \
        uninstall parity e2e server-check gpu python js web package docs results clean help

## build       build everything into build/; names the parts that are left out for lack of something
build: configure
	@cmake --build $(BUILD) -j $(JOBS) $(BUILD_QUIET)

# CMake's own output is shown only with V=1; what is left out is always printed.
configure:
	@cmake -S . -B $(BUILD) -DCMAKE_BUILD_TYPE=$(BUILD_TYPE) -DCMAKE_INSTALL_PREFIX=$(PREFIX) \
	    --log-level=NOTICE $(CMAKE_FLAGS) >$(if $(V),/dev/stdout,/dev/null)

## deps        install what is missing to build and test on Debian and Ubuntu, and a prebuilt
##             libllama (DEPS=all: also what the other targets need; DEPS='lint coverage': only
##             these groups of scripts/install-deps)
deps:
	@scripts/install-deps $(DEPS)
	@scripts/get-llama --try

## run         install what is missing, build, validate and measure every improvement, print the
##             table (FULL=1: with enough samples for docs/tracking.md)
run: deps
	@$(MAKE) configure
	@cmake --build $(BUILD) -j $(JOBS) --target improvements >/dev/null
	@scripts/run $(BUILD)

## test        install what is missing, build and run all tests, with a fifth of their random cases
test: deps
	@$(MAKE) build BUILD_QUIET='>/dev/null'
	@ctest --test-dir $(BUILD) --output-on-failure --no-tests=error -j $(JOBS) $(CTEST_FLAGS)

## bench       passes per chain (the cost of a token in units of reading the row once), the same on
##             rows that are not in the cache, what masks cost, batches, also against PyTorch, and
##             rows spread over ranks
bench: BUILD_QUIET = >/dev/null
bench: build
	@$(BUILD)/bench/bench-passes $(BENCH_FLAGS)
	@echo
	@$(BUILD)/bench/bench-cold $(COLD_FLAGS)
	@echo
	@$(BUILD)/bench/bench-masks $(MASK_FLAGS)
	@echo
	@$(BUILD)/bench/bench-batch
	@echo
	@$(BUILD)/bench/bench-shard
	@echo
	@$(BUILD)/bench/bench-versus-torch

## bench-python
##             what calls cost from Python, beside the C library and PyTorch's own operations
bench-python: BUILD_QUIET = >/dev/null
bench-python: build
	@PYTHONPATH=$(BUILD)/python $$(python/find_python.sh | cut -d';' -f1) python/bench.py $(BUILD)/src/libpluck.so $(BENCH_FLAGS)

## bench-web   how long the playground takes in headless Chromium; after `make web`
bench-web:
	@scripts/install-deps --check web
	@node web/bench.mjs $(BUILD)/web "$$(command -v chromium || command -v google-chrome)"

## cliffs      the rows, masks, histories and lists that make each chain slowest
cliffs: BUILD_QUIET = >/dev/null
cliffs: build
	@$(BUILD)/bench/bench-cliffs --worst 30 $(CLIFFS_FLAGS)

## compare     no chain may be slower than in revision BASE, on any kind of row (COMPARE_FLAGS='--id xtc')
compare: BUILD_QUIET = >/dev/null
compare: build
	@scripts/compare $(BUILD) "$(BASE)" $(COMPARE_FLAGS)

## mutants     plant faults in a copy of the source: each must break a contract (docs/mutants.md)
mutants:
	@JOBS=$(JOBS) scripts/mutants $(MUTANTS)

## test-whole  the same with all random cases, GPU kernels of all sizes; before a release
test-whole:
	@PLUCK_TEST_TRIALS=100 $(MAKE) test CTEST_FLAGS='-C Whole $(CTEST_FLAGS)'

## coverage    tests with coverage of src/, a summary and an HTML report
coverage:
	@scripts/install-deps --check build coverage
	@scripts/coverage

## lint        formatting, clang-tidy, cppcheck, shellcheck, man pages, the order of the layers
lint:
	@scripts/install-deps --check build test lint
	@$(MAKE) configure
	@scripts/lint $(BUILD)

## format      reformat the sources in place
format:
	@scripts/install-deps --check format
	@scripts/lint --format

## install     install libraries, headers, command and man pages under PREFIX
install: build
	@cmake --install $(BUILD) --prefix $(PREFIX)

## uninstall   remove what `make install` put there
uninstall:
	@xargs -r rm -f <$(BUILD)/install_manifest.txt

## parity      every sampler against llama.cpp at full size; the result goes to docs/parity.md
parity: BUILD_QUIET = >/dev/null
parity: build
	@scripts/parity $(BUILD)

## e2e         generation with llama.cpp's samplers and with Pluck's, side by side
e2e: BUILD_QUIET = >/dev/null
e2e: build
	@mkdir -p results
	@$(BUILD)/cli/pluck e2e -m $(MODEL) -p 0 -n 512 -r 5 --sampling $(SAMPLING) \
	    --record results/e2e.json $(E2E_FLAGS)
	@$(BUILD)/perflab/perflab record-integration results/e2e.json --ledger results/perflab.ledger \
	    --modules $(BUILD)/perflab-modules
MODEL ?= data/tiny-kjv-152k.Q8_0.gguf
SAMPLING ?= 'temp=0.8;top_k=40;top_p=0.95;min_p=0.05;repeat_penalty=1.1'
# The bundled model is so small that a second thread would only wait for the first.
E2E_FLAGS ?= -t 1

## server-check
##             llama-server with and without the drop-in; builds llama-server once (scripts/server-check)
server-check: BUILD_QUIET = >/dev/null
server-check: build
	@scripts/server-check $(BUILD)

## gpu         build and test the GPU parts on this machine's devices
gpu:
	@scripts/install-deps --check gpu
	@scripts/gpu

## python      install what is missing and build a wheel of the Python package into dist/ (VENV=folder:
##             also install it into that virtual environment, which is made if it is not there)
python:
	@scripts/install-deps python $(if $(VENV),venv)
	@$(MAKE) configure
	@cmake --build $(BUILD) -j $(JOBS) --target pluck_static >/dev/null
	@python=$$(python/find_python.sh | cut -d';' -f1) && \
	    wheel=$$($$python python/pluck_build.py dist $(BUILD)/src/libpluck.a) && echo $$wheel $(if $(VENV),&& \
	    $$python -m venv --system-site-packages $(VENV) && \
	    $(VENV)/bin/pip install --quiet --no-index --no-deps --force-reinstall --disable-pip-version-check $$wheel)

## js          install what is missing and pack the JavaScript package into dist/
js:
	@scripts/install-deps js
	@$(MAKE) configure
	@cmake --build $(BUILD) -j $(JOBS) --target pluck_js >/dev/null
	@mkdir -p dist
	@cd $(BUILD)/js/package && npm pack --silent --pack-destination $(CURDIR)/dist

## web         install what is missing and build the playground, a static page, into build/web
web:
	@scripts/install-deps js web
	@$(MAKE) configure
	@cmake --build $(BUILD) -j $(JOBS) --target pluck_js >/dev/null
	@scripts/build-web $(BUILD)

## package     write packages for Debian, the source as a tarball, an SBOM and SHA256SUMS into dist/
package:
	@scripts/package

## results     measure on this machine, and record for the README: passes, calls from Python, and
##             against llama.cpp
results: BUILD_QUIET = >/dev/null
results: build
	@mkdir -p docs/results
	@$(BUILD)/bench/bench-passes --json $(BENCH_FLAGS) >docs/results/passes.json
	@$(BUILD)/bench/bench-versus-llama --json >docs/results/vs-llama.jsonl
	@$(BUILD)/bench/bench-shard >docs/results/shards.md
	@$(MAKE) bench-python BENCH_FLAGS=--json >docs/results/python.jsonl
	@for run in 1 2 3; do \
	    $(BUILD)/llama/bench/bench_llama --json && \
	    LD_PRELOAD=$(BUILD)/llama/libpluck_llama_preload.so \
	        $(BUILD)/llama/bench/bench_llama --arrays --json || exit 1; \
	done >docs/results/llama.jsonl
	@$(BUILD)/llama/bench/common/bench_common --dropin $(BUILD)/llama/libpluck_llama_preload.so --json \
	    >docs/results/common.jsonl
	@scripts/readme-tables

## docs        regenerate docs/api.md from the headers, the README's tables from docs/results and, if the
##             JavaScript package is built, docs/pictures of what samplers do
docs:
	@scripts/api-reference --markdown --output docs/api.md
	@scripts/readme-tables
	@if [ -e $(BUILD)/js/package/pluck.wasm ]; then \
	        cmake --build $(BUILD) -j $(JOBS) --target pluck_js >/dev/null && \
	        node web/tools/pictures.mjs $(BUILD)/js/package; \
	    else echo 'docs/pictures stays as it is: it needs the JavaScript package (make js)'; fi

## clean       remove the build folder
clean:
	@rm -rf $(BUILD)

## help        this list
help:
	@sed -n -e 's/^##             /                   /p' -e 's/^## /  make /p' Makefile
