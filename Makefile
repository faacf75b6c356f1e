# make run: the whole pipeline on the embedded demo. make test: all tests. Both set up the environment first.
PYTHON ?= python3.11
VENV ?= .venv
BIN = $(VENV)/bin
DEMO ?= demo
# Pages of the demo web and steps of each of its ten proxy models; less makes it quicker (see .ci/run).
PAGES ?= 800
STEPS ?= 160
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps
PART = 15
SERVICES = ray or prefect or vllm or browser
# CUDA builds that break `import vllm` beside a CPU torch, and a package that overwrites fasttext-community's files.
NOT_LOCKED = torchvision torchaudio torchcodec fasttext-predict

.PHONY: help install run test test-fast check lock clean

help:  ## Show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

install: $(VENV)/.installed  ## Create .venv from requirements.lock (about 5 minutes, 5 GB)

$(VENV)/.installed: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
# --no-deps: the lock is complete, and leaves out what would break the set (see its head). In parts, to show progress.
	@set -e; all=$$(grep -c '^[^#]' requirements.lock); got=0; \
	grep '^[^#]' requirements.lock | xargs -n $(PART) | while read -r part; do \
		echo "installing packages $$((got + 1)) to $$((got + $$(echo $$part | wc -w))) of $$all: $${part%% *} …"; \
		$(PIP) --no-compile $$part; \
		got=$$((got + $(PART))); \
	done
	$(PIP) --no-build-isolation -e .
# On all cores, where pip would take one. A few packages carry files for other Pythons, hence `|| true`. Where the
# environment forbids Python to write byte code, every start would compile thousands of lines again.
	@echo "compiling packages"
	$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib > /dev/null || true
	$(BIN)/python -m compileall -q pipeline stages flows
	touch $@

run: install  ## Build and crawl the demo web, refine it through all five levels, compare raw with refined
	$(BIN)/python -m flows.demo --output $(DEMO) --pages $(PAGES)
	@echo "refining; L3 starts a language model and is silent for a minute or two"
# Exit code 3 means done, with rows in quarantine.
	$(BIN)/orefine run demo --set l0_collect.source.folder=$(DEMO)/crawl --store $(DEMO)/store --runner ray --prefect \
		--json > $(DEMO)/run.json || test $$? -eq 3
	$(BIN)/python -m flows.demo.tour $(DEMO)/run.json --output $(DEMO) --steps $(STEPS)

test: install  ## All checks and all tests
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
# Two tests at a time where each takes one core; those that start services have the machine to themselves.
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not ($(SERVICES))"
	$(BIN)/python -m pytest -m "$(SERVICES)"

test-fast: install  ## Tests that start neither Ray, Prefect nor vLLM
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow and not ($(SERVICES))"

lock:  ## Write requirements.lock from the environment as it is
	sed -n '/^#/p' requirements.lock > $(VENV)/lock
	$(BIN)/python -m pip freeze --all --exclude-editable $(addprefix --exclude ,pip $(NOT_LOCKED)) \
		| sed 's/+cpu$$//' >> $(VENV)/lock
	mv $(VENV)/lock requirements.lock

clean:  ## Remove the demo and caches; the environment stays
	rm -rf $(DEMO) .pytest_cache .mypy_cache .ruff_cache
