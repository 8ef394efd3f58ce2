#!/usr/bin/env bash
# Which folder may include which, from the lowest to the highest: every other include between two folders is an error, and
# so is a header of a backend's inside, or of another room's, that a public header would bring along: tests/rooms_test.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

rooms='
core:
core/array: core core/formulas
core/formulas: core
core/random: core core/formulas
core/backend: core core/array core/formulas core/random
core/cpu: core core/array core/formulas core/random core/backend
cuda: core core/array core/formulas core/random core/backend core/array_ops core/autograd
core/dispatch: core core/array core/backend core/cpu cuda
core/array_ops: core core/array core/formulas core/random core/backend core/dispatch
core/autograd: core core/array core/formulas core/random core/cpu core/array_ops
core/capture: core core/random core/backend core/dispatch core/array_ops core/autograd
core/data: core core/array core/random core/array_ops core/autograd
init: core/formulas core/cpu core/autograd
layers: core core/formulas core/random core/array_ops core/autograd core/data init
optim: core core/formulas core/backend core/array_ops core/autograd
'
# cuda/map.cuh, which users include, is the one file of cuda/ that stands on operations.
above_backends='^cuda/map\.cuh:core/(array_ops|autograd)/'
private='^core/(dispatch/on|backend/step_recorder|random/philox|cpu/(cpu|graph|kernels|loops|onednn|packet|sharing)|capture/(trace|step_graph)|array/block_cache|data/prefetch|array_ops/checks)\.h$|^optim/(arena|group)\.h$'

status=0
error() {
  echo "$*" >&2
  status=1
}

# FILE:HEADER for every include of the library's own headers.
includes=$(grep -rHoE '^#include "ramp/[^"]+"' core layers init optim cuda --include='*.h' --include='*.cpp' --include='*.cu' \
  --include='*.cuh' | sed -E 's,:#include "ramp/,:,; s,"$,,' | grep -v '^core/ramp\.h:')
while IFS=: read -r file header; do
  from=$(dirname "$file") to=$(dirname "$header")
  allowed=$(sed -n "s,^$from: *,,p" <<<"$rooms")
  grep -q "^$from:" <<<"$rooms" || error "$file: no room is named $from"
  if [[ $from != "$to" && " $allowed " != *" $to "* ]]; then error "$file includes $header, but $from may not include $to"; fi
  if [[ $from == cuda && $to =~ ^core/(array_ops|autograd)$ && ! "$file:$header" =~ $above_backends ]]; then
    error "$file includes $header, but only cuda/map.cuh may"
  fi
done <<<"$includes"

# What a program gets with ramp.h: the headers that each round adds, until none is new.
public=core/ramp.h
while true; do
  more=$({ echo "$public"; xargs grep -hoE '^#include "ramp/[^"]+"' <<<"$public" | sed -E 's,^#include "ramp/,,; s,"$,,'; } | sort -u)
  if [[ $more == "$public" ]]; then break; fi
  public=$more
done
if grep -E "$private" <<<"$public"; then error "these private headers are included by public ones"; fi
exit $status
