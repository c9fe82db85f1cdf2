#!/usr/bin/env bash
# Installs the client libraries that tests/clients drives, exact versions, into a cache directory.
# Idempotent. Without npm, or without a registry, it says so: those tests skip, and that is no failure.
set -uo pipefail

PACKAGES=(mixpanel@0.24.0 mixpanel-browser@2.83.0 playwright-core@1.65.1)
CLIENTS=${MIXMIGRATE_CLIENTS:-${XDG_CACHE_HOME:-$HOME/.cache}/mixmigrate/clients}

installed() {
  local manifest=$CLIENTS/node_modules/${1%@*}/package.json
  [ -f "$manifest" ] && grep -q "\"version\": *\"${1##*@}\"" "$manifest"
}

wanted=()
for package in "${PACKAGES[@]}"; do
  installed "$package" || wanted+=("$package")
done
if [ "${#wanted[@]}" -eq 0 ]; then
  echo "install-clients: all present in $CLIENTS: ${PACKAGES[*]}"
  exit 0
fi
if ! command -v npm >/dev/null; then
  echo "install-clients: npm is not installed; tests that need ${wanted[*]} will skip"
  exit 0
fi

mkdir -p "$CLIENTS"
# No scripts: playwright-core would look for browsers to download, and none of these needs one.
if npm install --prefix "$CLIENTS" --ignore-scripts --no-save --no-package-lock --no-audit --no-fund \
    --loglevel=error "${PACKAGES[@]}"; then
  echo "install-clients: installed in $CLIENTS: ${wanted[*]}"
else
  echo "install-clients: could not install: ${wanted[*]}; tests that need them will skip"
fi
exit 0
