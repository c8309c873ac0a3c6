#!/usr/bin/env bash
# Train tiny on a laptop's CPU, in pieces: run it again after any interruption and it goes on where it stopped.
# About a tenth of the full recipe; set SHARE=1 for all of it (a night or two on a CPU, minutes on a GPU).
set -euo pipefail
DATA=${DATA:-runs/data} OUT=${OUT:-runs/tiny} PAIRS=${PAIRS:-20000} SHARE=${SHARE:-0.1}

smartedit world build --split validation --pairs 384 --out "$DATA/validation"
smartedit world build --split train --pairs "$PAIRS" --out "$DATA/train"
smartedit train tiny --data "$DATA" --out "$OUT" --share "$SHARE"
