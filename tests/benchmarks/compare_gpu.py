"""Ramp beside PyTorch and JAX on this machine's GPU: what it can do at most, training steps, activations, time to accuracy.

compare_gpu.py BENCHMARK [--budget SECONDS] [--rounds N] [--out DIR] [--peer-python PYTHON] [--no-peers]

BENCHMARK is the program of that name, built with CUDA. The sides are asked in turn, the cases with a target first, and the
whole is repeated while the budget lasts. Every answer goes into DIR/results_gpu.csv as it comes; the tables, and the
figure where gnuplot is there, come at the end, also when it is stopped (SIGTERM). Where a side is not installed or cannot
do a case, the tables have a "-".
"""

import argparse
import csv
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import time

from compare import Progress, Refused, Side, here, ratio

nets = {"small": "784-128-10", "wide": "784-512-512-10", "eight": "784-(8x256)-10"}
batches, precisions = [128, 1024, 65536], ["float32", "tf32", "bf16"]
peers = {"eager": "torch", "graph": "torch", "compile": "torch", "compiled": "torch", "scan": "jax"}
# A column of the table, and the better of which modes it shows.
columns = {"eager": ["eager"], "graph": ["graph"], "compile": ["compile", "compiled"], "scan": ["scan"]}
# Case and our mode: how many times faster than each column, and microseconds on an H200.
targets = {
    ("wide", 128, "float32", "captured"): ({"eager": 5, "graph": 1.3, "compile": 1.1, "scan": 1}, 50),
    ("wide", 1024, "tf32", "captured"): ({"eager": 3, "graph": 1.2, "compile": 1, "scan": 1}, 65),
    ("wide", 65536, "tf32", "captured"): ({"eager": 1.2, "graph": 1.1, "compile": 1, "scan": 1}, 850),
    ("wide", 65536, "bf16", "captured"): ({"eager": 1.2, "graph": 1.1, "compile": 1, "scan": 1}, 500),
    ("eight", 128, "float32", "captured"): ({"eager": 5, "graph": 1.3, "compile": 1.1, "scan": 1}, 130),
    ("wide", 128, "float32", "eager"): ({"eager": 2.5}, 110),
}
formulas = ["relu", "leaky_relu", "elu", "sigmoid", "tanh", "gelu"]
moved = {"forward": 2, "backward": 4}  # arrays read and written: x, y; x, y, gradient, out
elements = 64 << 20  # 256 MiB of float32
gemm = 8192
accuracies, seeds = [0.97, 0.98], [1, 2, 3]

ceilings = [f"copy {4 * elements}", *(f"gemm {gemm} {p}" for p in precisions), "empty"]
activations = [f"map {f} {elements} {d}" for f in formulas for d in moved]
to_accuracy = [f"accuracy {a} {seed}" for a in accuracies for seed in seeds]


def requests():
    """(side, line), the most important first."""

    def case(net, batch, precision, modes):
        return [(who, f"step {net} {batch} {mode} {precision}") for who, mode in modes]

    ours = [("ramp", "eager"), ("ramp", "captured")]
    theirs = [(who, mode) for mode, who in peers.items()]
    every = [(net, batch, precision) for precision in precisions for batch in batches for net in nets]
    first = list(dict.fromkeys(key[:3] for key in targets))
    asked = [("ramp", line) for line in ceilings]
    for key in first:
        asked += case(*key, ours + theirs)
    asked += [("ramp", line) for line in activations + to_accuracy]
    for key in every:
        if key not in first:
            asked += case(*key, ours)
    for key in every:
        if key not in first:
            asked += case(*key, theirs)
    return asked


class Sides:
    """Programs that are started when they are first asked, and again when they ended or took too long."""

    def __init__(self, commands):
        self.commands, self.running = commands, {}

    def ask(self, who, line, seconds):
        if who not in self.running:
            self.running[who] = Side(self.commands[who])
        try:
            return self.running[who].ask(line, seconds)
        except Refused as refusal:
            if "got 'error" not in str(refusal):
                self.running[who].process.kill()
                self.running.pop(who).close()
            raise

    def close(self):
        for side in self.running.values():
            side.process.kill()
            side.close()


