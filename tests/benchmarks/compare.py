"""Ramp beside PyTorch on the CPU (compare_gpu.py: on a GPU): times both in turn, round after round, and prints medians, ratios and their spread.

compare.py BENCHMARK [--rounds N] [--threads N ...] [--out DIR] [--peer-python PYTHON] [--no-compile] [--quick]

BENCHMARK is the program of that name. Writes results.csv into DIR, and the figure when gnuplot is there.
"""

import argparse
import contextlib
import csv
import os
import pathlib
import platform
import select
import shutil
import statistics
import subprocess
import sys
import time

here = pathlib.Path(__file__).resolve().parent
nets, batches = ["small", "wide", "deep", "adam"], [1, 32, 128, 1024, 8192]
flop_per_sample = {
    "small": 2 * (2 * (784 * 128 + 128 * 10) + 128 * 10),
    "wide": 2 * (2 * (784 * 512 + 512 * 512 + 512 * 10) + 512 * 512 + 512 * 10),
    "deep": 2 * (2 * (784 * 128 + 9 * 128 * 128 + 128 * 10) + 9 * 128 * 128 + 128 * 10),
}
flop_per_sample["adam"] = flop_per_sample["wide"]  # the same net, trained with Adam


class Refused(Exception):
    """A request that got no answer, and why."""


class Side:
    """One of the programs, waiting for requests."""

    def __init__(self, command, environment=None):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ, **(environment or {}))
        )

    def ask(self, request, seconds=None):
        """The answer, which may take so many seconds."""
        try:
            self.process.stdin.write(request + "\n")
            self.process.stdin.flush()
            # A line comes at once or not at all, so what is readable is a whole one.
            ready = select.select([self.process.stdout], [], [], seconds)[0]
            answer = self.process.stdout.readline().strip() if ready else f"nothing in {seconds:.0f} s"
        except BrokenPipeError:
            ready, answer = True, ""
        if not ready or not answer or answer.startswith("error"):
            raise Refused(f"asked for '{request}', got '{answer or 'nothing: the program ended'}'")
        return answer

    def measure(self, request, seconds=None):
        return float(self.ask(request, seconds))

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()


def on_threads(command, threads):
    return Side(command + [str(threads)], {"OMP_NUM_THREADS": str(threads)})


