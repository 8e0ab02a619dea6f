#!/usr/bin/env bash
# Prints the path of a Python that Hearthside runs on, installing the venv module where Debian left it out.
# HEARTHSIDE_PYTHON names one to use instead.
set -euo pipefail

suits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null
}

for candidate in ${HEARTHSIDE_PYTHON:-python3 python3.13 python3.12 python3.14 python3.11}; do
    if path=$(command -v "$candidate") && suits "$path"; then
        python=$path
        break
    fi
done

if [ -z "${python:-}" ]; then
    cat >&2 <<'TEXT'
Hearthside needs Python 3.11, 3.12, 3.13 or 3.14, and none was found on PATH.
  Debian 12+, Ubuntu 24.04+   sudo apt-get install python3 python3-venv
  Ubuntu 22.04                sudo apt-get install python3.11 python3.11-venv
  macOS                       brew install python@3.13
Or name one: HEARTHSIDE_PYTHON=/path/to/python make run
TEXT
    exit 1
fi

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    version=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
    "$(dirname "$0")/apt.sh" "$version-venv" >&2
fi

# The real interpreter, not a version manager's shim, which may mean another Python tomorrow.
"$python" -c 'import sys; print(getattr(sys, "_base_executable", sys.executable))'
