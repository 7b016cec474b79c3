#!/usr/bin/env bash
# The whole test suite: format, lints, documentation, unit tests, black-box tests,
# and those that need other programs: curl, wrk, a browser, haproxy ... Installs
# what is missing of these from Debian where it may. Ends with the test runner's
# result lines and their sum; exits with zero only when everything passed.
#
#   tests/run.sh              everything
#   tests/run.sh keep_alive   the tests of that file, or else those whose name holds it, without lints
set -euo pipefail
cd "$(dirname "$0")/.."

# A program and the Debian package it comes in.
tools=(curl:curl wrk:wrk chromium:chromium slowhttptest:slowhttptest strace:strace cc:gcc
  goaccess:goaccess promtool:prometheus haproxy:haproxy logrotate:logrotate
  systemd-analyze:systemd systemd-socket-activate:systemd zsh:zsh fish:fish man:man-db ip:iproute2
  chrt:util-linux taskset:util-linux)

# Where Debian puts what it does not put on everybody's path.
PATH="$PATH:/usr/sbin:/sbin"

missing_packages() {
  local tool
  for tool in "${tools[@]}"; do
    command -v "${tool%%:*}" >/dev/null 2>&1 || printf '%s\n' "${tool#*:}"
  done | sort -u
}

install_missing() {
  local packages as_root=()
  mapfile -t packages < <(missing_packages)
  [ ${#packages[@]} -gt 0 ] || return 0
  echo "missing: ${packages[*]}"
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1 || ! sudo -n true 2>/dev/null; then
      echo "neither root nor sudo without a password: install them by hand" >&2
      return 0
    fi
    as_root=(sudo -n)
  fi
  if ! command -v apt-get >/dev/null 2>&1; then
    echo "no apt-get here: install them by hand" >&2
    return 0
  fi
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq update </dev/null || true
  # Programs are wanted, not the services that some packages start.
  local policy=/usr/sbin/policy-rc.d made_policy=""
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null &&
      "${as_root[@]}" chmod +x "$policy" && made_policy=yes
  fi
  local package
  for package in "${packages[@]}"; do
    # One by one, so that a package this system lacks does not cost the others.
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get -qq install -y --no-install-recommends "$package" </dev/null >/dev/null ||
      echo "could not install $package" >&2
  done
  [ -z "$made_policy" ] || "${as_root[@]}" rm -f "$policy"
}

# Ends the run where a tool is missing that tests need.
require() {
  local tool absent=()
  for tool in "$@"; do
    command -v "$tool" >/dev/null 2>&1 || absent+=("$tool")
  done
  if [ ${#absent[@]} -gt 0 ]; then
    echo "cannot test without: ${absent[*]}" >&2
    exit 1
  fi
}

install_missing
require cargo cc curl wrk chromium strace goaccess promtool haproxy logrotate systemd-analyze \
  systemd-socket-activate zsh fish man chrt taskset

# Without this it takes ten minutes.
export SOAK_SECONDS="${SOAK_SECONDS:-15}"

# The tests hold thousands of connections at once.
ulimit -n "$(ulimit -Hn)"

if [ $# -gt 0 ]; then
  [ ! -e "tests/$1.rs" ] && [ ! -d "tests/$1" ] || exec cargo test --locked --test "$@" -- --include-ignored
  exec cargo test --locked -- --include-ignored "$@"
fi

cargo fmt --check
cargo clippy --locked --all-targets -- -D warnings
RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --quiet

log="$(mktemp)"
trap 'rm -f "$log"' EXIT
status=0
# One build serves the plain tests and those ignored for their tools.
cargo test --locked --no-fail-fast -- --include-ignored 2>&1 | tee "$log" || status=$?

echo
echo "== all test binaries =="
grep -E '^test result:' "$log" || true
awk '/^test result:/ { passed += $4; failed += $6; ignored += $8 }
     END { printf "total: %d passed; %d failed; %d ignored\n", passed, failed, ignored }' "$log"
if [ "$status" -ne 0 ]; then
  grep -E '^test .* FAILED$' "$log" || true
  echo "FAILED" >&2
fi
exit "$status"
