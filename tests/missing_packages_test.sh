#!/usr/bin/env bash
# A configuration without a library that ramp needs ends by naming its Debian package: missing_packages_test.sh SOURCE_DIR
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# missing WORDS OPTION...: configuring with these options fails with the words.
missing() {
  local words=$1
  shift
  rm -rf "$scratch/build"
  if cmake -G Ninja -S "$source" -B "$scratch/build" -DRAMP_CUDA=OFF "$@" >"$scratch/log" 2>&1; then
    echo "a configuration with $* succeeds" >&2
    exit 1
  fi
  if ! grep -qF "$words" "$scratch/log"; then
    cat "$scratch/log" >&2
    exit 1
  fi
}

source=$1
missing "ramp: no Eigen 3.4 (Debian: libeigen3-dev)" -DCMAKE_DISABLE_FIND_PACKAGE_Eigen3=ON
missing "ramp: no Random123 (Debian: librandom123-dev)" "-DCMAKE_IGNORE_PATH=/usr/include;/usr/local/include"
