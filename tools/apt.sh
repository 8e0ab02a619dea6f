#!/usr/bin/env bash
# Installs Debian or Ubuntu packages, as root or by sudo; where neither is possible, says what to install.
set -euo pipefail

say_how() {
    echo "Please install: $*" >&2
    if [ "$(uname)" = Darwin ]; then
        echo "  brew install $(echo "$*" | sed -e 's/redis-server/redis/' -e 's/[^ ]*-venv/python@3.13/')" >&2
    else
        echo "  sudo apt-get install $*   (or the same from your distribution)" >&2
    fi
    exit 1
}

command -v apt-get >/dev/null || say_how "$@"
as_root=()
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || say_how "$@"
    as_root=(sudo)
fi

export DEBIAN_FRONTEND=noninteractive
echo "Installing with apt-get: $*"
# A package list that is there may be enough, and spares the update.
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1 || {
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" apt-get install -y -qq --no-install-recommends "$@"
} || say_how "$@"
