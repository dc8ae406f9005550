#!/usr/bin/env bash
# Runs shellcheck over every shell script of the repository.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! command -v shellcheck > /dev/null; then
  echo 'There is no shellcheck on PATH, so no shell script was checked. Install it (Debian and Ubuntu: apt-get install shellcheck).' >&2
  exit 1
fi
git ls-files -z --cached --others --exclude-standard -- '*.sh' .ci/run | xargs -0 shellcheck
