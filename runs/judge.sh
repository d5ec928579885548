#!/usr/bin/env bash
# A new bundled judge, from nothing to how phantoms can be told by cheating.
#
#   runs/judge.sh [RUN] [options of xgem judge train, such as --data STORE or --steps N]
#
# Go on with an interrupted run by the same call. Nothing is downloaded: the studies are simulated.
set -euo pipefail
cd "$(dirname "$0")/.."
run=${1:-build/judge}
python=${PYTHON:-.venv/bin/python}

$python -m xgem judge train --out "$run" "${@:2}"

# The checkpoint becomes the judge that is used where none is named.
bundled=src/xgem/bundled/judge
rm -rf "$bundled"
cp -r "$run"/model "$bundled"

# What it tells, beside a linear probe of 32 x 32 pixels, of phantoms of their own.
$python benchmarks/phantom_shortcuts.py
