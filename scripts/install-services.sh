#!/usr/bin/env bash
# Installs what the system tests can use, from the distribution's packages. Idempotent.
# What cannot be installed is named, and is no failure: the tests that need it skip and say so.
set -uo pipefail

PACKAGES=(erlang-base erlang-inets erlang-mochiweb nginx-light zstd chromium redis-server)
# Where Node.js comes from elsewhere it brings npm along, and Debian's would push it out.
command -v npm >/dev/null || PACKAGES+=(nodejs npm)

installed() {
  [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing() {
  local package
  for package in "${PACKAGES[@]}"; do
    installed "$package" || echo "$package"
  done
}

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "install-services: this is not a Debian-like system; install by hand what matches: ${PACKAGES[*]}"
  exit 0
fi

mapfile -t wanted < <(missing)
if [ "${#wanted[@]}" -eq 0 ]; then
  echo "install-services: all present: ${PACKAGES[*]}"
  exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! sudo -n true 2>/dev/null; then
    echo "install-services: needs root to install: ${wanted[*]} (run it with sudo)"
    exit 0
  fi
  as_root=(sudo -n)
fi

# A service must not start by itself only because its package was installed; nginx would take port 80, redis 6379.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
  trap '"${as_root[@]}" rm -f "$policy"' EXIT
fi

get() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 "$@"
}

get update || echo "install-services: the package lists could not be refreshed; trying with those at hand"
# All at once is quicker; one by one saves what can be had when one package is unknown here.
if ! get install --yes --no-install-recommends "${wanted[@]}"; then
  for package in "${wanted[@]}"; do
    get install --yes --no-install-recommends "$package" || true
  done
fi

mapfile -t left < <(missing)
if [ "${#left[@]}" -gt 0 ]; then
  echo "install-services: could not install: ${left[*]}; tests that need them will skip"
else
  echo "install-services: installed: ${wanted[*]}"
fi
exit 0
