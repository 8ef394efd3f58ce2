#!/usr/bin/env bash
# What the compiler made of the kernels, read without a GPU: tests/kernels_report.sh [FOLDER]
# For each kernel in FOLDER's object files (build/cuda/cuda unless said otherwise): registers, bytes of stack and of static
# shared memory, instructions that spill to local memory, and the widest load and store of global memory in bits, 0 for
# none. Kernels that spill come first, then those with narrow access. CUOBJDUMP names the program of that name when it is
# not in the toolkit (Triton's Python package brings one).
set -euo pipefail
folder=${1:-$(dirname "${BASH_SOURCE[0]}")/../build/cuda/cuda}
export PATH=$PATH:/usr/local/cuda/bin
cuobjdump=${CUOBJDUMP:-cuobjdump}
command -v "$cuobjdump" >/dev/null || { echo "kernels_report: no cuobjdump; it is part of the CUDA Toolkit" >&2; exit 1; }
mapfile -t objects < <(find "$folder" -name '*.cu.o' | sort)
((${#objects[@]})) || { echo "kernels_report: no *.cu.o in $folder; build with RAMP_CUDA=ON first" >&2; exit 1; }

# "Function NAME:" and a line of resources, then "Function : NAME" and its code.
kernels() {
  local object
  for object in "${objects[@]}"; do
    { "$cuobjdump" --dump-resource-usage "$object"; "$cuobjdump" --dump-sass "$object"; } |
      awk -v file="$(basename "$object" .o)" '
        # Of LDG.E.128 and the like; without a number 32, of U8, S16 and so on less.
        function width(code,  found) {
          if (match(code, /\.(128|64)/)) return substr(code, RSTART + 1, RLENGTH - 1) + 0
          if (match(code, /\.[US](8|16)/)) return substr(code, RSTART + 2, RLENGTH - 2) + 0
          return 32
        }
        /^ *Function [^:]+:$/ { name = $2; sub(/:$/, "", name); next }
        /REG:[0-9]+/ {
          for (i = 1; i <= NF; ++i) { split($i, part, ":"); has[name, part[1]] = part[2] }
          names[++count] = name
          next
        }
        /Function : / { name = $3; next }
        /^ *\/\*[0-9a-f]+\*\// {
          for (i = 2; i <= 3 && i <= NF; ++i) {
            if ($i ~ /^LDG/ && width($i) > load[name]) load[name] = width($i)
            if ($i ~ /^STG/ && width($i) > store[name]) store[name] = width($i)
            if ($i ~ /^(LDL|STL)/) ++spills[name]
          }
        }
        END {
          for (k = 1; k <= count; ++k) {
            name = names[k]
            print has[name, "REG"] + 0, has[name, "STACK"] + 0, has[name, "SHARED"] + 0, spills[name] + 0, load[name] + 0, store[name] + 0, file, name
          }
        }'
  done
}

printf '%5s %6s %7s %7s %5s %6s  %s\n' regs stack shared spills load store kernel
kernels | c++filt | sed 's/(anonymous namespace):://g; s/ramp:://g' | sort -k4,4nr -k5,5n -k6,6n -k7 |
  awk '
    {
      text = $0
      for (i = 1; i <= 7; ++i) sub(/^[^ ]+ /, "", text)
      printf "%5d %6d %7d %7d %5d %6d  %s: %s\n", $1, $2, $3, $4, $5, $6, $7, text
      ++count
      if ($4 > 0 || $2 > 0) ++spilling
      if ($5 < 128 && $6 < 128) ++narrow
      if ($1 > most) most = $1
    }
    END { printf "%d kernels; %d with stack or spills; %d without 128-bit access; at most %d registers\n", count, spilling, narrow, most }'
