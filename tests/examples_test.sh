#!/usr/bin/env bash
# Runs the built examples as a user would: examples_test.sh FOLDER_OF_PROGRAMS CASE [the program's own arguments]
set -euo pipefail
export LC_ALL=C  # pictures in ASCII, whose columns can be counted in bytes
programs=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$(dirname "${BASH_SOURCE[0]}")/.."

die() {
  echo "$*" >&2
  cat "$scratch"/{out,err} >&2
  exit 1
}

# run STATUS PROGRAM [ARGUMENTS]: ends with that status; its output is in $scratch/out and $scratch/err.
run() {
  local wanted=$1 status=0
  shift
  "$programs/$1" "${@:2}" >"$scratch/out" 2>"$scratch/err" </dev/null || status=$?
  [[ $status == "$wanted" ]] || die "$*: exit status $status, not $wanted"
}

# percent_above NUMBER PATTERN: the last line of the output that begins so has a percentage of more than NUMBER.
percent_above() {
  local share
  share=$(grep -E "^$2" "$scratch/out" | tail -n 1 | grep -oE '[0-9.]+ ?%' | head -n 1 | tr -d ' %') || die "no '$2' line"
  awk -v share="$share" -v least="$1" 'BEGIN { exit !(share > least && share <= 100) }' || die "only $share %"
}

# refused STATUS WORDS ARGUMENTS...: mnist (or $refuser) ends with that status and one line on the standard error that has
# the words.
refused() {
  local status=$1 words=$2 program=${refuser:-mnist}
  shift 2
  run "$status" "$program" "$@"
  [[ $(wc -l <"$scratch/err") == 1 ]] || die "$program $*: not one line of error"
  grep -qF -- "$words" "$scratch/err" || die "$program $*: the error does not say: $words"
  [[ ! -s $scratch/out ]] || die "$program $*: printed something beside its error"
}

# lost PROGRAM ARGUMENTS...: ends with status 1 and a line that says so where its output goes to a full disk, or nowhere.
lost() {
  local output status line
  line="$(basename "$1"): the standard output could not be written"
  for output in /dev/full -; do
    status=0
    : >"$scratch/out"
    if [[ $output == - ]]; then
      "$programs/$1" "${@:2}" 2>"$scratch/err" </dev/null >&- || status=$?
    else
      "$programs/$1" "${@:2}" 2>"$scratch/err" </dev/null >"$output" || status=$?
    fi
    [[ $status == 1 && $(cat "$scratch/err") == "$line" ]] || die "$* >$output: exit status $status"
  done
}

# watched COLUMNS TERM PROGRAM ARGUMENTS...: run in a terminal; the output is in $scratch/out.
watched() {
  local columns=$1 term=$2
  shift 2
  TERM=$term script -qec "stty cols $columns; exec $(printf '%q ' "$programs/$1" "${@:2}")" /dev/null >"$scratch/out" 2>"$scratch/err" </dev/null ||
    die "$* in a terminal fails"
}

