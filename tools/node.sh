#!/usr/bin/env bash
# Installs the clients that judge the server in node (tests/judges/node), from their lock; node itself where missing.
# HEARTHSIDE_TEST_SKIP=node leaves them out, and the tests that need them. Done again it takes no time.
set -euo pipefail
cd "$(dirname "$0")/.."

case ",${HEARTHSIDE_TEST_SKIP:-}," in *,node,*) exit 0 ;; esac

command -v npm >/dev/null || tools/apt.sh nodejs npm
cd tests/judges/node
wanted=$(cksum <package-lock.json)
if [ "$(cat node_modules/.made-for 2>/dev/null)" != "$wanted" ]; then
    echo "Installing packages (tests/judges/node, from package-lock.json)"
    npm ci --silent --ignore-scripts
    echo "$wanted" >node_modules/.made-for
fi
