#!/usr/bin/env bash
# A model of the bundled one's shape, from nothing to figures: about seven hours on two cores that
# compute in bf16. The bundled one was trained on in rounds (tiny_in_parts.py), see docs/log.md.
#
#   runs/tiny.sh [RUN]
#
# Go on with an interrupted run by the same call. Nothing is downloaded: the studies are simulated.
set -euo pipefail
cd "$(dirname "$0")/.."
run=${1:-build/tiny}
python=${PYTHON:-.venv/bin/python}

# 20,512 phantoms; prompt encoders, autoencoders, a denoiser for each modality, couplings.
$python -m xgem train tiny --out "$run"

# The checkpoint becomes the model that `xgem generate` uses without --model.
$python runs/ship.py "$run"

# What it can do: docs/results/bundled.md, and docs/results/sheets.md to look at.
$python runs/bundled_figures.py --seeds 1
$python runs/bundled_figures.py --seeds 2
$python runs/contact_sheets.py
