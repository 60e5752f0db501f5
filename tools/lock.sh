#!/usr/bin/env bash
# Makes the lock files of requirements/ anew (`make lock`). Packages stay at their locked versions unless UPGRADE=1.
# The files hold names, versions and hashes only: no index, no path of this machine (docs/adr/0009).
set -euo pipefail
cd "$(dirname "$0")/.."
export UV_CUSTOM_COMPILE_COMMAND="make lock"
unset PIP_FIND_LINKS UV_FIND_LINKS UV_INDEX UV_EXTRA_INDEX_URL
compile() {
    .venv/bin/uv --no-config pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
        --no-emit-index-url --no-emit-find-links ${UPGRADE:+--upgrade} "$@"
}
compile pyproject.toml --all-extras --group pyproject.toml:dev --output-file requirements/dev.lock
compile pyproject.toml --all-extras --constraints requirements/dev.lock --output-file requirements/runtime.lock
compile requirements/bootstrap.in --constraints requirements/dev.lock --output-file requirements/bootstrap.lock
if grep --line-number --extended-regexp '://|^--' requirements/*.lock; then
    echo "a lock file names an address or an option: it must hold names, versions and hashes only" >&2
    exit 1
fi
