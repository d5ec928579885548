# `make` lists the targets. Marker files inside .venv keep a repeated `make` fast.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo
REAL ?= ../shared/data

.DEFAULT_GOAL := help
.PHONY: help demo test check docs golden bench results ablations kills

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.core ## complete a chest study with the bundled model and name the picture to look at
	@rm -rf $(DEMO)
	$(BIN)/xgem generate --report "FINDINGS: Large left pleural effusion. Mild cardiomegaly." \
		--to F+L --samples 3 --seed 1 --out $(DEMO)
	@echo "Look at $(DEMO)/sheet.png: three simulated patients with an effusion; its side is not always right."

test: $(VENV)/.dev ## pass the whole suite
	$(BIN)/pytest

check: $(VENV)/.dev ## format, lint, types, import contracts, spelling
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

docs: $(VENV)/.dev ## execute what the documentation says
	$(BIN)/pytest tests/docs

golden: $(VENV)/.dev ## write the losses of record anew, after a change that means to move them
	XGEM_WRITE_GOLDEN=1 $(BIN)/pytest tests/recipes/test_micro.py

bench: $(VENV)/.dev ## time the main job; one JSON line
	$(BIN)/python benchmarks/generate_speed.py

results: $(VENV)/.dev ## make tables and pictures of phantoms and bundled model again (hours; goes on where it stopped)
	$(BIN)/python runs/phantom_sheet.py
	$(BIN)/python runs/phantom_figures.py $(REAL)
	$(BIN)/python runs/bundled_figures.py --seeds 1
	$(BIN)/python runs/bundled_figures.py --seeds 2
	$(BIN)/python runs/couplings.py
	$(BIN)/python runs/fewer_steps.py
	$(BIN)/python runs/contact_sheets.py
	$(BIN)/python benchmarks/memory_table.py

ablations: $(VENV)/.dev ## train and compare the variants of two ablations (hours; goes on where it stopped)
	$(BIN)/python runs/multi_prompt_ablation.py
	$(BIN)/python runs/joint_ablation.py

kills: $(VENV)/.dev ## kill a training run fifty times, train by two processes: the same steps (over an hour)
	$(BIN)/python runs/fifty_kills.py
	$(BIN)/python runs/two_processes.py

$(VENV)/.core: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "xgem needs Python 3.11 or later with venv (Debian: apt install python3-venv)" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.core
	$(BIN)/pip install --constraint constraints.txt --editable '.[dev]'
	@touch $@
