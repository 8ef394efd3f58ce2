#!/usr/bin/env bash
# Builds and runs the consumer: tests/consumer/run.sh BUILD_DIR SOURCE_DIR [package|subdirectory]
#   package       with ramp installed from BUILD_DIR, a finished build of SOURCE_DIR, and found by find_package
#   subdirectory  with SOURCE_DIR added to the project
set -euo pipefail

build=$(mkdir -p "$1" && cd "$1" && pwd)
source=$(cd "$2" && pwd)
here=$build/consumer
rm -rf "$here"

options=(-DCMAKE_BUILD_TYPE=Release)
case ${3:-package} in
  package)
    cmake --install "$build" --prefix "$here/prefix" >/dev/null
    compiler=$(sed -n 's/^CMAKE_CXX_COMPILER:[A-Z]*=//p' "$build/CMakeCache.txt")
    options+=("-DCMAKE_PREFIX_PATH=$here/prefix" "-DCMAKE_CXX_COMPILER=$compiler")
    ;;
  subdirectory) options+=("-DRAMP_SOURCE=$source" -DRAMP_CUDA=OFF) ;;
  *)
    echo "usage: $0 BUILD_DIR SOURCE_DIR [package|subdirectory]" >&2
    exit 2
    ;;
esac

# A user's project has its own folder, and sees nothing of this one.
mkdir -p "$here"
cp -r "$source/tests/consumer" "$here/project"
cmake -G Ninja -S "$here/project" -B "$here/build" "${options[@]}"
cmake --build "$here/build"
"$here/build/consumer"
