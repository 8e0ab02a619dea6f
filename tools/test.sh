#!/usr/bin/env bash
# Runs the tests from a clean clone: what they need first, then one run of pytest, whose summary is the last line.
# Arguments go to pytest: tools/test.sh tests/kit -k events
set -euo pipefail
cd "$(dirname "$0")/.."

tools/setup.sh dev
tools/system-packages.sh
tools/node.sh
exec .venv/bin/python -m pytest -n 2 "$@"