class Results:
    """What was answered, {(side, line): [value of each round]}, and the file that has it."""

    def __init__(self, file):
        self.values, self.rows, self.file = {}, csv.writer(file), file
        self.write("what", "net", "batch", "precision", "who", "value", "unit")

    def write(self, *row):
        self.rows.writerow(row)
        self.file.flush()

    def add(self, who, line, value):
        self.values.setdefault((who, line), []).append(value)
        what, *words = line.split()
        if what == "step":
            net, batch, mode, precision = words
            self.write("step", net, batch, precision, f"{who} {mode}", value, "s")
        else:
            unit = {"copy": "GB/s", "gemm": "TFLOP/s", "empty": "us"}.get(what, "s")
            self.write(" ".join([what, *words]), "", "", "", who, value, unit)

    def median(self, line, who="ramp"):
        found = self.values.get((who, line))
        return statistics.median(found) if found else None

    def steps(self, who, case, mode):
        net, batch, precision = case
        return self.values.get((who, f"step {net} {batch} {mode} {precision}"))


def shown(value, form):
    return "-" if value is None else format(value, form)


def print_ceilings(results):
    copy, empty = results.median(ceilings[0]), results.median("empty")
    rates = ", ".join(f"{p} {shown(results.median(f'gemm {gemm} {p}'), '.0f')}" for p in precisions)
    print(f"\nAt most: copy {shown(copy, '.0f')} GB/s; products of {gemm} x {gemm}, TFLOP/s: {rates}; a tiny node of a graph {shown(empty, '.2f')} us")


def print_steps(results):
    print("\nTraining steps, microseconds; peers' time to ours [target]; met or not")
    print(f"{'net':6}{'batch':>6} {'precision':10}{'mode':9}{'us':>9} {'target':8}" + "".join(f"{c:>15}" for c in columns))
    every = [(n, b, p) for n in nets for b in batches for p in precisions]
    for *case, mode in [*targets, *((*c, m) for c in every for m in ("captured", "eager") if (*c, m) not in targets)]:
        mine = results.steps("ramp", case, mode)
        if not mine:
            continue
        wanted, at_most = targets.get((*case, mode), ({}, None))
        us = statistics.median(mine) * 1e6
        met = at_most is None or us <= at_most
        unknown = False
        line = f"{case[0]:6}{case[1]:6} {case[2]:10}{mode:9}{us:9.1f} {'' if at_most is None else f'<={at_most}':8}"
        missed = [] if met else ["us"]
        for column, modes in columns.items():
            theirs = [found for m in modes if (found := results.steps(peers[m], case, m))]
            if not theirs or (mode == "eager" and column != "eager"):
                line += f"{'-':>15}"
                unknown = unknown or column in wanted
                continue
            middle, low, high = ratio(min(theirs, key=statistics.median), mine)
            results.write("ratio", *case, f"{mode} to {column}", middle, f"{low:.3f}-{high:.3f}")
            line += f"{middle:9.2f} {f'[{wanted[column]}]' if column in wanted else '':5}"
            if middle < wanted.get(column, 0):
                missed.append(column)
        if wanted:
            line += f"  missed: {', '.join(missed)}" if missed else "  not all measured" if unknown else "  met"
        print(line)


def print_activations(results):
    copy = results.median(ceilings[0])
    if not copy or not any(results.median(line) for line in activations):
        return
    print(f"\nActivations of {elements} floats: share of the copy's rate [85 %]")
    print(f"{'':12}" + "".join(f"{d:>10}" for d in moved))
    for f in formulas:
        shares = []
        for direction, arrays in moved.items():
            seconds = results.median(f"map {f} {elements} {direction}")
            shares.append(4 * elements * arrays / seconds / 1e9 / copy if seconds else None)
            if seconds:
                results.write("share of copy", f, elements, "", direction, shares[-1], "")
        print(f"{f:12}" + "".join(f"{shown(share, '.0%'):>10}" for share in shares))


