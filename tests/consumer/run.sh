#!/usr/bin/env bash
# Builds and runs the consumer: tests/consumer/run.sh BUILD_DIR SOURCE_DIR [package|subdirectory]
#   package       with ramp installed from BUILD_DIR, a finished build of SOURCE_DIR, in a prefix that is moved
#                 afterwards; found by find_package, and by pkg-config where that is installed
#   subdirectory  with SOURCE_DIR fetched by FetchContent, which may download nothing; ramp is a shared library in a
#                 Debug build, and its own warnings are errors
set -euo pipefail

build=$(mkdir -p "$1" && cd "$1" && pwd)
source=$(cd "$2" && pwd)
here=$build/consumer
rm -rf "$here"

case ${3:-package} in
  package)
    cmake --install "$build" --prefix "$here/first" >/dev/null
    mv "$here/first" "$here/prefix"
    compiler=$(sed -n 's/^CMAKE_CXX_COMPILER:[A-Z]*=//p' "$build/CMakeCache.txt")
    options=(-DCMAKE_BUILD_TYPE=Release "-DCMAKE_PREFIX_PATH=$here/prefix" "-DCMAKE_CXX_COMPILER=$compiler")
    ;;
  subdirectory)
    options=(-DCMAKE_BUILD_TYPE=Debug "-DRAMP_SOURCE=$source" -DRAMP_WERROR=ON -DBUILD_SHARED_LIBS=ON
      -DFETCHCONTENT_FULLY_DISCONNECTED=ON)
    ;;
  *)
    echo "usage: $0 BUILD_DIR SOURCE_DIR [package|subdirectory]" >&2
    exit 2
    ;;
esac

# A user's project has its own folder, and sees nothing of this one.
mkdir -p "$here"
cp -r "$source/tests/consumer" "$here/project"
cmake -G Ninja -S "$here/project" -B "$here/build" "${options[@]}"
if grep '^RAMP_CUDA:.*=\(ON\|AUTO\)$\|^CMAKE_CUDA_COMPILER:.' "$here/build/CMakeCache.txt"; then
  echo "ramp builds CUDA in a project that did not ask for it" >&2
  exit 1
fi
cmake --build "$here/build"
"$here/build/consumer"

pc=$(find "$here" -name ramp.pc -path '*/prefix/*')
if [[ -n $pc ]] && command -v pkg-config >/dev/null; then
  export PKG_CONFIG_PATH=${pc%/*}
  # shellcheck disable=SC2046
  "$compiler" -std=c++20 "$here/project/main.cpp" -o "$here/by_pkg_config" $(pkg-config --cflags --libs --static ramp)
  "$here/by_pkg_config"
fi
