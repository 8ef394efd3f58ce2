"""What PyTorch and JAX take for a training step on the GPU: the same requests as benchmark.cpp's, on the standard input.

gpu_peer.py torch|jax [DEVICE], then: version; step NET BATCH MODE PRECISION. DEVICE is cuda unless said otherwise (cpu: to
try this script itself). The modes of torch, all with the fused optimizer:
  eager     as one writes it
  graph     forward, backward and update captured as one CUDA graph
  compile   torch.compile(mode="reduce-overhead"), which uses CUDA graphs of its own; the update outside
  compiled  torch.compile's kernels and the update captured as one CUDA graph
and of jax: scan, a jitted lax.scan over the steps.
"""

import contextlib
import os
import statistics
import sys
import time

hidden = {"small": [128], "wide": [512] * 2, "deep": [128] * 10, "eight": [256] * 8}
device = sys.argv[2] if len(sys.argv) > 2 else "cuda"
rate, momentum, turns = 0.01, 0.9, 8  # batches that take turns


def steps_of(batch):
    """As step() in benchmark.cpp; few on the CPU, whose times say nothing here."""
    return 5 if device == "cpu" else 20 if batch >= 65536 else 200


def median_of_five(stretch, calls):
    """Seconds a call: the median of five stretches, each of which waits for its last result, after another one."""

    def timed():
        begin = time.perf_counter()
        stretch()
        return (time.perf_counter() - begin) / calls

    timed()
    return statistics.median(timed() for _ in range(5))


def torch_side():
    import torch
    from torch.nn import Linear, ReLU, Sequential, functional

    if device == "cuda" and not torch.cuda.is_available():
        raise RuntimeError(f"PyTorch {torch.__version__} finds no GPU")
    torch._dynamo.config.recompile_limit = 1000  # each net and batch is a version of the same function

    def network(name):
        widths, layers = [784, *hidden[name]], []
        for i, o in zip(widths, widths[1:]):
            layers += [Linear(i, o), ReLU()]
        return Sequential(*layers, Linear(widths[-1], 10)).to(device)

    def stepper(name, batch, mode, precision):
        torch.manual_seed(1)
        model = network(name)
        sgd = torch.optim.SGD(model.parameters(), lr=rate, momentum=momentum, fused=True)

        def loss_of(images, labels):
            return functional.cross_entropy(model(images), labels)

        def rounding():
            return torch.autocast(device, torch.bfloat16) if precision == "bf16" else contextlib.nullcontext()

        if mode == "compile":
            loss_of = torch.compile(loss_of, mode="reduce-overhead", dynamic=False)
        if mode == "compiled":
            loss_of = torch.compile(loss_of, dynamic=False)

        def step(images, labels):
            if mode == "compile":
                torch.compiler.cudagraph_mark_step_begin()
            sgd.zero_grad(set_to_none=True)
            with rounding():
                loss = loss_of(images, labels)
            loss.backward()
            sgd.step()
            return loss

        if mode not in ("graph", "compiled") or device == "cpu":
            return step

        # As PyTorch's notes on CUDA graphs do it: warm up on a side stream, capture with the gradients unset.
        x = torch.randn(batch, 784, device=device)
        y = torch.randint(0, 10, (batch,), device=device)
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(11):
                step(x, y)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        sgd.zero_grad(set_to_none=True)
        with torch.cuda.graph(graph):
            loss = step(x, y)

        def replay(images, labels):
            x.copy_(images)
            y.copy_(labels)
            graph.replay()
            return loss

        replay.needs = model, sgd  # whose memory the graph works on
        return replay

    steppers = {}  # compiled once, timed in every round

    def step(name, batch, mode, precision):
        if mode not in ("eager", "graph", "compile", "compiled"):
            raise ValueError(f"a mode is eager, graph, compile or compiled, got {mode}")
        batch = int(batch)
        torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
        key = name, batch, mode, precision
        if key not in steppers:
            steppers[key] = stepper(*key)
        one = steppers[key]
        batches = [
            (torch.randn(batch, 784, device=device), torch.randint(0, 10, (batch,), device=device)) for _ in range(turns)
        ]

        def stretch():
            for i in range(steps_of(batch)):
                loss = one(*batches[i % turns])
            loss.item()

        try:
            return median_of_five(stretch, steps_of(batch))
        finally:
            if batch >= 65536:
                del steppers[key], one  # gigabytes; they are compiled anew in the next round
                if device == "cuda":
                    torch.cuda.empty_cache()

    return f"{torch.__version__} (CUDA {torch.version.cuda})", step


