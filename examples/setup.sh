# shellcheck shell=bash
# From a bare machine to a build: what examples/run, tests/run and .ci/run share. To be sourced.

set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Package, and what shows that it is there: a command, or a file below /usr or /usr/local.
# shellcheck disable=SC2034
build_packages=(
  "cmake=cmake"
  "g++=${CXX:-c++}"
  "ninja-build=ninja"
  "libeigen3-dev=include/eigen3/Eigen/Core"
  "zlib1g-dev=include/zlib.h"
  "librandom123-dev=include/Random123/philox.h"
  "libdnnl-dev=include/oneapi/dnnl/dnnl.h"
  "libcli11-dev=include/CLI/CLI.hpp"
)
# shellcheck disable=SC2034
test_packages=("libgtest-dev=include/gtest/gtest.h" "pkg-config=pkg-config")

say() { printf '%s\n' "$*" >&2; }

# quietly WORDS COMMAND...: one line with the words, the count of ninja's steps when a person watches, and the seconds;
# the command's output only when it fails, and then all of it.
quietly() {
  local words=$1 log=$root/build/setup.log start=$SECONDS status=0 line
  shift
  mkdir -p "$root/build"
  printf '%s ' "$words ..." >&2
  if [[ -t 2 ]]; then
    "$@" 2>&1 </dev/null | tee "$log" | while IFS= read -r line; do
      if [[ $line =~ ^\[[0-9]+/[0-9]+\] ]]; then printf '\r%s ... %s ' "$words" "${BASH_REMATCH[0]}" >&2; fi
    done || status=$?
  else
    "$@" >"$log" 2>&1 </dev/null || status=$?
  fi
  if ((status)); then
    say failed
    cat "$log" >&2
    exit "$status"
  fi
  say "$((SECONDS - start)) s"
}

present() {
  case $1 in
    include/* | lib/*) compgen -G "/usr/$1" >/dev/null || compgen -G "/usr/local/$1" >/dev/null ;;
    *) command -v "${1%% *}" >/dev/null ;;
  esac
}

# require PACKAGE=PROOF...: installs those that are not there, and needs neither network nor rights when all are.
require() {
  local entry as_root=() missing=()
  for entry in "$@"; do present "${entry#*=}" || missing+=("${entry%%=*}"); done
  ((${#missing[@]})) || return 0

  if ! command -v apt-get >/dev/null; then
    say "These are missing, and only Debian and Ubuntu are served here; please install (Debian's names):"
    say "  ${missing[*]}"
    exit 1
  fi
  if ((EUID)); then
    if ! command -v sudo >/dev/null || ! { sudo -n true 2>/dev/null || { [[ -t 2 ]] && sudo -v; }; }; then
      say "These packages are missing, and installing them takes root or sudo; please run, as root:"
      say "  apt-get install --no-install-recommends ${missing[*]}"
      exit 1
    fi
    as_root=(sudo)
  fi
  as_root+=(env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3)
  quietly "installing: ${missing[*]}" update_and_install
}

# Reads require's variables. A source of packages that does not answer may not be one that is needed, so go on without.
update_and_install() {
  "${as_root[@]}" update || true
  "${as_root[@]}" install -y --no-install-recommends "${missing[@]}"
}

# configure PRESET [-DNAME=VALUE...]
configure() { (cd "$root" && quietly "configuring build/$1" cmake --preset "$@"); }

# build PRESET [TARGET]
build() { (cd "$root" && quietly "building ${2:-everything} in build/$1" cmake --build --preset "$1" ${2:+--target "$2"}); }