def print_accuracy(results, start):
    each = {a: [v for seed in seeds for v in results.values.get(("ramp", f"accuracy {a} {seed}"), [])] for a in accuracies}
    if not any(each.values()):
        return
    print("\nSeconds of training to a test accuracy on MNIST, 784-512-512-10, float32 [98 % in 0.3 s]; smallest and largest")
    for a, values in each.items():
        if values:
            print(f"{a:.0%}: {statistics.median(values):.3f}  {min(values):.3f}-{max(values):.3f}, seeds {len(seeds)}")
    print(f"From the start of a program to its first training step: {shown(start, '.2f')} s")


def output_of(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def machine(sides, wanted):
    gpu = output_of("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader").splitlines()[:1]
    release = [line for line in output_of("nvcc", "--version").splitlines() if "release" in line]
    parts = [f"{gpu[0].replace(', ', ', driver ')}" if gpu else "no nvidia-smi", release[0].split(",")[-1].strip() if release else "no nvcc"]
    for who, name in {"torch": "PyTorch", "jax": "JAX"}.items():
        if who not in wanted:
            continue
        try:
            parts.append(f"{name} {sides.ask(who, 'version', 120)}")
        except Refused as refusal:
            parts.append(f"no {name}")
            wanted.remove(who)
            print(f"{name}: {refusal}", file=sys.stderr)
    return "; ".join([*parts, time.strftime("%Y-%m-%d")])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmark")
    parser.add_argument("--budget", type=float, default=420, help="seconds after which nothing new is asked")
    parser.add_argument("--rounds", type=int, default=5, help="at most")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("."))
    parser.add_argument("--peer-python", default=sys.executable)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--device", default="cuda", help="cpu: the smallest case alone, to try this script itself")
    options = parser.parse_args()
    end = time.monotonic() + options.budget
    options.out.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))

    ours = [options.benchmark, options.device if options.device == "cuda" else str(os.cpu_count())]
    peer = [options.peer_python, str(here / "gpu_peer.py")]
    sides = Sides({"ramp": ours, "torch": [*peer, "torch", options.device], "jax": [*peer, "jax", options.device]})
    wanted = {"ramp"} if options.no_peers else {"ramp", "torch", "jax"}
    start = None
    refused = set()
    with open(options.out / "results_gpu.csv", "w", newline="") as file:
        results = Results(file)
        try:
            begin = time.perf_counter()
            sides.ask("ramp", "first", 120)  # else there is nothing to compare
            start = time.perf_counter() - begin
            text = machine(sides, wanted)
            print(text, flush=True)
            results.write("machine", text, "", "", "", "", "")
            results.write("start", "", "", "", "ramp", start, "s")
            asked = [(who, line) for who, line in requests() if who in wanted]
            if options.device == "cpu":
                asked = [(who, line) for who, line in asked if "step small 128" in line and "float32" in line or line == "empty"]
            for turn in range(options.rounds):
                progress = Progress(len(asked))
                for who, line in asked:
                    left = end - time.monotonic()
                    if left <= 0:
                        break
                    try:
                        if (who, line) not in refused:
                            results.add(who, line, float(sides.ask(who, line, min(left + 20, 150))))
                    except Refused as refusal:
                        refused.add((who, line))
                        results.write("refused", "", "", "", who, line, str(refusal))
                        print(f"\n{who}: {refusal}", file=sys.stderr, flush=True)
                    progress.step(f"round {turn + 1}")
        except Refused as refusal:
            sys.exit(f"compare_gpu.py: {refusal}")
        finally:
            sides.close()
            if results.values:
                print_ceilings(results)
                print_activations(results)
                print_accuracy(results, start)
                print_steps(results)
    if shutil.which("gnuplot") and len(wanted) > 1:
        subprocess.run(["gnuplot", "-e", f"folder='{options.out}'", str(here / "figure_gpu.gp")])
    print(f"\nwrote {options.out}/results_gpu.csv")


if __name__ == "__main__":
    main()
