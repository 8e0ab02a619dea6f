#!/usr/bin/env bash
# Resolves pyproject.toml anew into requirements/*.lock, for every platform and Python that is supported, with hashes.
# Versions already locked stay; `tools/lock.sh --upgrade` (make lock UPGRADE=1) takes the newest.
set -euo pipefail
cd "$(dirname "$0")/.."

lock() {
    local name=$1
    shift
    .tools/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
        --output-file "requirements/$name.lock" "$@"
}

lock run pyproject.toml --extra hub --extra supabase "$@"
lock dev pyproject.toml --extra hub --extra supabase --group dev --constraint requirements/run.lock "$@"
lock tools --group tools "$@"