class Progress:
    def __init__(self, total):
        self.total, self.done, self.begin = total, 0, time.time()

    def step(self, what):
        self.done += 1
        left = (time.time() - self.begin) / self.done * (self.total - self.done)
        if sys.stderr.isatty():
            print(f"\r\033[K{what}: {self.done}/{self.total}, {left / 60:.0f} min left", end="", file=sys.stderr)
            if self.done == self.total:
                print(file=sys.stderr)
        elif self.done % max(1, self.total // 20) == 0:
            print(f"{what}: {self.done}/{self.total}, {left / 60:.0f} min left", file=sys.stderr, flush=True)


def rounds_of(ours, peer, requests, rounds, what):
    """{request: [value of each round]}; a request is (side, line), and both sides are asked in turn."""
    results = {request: [] for request in requests}
    progress = Progress(rounds * len(requests))
    for _ in range(rounds):
        for side, line in requests:
            results[side, line].append((ours if side == "ramp" else peer).measure(line))
            progress.step(what)
    return results


def ratio(peer_rounds, our_rounds):
    """How many times faster we are: the median of the rounds' ratios, and the smallest and largest of them."""
    each = sorted(p / o for p, o in zip(peer_rounds, our_rounds))
    return statistics.median(each), each[0], each[-1]


def steps(ours, peer, threads, options, rows):
    """Training steps, and what of the machine's limit they reach."""
    modes = ["eager"] if options.no_compile else ["eager", "compile"]
    sizes = batches if not options.quick else [32, 1024]
    requests = [("ramp", "fma")]
    for net in nets:
        for batch in sizes:
            requests += [("ramp", f"step {net} {batch} {mode}") for mode in ("eager", "captured")]
            requests += [("torch", f"step {net} {batch} {mode}") for mode in modes]
    results = rounds_of(ours, peer, requests, options.rounds, f"steps, {threads} threads")
    peak = statistics.median(results["ramp", "fma"])
    print(f"\nTraining steps, {threads} thread{'s' if threads > 1 else ''}; thousand samples/s; FMA peak {peak:.0f} GFLOP/s")
    print(f"{'net':6}{'batch':>6}{'PyTorch':>9}{'compiled':>9}{'eager':>8}{'captured':>9}{'ratio':>7}  {'spread':12}{'eager':>6}{'% peak':>7}")
    for net in nets:
        for batch in sizes:
            def rate(side, mode):
                return batch / statistics.median(results[side, f"step {net} {batch} {mode}"]) / 1000

            peer_modes = [results["torch", f"step {net} {batch} {mode}"] for mode in modes]
            best = min(peer_modes, key=statistics.median)
            captured = results["ramp", f"step {net} {batch} captured"]
            eager = results["ramp", f"step {net} {batch} eager"]
            middle, low, high = ratio(best, captured)
            share = rate("ramp", "captured") * 1000 * flop_per_sample[net] / peak / 1e9 * 100
            compiled = "-" if options.no_compile else f"{rate('torch', 'compile'):.1f}"
            eager_ratio = ratio(results["torch", f"step {net} {batch} eager"], eager)[0]
            print(
                f"{net:6}{batch:6}{rate('torch', 'eager'):9.1f}{compiled:>9}{rate('ramp', 'eager'):8.1f}{rate('ramp', 'captured'):9.1f}"
                f"{middle:7.2f}  {f'{low:.2f}-{high:.2f}':12}{eager_ratio:6.2f}{share:7.0f}"
            )
            for side, mode in [("ramp", "eager"), ("ramp", "captured")] + [("torch", mode) for mode in modes]:
                value = statistics.median(results[side, f"step {net} {batch} {mode}"])
                rows.append(["step", threads, net, batch, f"{side} {mode}", value, "s"])
            rows.append(["ratio", threads, net, batch, "captured to the better of PyTorch's", middle, f"{low:.3f}-{high:.3f}"])
            rows.append(["ratio", threads, net, batch, "eager to eager", eager_ratio, ""])
            rows.append(["share of FMA peak", threads, net, batch, "ramp captured", share / 100, ""])


def reduced(ours, threads, options, rows):
    """Captured steps with bfloat16 products beside those with float32 ones, where the processor has them."""
    sizes = [128, 1024, 8192] if not options.quick else [1024]
    requests = [("ramp", f"step {net} {batch} captured{precision}") for net in nets for batch in sizes for precision in ("", " bf16")]
    try:
        results = rounds_of(ours, None, requests, options.rounds, f"bf16, {threads} threads")
    except Refused as refusal:
        print(f"\nbfloat16 products: none here, {refusal}")
        return
    print(f"\nCaptured steps with bfloat16 products, times float32's speed\n{'net':6}" + "".join(f"{batch:>7}" for batch in sizes))
    for net in nets:
        line = f"{net:6}"
        for batch in sizes:
            step = f"step {net} {batch} captured"
            middle, low, high = ratio(results["ramp", step], results["ramp", step + " bf16"])
            line += f"{middle:7.2f}"
            rows.append(["bf16", threads, net, batch, "captured, to float32", middle, f"{low:.3f}-{high:.3f}"])
        print(line)


def elementwise(ours, peer, threads, options, rows):
    """Activations over an array far beyond the caches, against copying as many bytes; tiny operations."""
    n = 50_000_000 if not options.quick else 5_000_000
    names = ["relu", "leaky_relu", "elu", "sigmoid", "tanh", "gelu"]
    moved = {"forward": 2, "backward": 4}  # arrays read and written: x, y; x, y, gradient, out
    requests = [("ramp", f"copy {4 * n}")]
    for name in names:
        for direction in moved:
            requests += [(side, f"map {name} {n} {direction}") for side in ("ramp", "torch")]
    operations = ["add", "relu", "matmul", "backward"]
    for name in operations:
        requests += [(side, f"op {name}") for side in ("ramp", "torch")]
    results = rounds_of(ours, peer, requests, options.rounds, f"activations, {threads} threads")
    copy = statistics.median(results["ramp", f"copy {4 * n}"])
    print(f"\nActivations of {n // 1_000_000} million floats, {threads} thread{'s' if threads > 1 else ''}: % of the copy's {copy:.1f} GB/s, and times PyTorch's speed")
    print(f"{'':12}{'forward':>9}{'':8}{'backward':>9}")
    for name in names:
        line = f"{name:12}"
        for direction, arrays in moved.items():
            request = f"map {name} {n} {direction}"
            share = 4 * n * arrays / statistics.median(results["ramp", request]) / 1e9 / copy
            middle = ratio(results["torch", request], results["ramp", request])[0]
            line += f"{100 * share:8.0f}% {f'({middle:.2f}x)':8}"
            rows.append(["activation", threads, name, n, direction, share, f"{middle:.3f} times PyTorch"])
        print(line)
    if threads > 1:
        return
    print("\nOperations on 8 x 8 tensors, microseconds: ramp, PyTorch")
    for name in operations:
        mine, its = (statistics.median(results[side, f"op {name}"]) * 1e6 for side in ("ramp", "torch"))
        print(f"{name:12}{mine:9.2f}{its:9.2f}")
        rows.append(["operation", threads, name, 64, "ramp", mine, "us"])
        rows.append(["operation", threads, name, 64, "torch", its, "us"])


def once(command, request):
    begin = time.perf_counter()
    side = on_threads(command, os.cpu_count())
    value = side.measure(request)
    side.close()
    return value, time.perf_counter() - begin


def footprint(ours, peer, options, rows):
    """Start-up, memory, compile time, sizes."""
    print("\n                                        ramp   PyTorch")

    def show(what, mine, its, unit):
        print(f"{what:36}{mine:8.2f}{its if isinstance(its, str) else f'{its:.2f}':>10} {unit}")
        rows.append(["footprint", os.cpu_count(), what, "", "ramp", mine, unit])
        if not isinstance(its, str):
            rows.append(["footprint", os.cpu_count(), what, "", "torch", its, unit])

    start = [statistics.median(once(command, "first")[1] for _ in range(options.rounds)) for command in (ours, peer)]
    show("from start to a first training step", *start, "s")
    show("peak memory, wide at batch 1024", once(ours, "memory")[0], once(peer, "memory")[0], "MiB")
    build = pathlib.Path(ours[0]).resolve().parent.parent
    quickstart = here.parent.parent / "examples/quickstart.cpp"
    compiler = os.environ.get("CXX", "c++")
    times = []
    for _ in range(options.rounds):
        begin = time.perf_counter()
        subprocess.run([compiler, "-std=c++20", "-O2", f"-I{build}/include", "-c", quickstart, "-o", "/dev/null"], check=True)
        times.append(time.perf_counter() - begin)
    show("compiling the quickstart", statistics.median(times), "-", "s")
    location = subprocess.run(peer[:1] + ["-c", "import torch; print(torch.__path__[0])"], capture_output=True, text=True, check=True)
    library = pathlib.Path(location.stdout.strip()) / "lib"
    cpu_parts = [f for f in library.glob("*.so*") if "cuda" not in f.name and "nv" not in f.name]
    show("the library", (build / "libramp.a").stat().st_size / 1e6, sum(f.stat().st_size for f in cpu_parts) / 1e6, "MB")


def machine(peer_version):
    lines = [line.split(":") for line in open("/proc/cpuinfo") if ":" in line]
    about = {key.strip(): value.strip() for key, value in reversed(lines)}
    model = about.get("model name", platform.machine())
    for flag, name in [("amx_tile", "AMX"), ("avx512f", "AVX-512"), ("avx2", "AVX2")]:
        if flag in about.get("flags", "").split():
            model += f" with {name}"
            break
    compiler = subprocess.run([os.environ.get("CXX", "c++"), "--version"], capture_output=True, text=True).stdout.splitlines()[0]
    return f"{model}, {os.cpu_count()} cores; {compiler}; PyTorch {peer_version}; {time.strftime('%Y-%m-%d')}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmark")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({1, os.cpu_count()}))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("."))
    parser.add_argument("--peer-python", default=sys.executable)
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
    parser.add_argument("--quick", action="store_true", help="two batch sizes, small arrays: to try the script itself")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    ours, peer = [options.benchmark], [options.peer_python, str(here / "peer.py")]
    rows = []
    sides = on_threads(ours, 1), on_threads(peer, 1)
    text = machine(sides[1].ask("version"))
    for side in sides:
        side.close()
    print(text)
    for threads in options.threads:
        sides = on_threads(ours, threads), on_threads(peer, threads)
        steps(*sides, threads, options, rows)
        reduced(sides[0], threads, options, rows)
        elementwise(*sides, threads, options, rows)
        for side in sides:
            side.close()
    footprint(ours, peer, options, rows)

    with open(options.out / "results.csv", "w", newline="") as file:
        csv.writer(file).writerows([["what", "threads", "of", "size", "who", "value", "unit"], ["machine", "", text], *rows])
    if shutil.which("gnuplot"):
        subprocess.run(["gnuplot", "-e", f"folder='{options.out}'", str(here / "figure.gp")], check=True)
        print(f"\nwrote results.csv and speed.svg to {options.out}")
    else:
        print(f"\nwrote results.csv to {options.out}; no figure, for gnuplot is not installed")


if __name__ == "__main__":
    try:
        main()
    except Refused as refusal:
        sys.exit(f"compare.py: {refusal}")
