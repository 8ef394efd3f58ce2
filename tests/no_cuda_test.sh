#!/usr/bin/env bash
# A library built without CUDA asks the linker for nothing of it: tests/no_cuda_test.sh LIBRARY
set -euo pipefail
symbols=$(nm --undefined-only "$1")
if grep -E ' U (cuda|cublas)' <<<"$symbols"; then
  echo "$1 needs these CUDA symbols" >&2
  exit 1
fi
