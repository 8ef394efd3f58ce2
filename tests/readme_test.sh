#!/usr/bin/env bash
# The first C++ block of README.md is examples/quickstart.cpp, to the letter.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
block=$(mktemp)
trap 'rm -f "$block"' EXIT
awk '/^```/ && inside { exit } inside { print } /^```cpp$/ { inside = 1 }' README.md >"$block"
[[ -s $block ]] || { echo "README.md has no cpp block" >&2 && exit 1; }
diff "$block" examples/quickstart.cpp
