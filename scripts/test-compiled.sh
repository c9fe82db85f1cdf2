#!/usr/bin/env bash
# Builds the wheel whose hot path is compiled (needs a C compiler), and runs that path's tests on it.
# Takes the Python of an environment that has the development tools.
set -euo pipefail
python=$(realpath -s "${1:-.venv/bin/python}")
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# By way of the source distribution, so that nothing compiled is left among the sources.
HATCH_BUILD_HOOKS_ENABLE=1 "$python" -m build --quiet --outdir "$work" .
"$python" -m zipfile -e "$work"/*.whl "$work/compiled"
cp -r tests docs "$work"
cp pyproject.toml "$work"
cd "$work"
export PYTHONPATH=$work/compiled
"$python" -P -c 'import pyingest.quick as it; assert it.__file__.endswith(".so"), it.__file__'
"$python" -P -m pytest -q tests/pyingest/test_quick.py tests/pyingest/test_file_queue.py \
  tests/pyingest/serving