def jax_side():
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # others use this GPU, too
    import jax
    from jax import numpy as jnp

    found = jax.devices()[0].platform
    if device == "cuda" and found not in ("gpu", "cuda"):
        raise RuntimeError(f"JAX {jax.__version__} finds no GPU, only {found}")

    # Both operands of every product in bfloat16, backward as well, sums in float32.
    def short(x):
        return x.astype(jnp.bfloat16)

    @jax.custom_vjp
    def product(x, w):
        return jnp.matmul(short(x), short(w), preferred_element_type=jnp.float32)

    def forward(x, w):
        return product(x, w), (short(x), short(w))

    def backward(saved, gradient):
        x, w = saved
        g = short(gradient)
        return (
            jnp.matmul(g, w.T, preferred_element_type=jnp.float32),
            jnp.matmul(x.T, g, preferred_element_type=jnp.float32),
        )

    product.defvjp(forward, backward)

    def runner(name, batch, precision):
        matmul = product if precision == "bf16" else jnp.matmul
        widths = [784, *hidden[name], 10]

        def loss_of(parameters, images, labels):
            x = images
            for i, (w, b) in enumerate(parameters):
                x = matmul(x, w) + b
                if i + 1 < len(parameters):
                    x = jax.nn.relu(x)
            right = jnp.take_along_axis(x, labels[:, None], axis=1)[:, 0]
            return jnp.mean(jax.nn.logsumexp(x, axis=1) - right)

        def run(state, images, labels):
            def step(state, i):
                parameters, velocity = state
                loss, gradient = jax.value_and_grad(loss_of)(parameters, images[i % turns], labels[i % turns])
                velocity = jax.tree.map(lambda v, g: momentum * v + g, velocity, gradient)
                parameters = jax.tree.map(lambda p, v: p - rate * v, parameters, velocity)
                return (parameters, velocity), loss

            state, losses = jax.lax.scan(step, state, jnp.arange(steps_of(batch)))
            return state, losses[-1]

        keys = jax.random.split(jax.random.key(1), len(widths))
        parameters = [
            (jax.random.normal(k, (i, o)) * (2 / i) ** 0.5, jnp.zeros(o)) for k, i, o in zip(keys, widths, widths[1:])
        ]
        return jax.jit(run, donate_argnums=0), (parameters, jax.tree.map(jnp.zeros_like, parameters))

    compiled = {}

    def step(name, batch, mode, precision):
        if mode != "scan":
            raise ValueError(f"a mode is scan, got {mode}")
        batch = int(batch)
        exact = {"float32": "float32", "tf32": "tensorfloat32", "bf16": "float32"}[precision]
        with jax.default_matmul_precision(exact):
            key = name, batch, precision
            if key not in compiled:
                compiled[key] = runner(*key)
            run, state = compiled.pop(key)
            one, two = jax.random.split(jax.random.key(2))
            images = jax.random.normal(one, (turns, batch, 784))
            labels = jax.random.randint(two, (turns, batch), 0, 10)
            held = [state]

            def stretch():
                held[0], loss = run(held[0], images, labels)
                float(loss)

            seconds = median_of_five(stretch, steps_of(batch))
            compiled[key] = run, held[0]
            return seconds

    return jax.__version__, step


if __name__ == "__main__":
    # What the frameworks print goes to the standard error: the answers have the standard output for themselves.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        version, step = {"torch": torch_side, "jax": jax_side}[sys.argv[1]]()
        trouble = None
    except Exception as error:  # not installed, or no GPU
        trouble = error
    for line in sys.stdin:
        what, *words = line.split()
        try:
            if trouble:
                raise trouble
            answer = version if what == "version" else step(*words)
        except Exception as error:
            answer = f"error: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
        print(answer, file=answers, flush=True)