# study NAME ARGUMENTS...: its quick run prints a table and one verdict, and leaves a record, whole CSV files and figures.
study() {
  local name=$1 results=$scratch/results file
  run 0 "studies/$name" --quick --out "$results" "${@:2}"
  (($(grep -c '^Verdict: the note says ' "$scratch/out") == 1)) || die "not one verdict"
  grep -qE '^-{20,}$' "$scratch/out" || die "no table"
  if grep -qiE '\<(nan|inf)\>' "$scratch/out"; then die "prints what is no number"; fi
  if grep -q $'\e\|\r' "$scratch/out"; then die "draws a progress bar where nobody watches"; fi
  grep -q '^Verdict: ' "$results/$name.txt" || die "no verdict in the record"
  grep -q -- "^$name --quick, seeds 1 to " "$results/$name.txt" || die "the record does not say what was run"
  [[ -e $results/$name.csv ]] || die "no $name.csv"
  for file in "$results"/*.csv; do
    awk -F, 'NR == 1 { n = NF } NF != n || /(^|,)(,|$)/ { exit 1 } END { if (NR < 2) exit 1 }' "$file" || die "lines of $file"
  done
  if command -v gnuplot >/dev/null; then
    [[ -s $results/$name.png ]] || die "no $name.png"
    grep -q "</svg>" "$results/$name.svg" || die "no $name.svg"
    [[ ! -s $scratch/err ]] || die "gnuplot complains"
  else
    grep -q "gnuplot is not installed" "$scratch/out" || die "does not say why there is no figure"
  fi
}

case $2 in
  mnist)
    run 0 mnist --epochs 2 --threads 2 --csv "$scratch/csv"
    percent_above 85 "Final accuracy"
    grep -q "not MNIST's test set" "$scratch/out" || die "calls the sample MNIST's test set"
    grep -q "Confusion matrix" "$scratch/out" || die "no confusion matrix"
    (($(grep -c "^epoch" "$scratch/out") == 2)) || die "not a line for each epoch"
    if grep -q $'\e\|\r' "$scratch/out"; then die "draws a progress bar where nobody watches"; fi
    # Ten rows of the matrix hold each held-out digit once.
    total=$(grep -E '^[0-9] \|' "$scratch/out" | cut -d'|' -f2 | tr -d . | awk '{ for (i = 1; i <= NF; ++i) n += $i } END { print n }')
    [[ $total == 2000 ]] || die "the confusion matrix counts $total digits"
    awk -v limit=80 'length > limit { exit 1 }' "$scratch/out" || die "a line of more than 80 columns"
    [[ $(head -n 1 "$scratch/csv") == epoch,train_loss,test_accuracy,seconds,samples_per_second ]] || die "header of the CSV"
    (($(grep -cE '^[0-9]+,[0-9.]+,0\.[0-9]+,[0-9.]+,[0-9]+$' "$scratch/csv") == 2)) || die "lines of the CSV"
    ;;
  mnist_seeds)
    results=()
    accuracies() { grep -oE "train loss.*test accuracy [0-9.]+" "$scratch/out"; }
    for seed in 7 7 8; do
      run 0 mnist --epochs 1 --hidden 32 --threads 1 --seed "$seed" --dropout 0.1
      results+=("$(accuracies)")
    done
    [[ ${results[0]} == "${results[1]}" ]] || die "the same seed gave ${results[0]} and ${results[1]}"
    [[ ${results[0]} != "${results[2]}" ]] || die "two seeds gave ${results[0]}"
    ;;
  mnist_activations) # every name that --help lists trains
    run 0 mnist --help
    names=$(tr -s ' \n' ' ' <"$scratch/out" | grep -oE 'After each hidden layer: [a-z0-9_, ]+[a-z0-9_]' | sed 's/.*: //;s/ --.*//;s/,//g')
    [[ " $names " == *" relu "*" tanh "* ]] || die "--help lists the activations as: $names"
    for name in $names; do
      run 0 mnist --epochs 1 --hidden 32 --activation "$name" --lr 0.01
      # Through the step no gradient passes: its output layer alone learns, of 32 random features.
      percent_above "$([[ $name == unit_step ]] && echo 18 || echo 60)" "Final accuracy"
    done
    ;;
  mnist_errors)
    run 0 mnist --help
    grep -q -- --weight-decay "$scratch/out" || die "--help"
    refused 2 --unknown --unknown
    refused 2 stray stray
    refused 2 "--epochs" --epochs
    refused 2 "whole number from 1" --epochs 0
    refused 2 "whole number from 1" --epochs 2.5
    refused 2 "whole number from 1" --batch-size 0
    refused 2 "whole number from 1" --batch-size 99999999999999999999
    refused 2 "whole number from 1" --threads 0
    refused 2 "whole number from 0" --seed -1
    refused 2 "from 0 up" --lr -0.1
    refused 2 "from 0 up" --lr nan
    refused 2 "from 0 up" --lr inf
    refused 2 "from 0 up" --weight-decay -1
    refused 2 "below 1" --momentum 1
    refused 2 "below 1" --dropout 1
    refused 2 "widths from 1" --hidden 256,
    refused 2 "widths from 1" --hidden 256,x
    refused 2 "widths from 1" --hidden 0
    refused 2 "widths from 1" --hidden ""
    refused 2 "one of glorot_normal" --init normal
    refused 2 "leaky_relu" --activation reul
    refused 2 "mnist-10k, mnist, fashion-mnist" --dataset mnits
    refused 2 "bf16, float32, tf32" --precision fp16
    refused 2 "a number from 0 to just below 1" --activation leaky_relu --leak 1
    refused 2 "a number from 0 to just below 1" --activation leaky_relu --leak -0.5
    refused 2 "a number from 0 to just below 1" --activation leaky_relu --leak ""
    refused 2 "only leaky_relu has a leak" --leak 0.1
    refused 2 "--data" --data ""
    echo kept >"$scratch/kept.csv"
    run 1 mnist --csv "$scratch/kept.csv" --data /nonexistent
    [[ $(cat "$scratch/kept.csv") == kept ]] || die "a run that could not begin replaced --csv"
    refused 1 "can be written" --csv "$scratch/no/such/folder.csv"
    mkfifo "$scratch/pipe"
    refused 1 "[csv] expected a regular file, got $scratch/pipe" --csv "$scratch/pipe"
    cp -r examples/data/mnist-10k "$scratch/data"
    ln "$scratch/data/t10k-labels-idx1-ubyte.gz" "$scratch/labels"
    refused 1 "[csv] expected a file that is none of the data's, got $scratch/labels" --data "$scratch/data" --csv "$scratch/labels"
    cmp "$scratch/labels" examples/data/mnist-10k/t10k-labels-idx1-ubyte.gz || die "--csv wrote to a file of the data"
    run 1 mnist --data "$scratch"
    grep -q "train-images-idx3" "$scratch/err" || die "does not say what is missing"
    run 1 mnist --device cpu --precision tf32
    grep -q "tf32 is a format of CUDA devices" "$scratch/err" || die "does not say why not"
    run 1 mnist --lr 1e30 --epochs 2
    grep -q "smaller --lr" "$scratch/err" || die "does not say why the loss is no number"
    ;;
  lost_output)
    lost mnist --help
    lost mnist --epochs 1 --hidden none
    lost quickstart
    lost custom_layer
    lost custom_op
    lost studies/cost --help
    # The file that is opened next does not become the standard output.
    "$programs/mnist" --epochs 1 --hidden none --csv "$scratch/csv" 2>"$scratch/err" </dev/null >&- && die "ends with 0"
    (($(wc -l <"$scratch/csv") == 2)) || die "the output went to the CSV"
    mkdir "$scratch/results"
    ln -s /dev/full "$scratch/results/sparsity.txt"
    run 1 studies/sparsity --quick --out "$scratch/results"
    grep -qF "expected a record that can be written, got $scratch/results/sparsity.txt" "$scratch/err" || die "does not say what is full"
    ;;
  terminals)
    if ! command -v script >/dev/null; then
      echo "skipped: there is no script(1)"
      exit 77
    fi
    training=(mnist --epochs 2 --hidden "512,512" --threads 1)
    for columns in 80 40 12 6 3; do
      watched "$columns" xterm "${training[@]}"
      grep -q $'\e\\[K' "$scratch/out" || die "no progress in $columns columns"
      # What is drawn after an erasure, here behind a @, leaves the last column free.
      sed $'s/\r\e\\[K/\\n@/g' "$scratch/out" | grep '^@' | grep -v 'train loss' |
        awk -v columns="$columns" 'length > columns { exit 1 }' || die "progress that wraps in $columns columns"
    done
    watched 80 dumb "${training[@]}"
    if grep -q $'\e' "$scratch/out"; then die "escape sequences on a dumb terminal"; fi
    ;;
  custom_layer)
    run 0 custom_layer
    percent_above 88 "epoch 4: accuracy"
    grep -q "Block" "$scratch/out" || die "no summary"
    ;;
  custom_activation)
    run 0 custom_activation
    percent_above 95 accuracy
    ;;
  custom_op)
    run 0 custom_op
    percent_above 88 "accuracy"
    ;;
  custom_optimizer)
    run 0 custom_optimizer
    percent_above 88 "epoch 5"
    ;;
  two_spirals)
    run 0 two_spirals
    percent_above 95 "[0-9.]+ % of 500"
    ;;
  autoencoder)
    run 0 autoencoder
    awk '/^epoch 10: / { error = $6 } /^The average/ { mean = $NF + 0 } END { exit !(error > 0 && error < mean * 0.7) }' \
      "$scratch/out" || die "hardly better than the average image"
    ;;
  quickstart)
    run 0 quickstart
    awk '/^epoch 9: / { found = $3 > 0.9 } END { exit !found }' "$scratch/out" || die "not 90 % after ten epochs"
    ;;
  regression)
    run 0 regression
    awk '/^epoch 100: / { error = $4 } /^The mean/ { mean = $(NF - 2) } END { exit !(error > 0 && error < mean / 10) }' \
      "$scratch/out" || die "no better than the mean"
    run 1 regression "$scratch/none.csv"
    grep -qF "[load_csv] $scratch/none.csv: expected a readable file" "$scratch/err" || die "does not say what is missing"
    ;;
  study_*) study "${2#study_}" "${@:3}" ;;
  studies_errors)
    for file in examples/studies/*.cpp; do
      refuser=studies/$(basename "$file" .cpp)
      run 0 "$refuser" --help
      grep -q -- --quick "$scratch/out" || die "$refuser --help"
      refused 2 --unknown --unknown
      refused 2 "whole number from 1" --quick --seeds 0
      refused 1 "can be written" --quick --out "$file"
    done
    # A folder of any name, taken for nothing but a name by the shell and by gnuplot.
    folder=$'|it\'s `touch pwned` $(touch pwned) "a" \\ %d ~ \n\\'
    (cd "$scratch" && run 0 studies/initialization --quick --seeds 1 --out "$folder")
    [[ -z $(find "$scratch" -name 'pwned*') ]] || die "the name of a folder was run"
    [[ -s $scratch/$folder/initialization.csv ]] || die "no CSV in the folder"
    ! command -v gnuplot >/dev/null || [[ -s $scratch/$folder/initialization.svg ]] || die "no figure in the folder"
    run 1 studies/sparsity --data "$scratch" --out "$scratch/results"
    grep -q "expected the four files of mnist" "$scratch/err" || die "does not say what is missing"
    ;;
  *) die "no case $2" ;;
esac
