"""What PyTorch takes for the work that compare.py asks for: the same requests as benchmark.cpp's, on the standard input.

peer.py THREADS, then: step NET BATCH eager|compile; op NAME; map FORMULA N DIRECTION; first; memory.
"""

import statistics
import sys
import time

import torch
from torch.nn import Linear, ReLU, Sequential, functional


def seconds(f, budget=0.2):
    """As seconds() in server.h."""

    def timed(calls):
        begin = time.perf_counter()
        for _ in range(calls):
            f()
        return (time.perf_counter() - begin) / calls

    for _ in range(4):
        f()
    calls = max(1, int(budget / 5 / max(timed(1), 1e-9)))
    return statistics.median(timed(calls) for _ in range(5))


def network(name):
    if name == "small":
        return Sequential(Linear(784, 128), ReLU(), Linear(128, 10))
    if name in ("wide", "adam"):
        return Sequential(Linear(784, 512), ReLU(), Linear(512, 512), ReLU(), Linear(512, 10))
    layers = []
    for i in range(10):
        layers += [Linear(784 if i == 0 else 128, 128), ReLU()]
    return Sequential(*layers, Linear(128, 10))


def trainer(name, mode):
    torch.manual_seed(1)
    model = network(name)
    if name == "adam":
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    else:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def loss_of(images, labels):
        return functional.cross_entropy(model(images), labels)

    loss = torch.compile(loss_of, dynamic=False) if mode == "compile" else loss_of

    def step(images, labels):
        value = loss(images, labels)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        return value

    return step


trainers = {}  # compiled once, timed in every round
torch._dynamo.config.recompile_limit = 1000  # each net and batch is a version of the same function


def step(name, batch, mode):
    batch = int(batch)
    key = (name, batch, mode)
    if key not in trainers:
        trainers[key] = trainer(name, mode)
    batches = [(torch.randn(batch, 784), torch.randint(0, 10, (batch,))) for _ in range(8)]
    turn = [0]

    def one():
        images, labels = batches[turn[0] % 8]
        turn[0] += 1
        trainers[key](images, labels)

    return seconds(one)


def operation(name):
    a, b, w = torch.randn(8, 8), torch.randn(8, 8), torch.randn(8, 8, requires_grad=True)
    return seconds(
        {
            "add": lambda: a + b,
            "relu": lambda: torch.relu(a),
            "matmul": lambda: a @ b,
            "backward": lambda: (a @ w).sum().backward(),
        }[name]
    )


def activation(name, n, direction):
    f = {"leaky_relu": functional.leaky_relu, "elu": functional.elu, "gelu": functional.gelu}.get(name) or getattr(torch, name)
    x = torch.randn(int(n))
    if direction == "forward":
        return seconds(lambda: f(x))
    x.requires_grad_()
    y, gradient = f(x), torch.randn(int(n))
    return seconds(lambda: torch.autograd.grad(y, x, gradient, retain_graph=True))


def first():
    trainer("small", "eager")(torch.randn(128, 784), torch.randint(0, 10, (128,)))
    return 0


def memory():
    """The peak of this process after an epoch of wide at batch 1024 over 60,000 images of bytes, in MiB."""
    images = torch.randint(0, 256, (60000, 784), dtype=torch.uint8)
    labels = torch.randint(0, 10, (60000,))
    train = trainer("wide", "eager")
    order = torch.randperm(60000)
    for i in range(0, 60000 - 1023, 1024):
        rows = order[i : i + 1024]
        train(images[rows].float() / 255, labels[rows])
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return int(status["VmHWM"].split()[0]) / 1024


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]))
    handlers = {"step": step, "op": operation, "map": activation, "first": first, "memory": memory}
    for line in sys.stdin:
        what, *words = line.split()
        if what == "version":
            print(torch.__version__, flush=True)
        else:
            print(handlers[what](*words), flush=True)
