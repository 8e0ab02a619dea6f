#!/usr/bin/env bash
# Makes .venv ready: `tools/setup.sh run` for the product, `tools/setup.sh dev` for that and what tests it.
# Every package comes from requirements/*.lock with its hash checked. Done again it takes a fraction of a second.
set -euo pipefail
cd "$(dirname "$0")/.."

wanted=${1:?run or dev}
installer=.tools/bin/uv
inputs=(requirements/tools.lock requirements/run.lock requirements/dev.lock pyproject.toml tools/setup.sh)

# A stamp says which inputs the environment was made from. The set only grows: `run` keeps what `dev` installed.
fingerprint=$(cat "${inputs[@]}" | cksum)
works() { .venv/bin/python -c '' 2>/dev/null; }
stamped() { [ "$(cat ".venv/.made-for-$1" 2>/dev/null)" = "$fingerprint" ]; }
[ ! -e .venv/.made-for-dev ] || wanted=dev

install_tools() {
    if [ "$(cat .tools/.made-for 2>/dev/null)" = "$(cksum <requirements/tools.lock)" ] && $installer --version >/dev/null; then
        return
    fi
    echo "Getting the installer ready (.tools)"
    "$1" -m venv --clear .tools
    .tools/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/tools.lock
    cksum <requirements/tools.lock >.tools/.made-for
}

# uv does not read pip's settings; who has set a mirror for pip means it for us too.
follow_pip() {
    local index=${PIP_INDEX_URL:-$(.tools/bin/python -m pip config get global.index-url 2>/dev/null || true)}
    [ -z "$index" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"
    export UV_HTTP_TIMEOUT="${UV_HTTP_TIMEOUT:-180}"
}

install_packages() {
    echo "Installing packages (.venv, from requirements/$wanted.lock)"
    works || $installer venv --quiet --clear --python "$1" .venv
    $installer pip sync --quiet --python .venv/bin/python --require-hashes --compile-bytecode "requirements/$wanted.lock"
}

# The wheel of the project only points at src/. It is built by the hatchling of .tools, so that no build dependency is
# fetched without a hash.
install_project() {
    local wheels
    wheels=$(mktemp -d)
    .tools/bin/python -m hatchling build -t wheel:editable -d "$wheels" 2>"$wheels/log" || {
        cat "$wheels/log" >&2
        exit 1
    }
    $installer pip install --quiet --python .venv/bin/python --no-deps --no-index "$wheels"/hearthside-*.whl
    rm -r "$wheels"
}

if ! works || ! stamped "$wanted"; then
    python=$(tools/python.sh)
    install_tools "$python"
    follow_pip
    install_packages "$python"
    install_project
    rm -f .venv/.made-for-*
    echo "$fingerprint" >".venv/.made-for-$wanted"
fi

# Start-up time is mostly compiling, unless it was done before; where PYTHONDONTWRITEBYTECODE is set it never would be.
.venv/bin/python -m compileall -q src
