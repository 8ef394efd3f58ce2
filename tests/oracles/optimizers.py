#!/usr/bin/env python3
"""Writes tests/oracles/optimizers.txt: trajectories of PyTorch's optimizers in float64, which
tests/optimizer_trajectories_test.cpp replays.

    pip install torch
    python tests/oracles/optimizers.py > tests/oracles/optimizers.txt

Twelve numbers in three parameters (6, 5 and 1 of them) follow the gradient A p + c, where A and c are small binary
fractions, so that any program computes the same A and c:

    A[i][j] = (i == j) (1 + i / 8) + ((3 i + 5 j) mod 7 - 3) / 64
    c[i]    = -(1 + (7 i mod 5)) / 4
    p0[i]   = (2 (i mod 4) - 3) / 2

Lines of the file (steps count from 1, parameters and groups from 0):

    case OPTIMIZER NAME
    group OPTIONS params I...     the parameters of the next group
    nodecay I                     parameter I is exempt from weight decay
    change STEP GROUP OPTIONS     the options of a group from that step on
    skip I STEP...                parameter I has no gradient in these steps
    at STEP P...                  the twelve numbers after that step

OPTIONS of sgd: learning rate, momentum, dampening, weight decay, nesterov (0 or 1); of adam and adamw: learning rate,
beta1, beta2, epsilon, weight decay, amsgrad (0 or 1).
"""

import torch

SIZES = [6, 5, 1]
STARTS = [0, 6, 11]
N = 12
KEPT = [1, 2, 3, 10, 50, 100]

A = [[(1 + i / 8) * (i == j) + ((3 * i + 5 * j) % 7 - 3) / 64 for j in range(N)] for i in range(N)]
C = [-(1 + 7 * i % 5) / 4 for i in range(N)]
P0 = [(2 * (i % 4) - 3) / 2 for i in range(N)]


def options(lr=0.1, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=0):
    return dict(lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay, nesterov=nesterov)


def adam(lr=0.1, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0, amsgrad=0):
    return dict(lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad)


def case(name, *groups, optimizer="sgd", nodecay=(), changes=(), skips={}):
    """groups: (options, parameters); changes: (step, group, options); skips: {parameter: steps}."""
    print("case", optimizer, name)
    text = lambda o: " ".join(repr(v) for v in o.values())
    for o, members in groups:
        print("group", text(o), "params", *members)
    for i in nodecay:
        print("nodecay", i)
    for step, group, o in changes:
        print("change", step, group, text(o))
    for i, steps in skips.items():
        print("skip", i, *steps)

    params = [torch.tensor(P0[s : s + n], dtype=torch.float64, requires_grad=True) for s, n in zip(STARTS, SIZES)]

    def to_torch(o, decay):
        o = dict(o, weight_decay=o["weight_decay"] if decay else 0.0)
        if optimizer == "sgd":
            return dict(o, nesterov=bool(o["nesterov"]))
        return dict(o, betas=(o.pop("beta1"), o.pop("beta2")), amsgrad=bool(o["amsgrad"]))

    # PyTorch has no exempt parameters: they get a group of their own.
    torch_groups, home = [], []  # home: (our group, decay)
    for g, (o, members) in enumerate(groups):
        for decay in (True, False):
            chosen = [params[i] for i in members if (i not in nodecay) == decay]
            if chosen:
                torch_groups.append(dict(params=chosen, **to_torch(o, decay)))
                home.append((g, decay))
    kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[optimizer]
    torch_optimizer = kind(torch_groups, foreach=False)

    for step in range(1, KEPT[-1] + 1):
        for at, group, o in changes:
            if at == step:
                for torch_group, (g, decay) in zip(torch_optimizer.param_groups, home):
                    if g == group:
                        torch_group.update(to_torch(o, decay))
        p = [x for q in params for x in q.tolist()]
        gradient = []
        for i in range(N):
            sum_ = C[i]
            for j in range(N):
                sum_ += A[i][j] * p[j]
            gradient.append(sum_)
        for i, q in enumerate(params):
            values = gradient[STARTS[i] : STARTS[i] + SIZES[i]]
            q.grad = None if step in skips.get(i, ()) else torch.tensor(values, dtype=torch.float64)
        torch_optimizer.step()
        if step in KEPT:
            print("at", step, *("%.17g" % x for q in params for x in q.tolist()))


def main():
    print("# Written by tests/oracles/optimizers.py with PyTorch", torch.__version__)
    every = [0, 1, 2]
    heavy = dict(momentum=0.9, weight_decay=0.01)
    case("plain", (options(), every))
    case("momentum", (options(momentum=0.9), every))
    case("dampening", (options(momentum=0.9, dampening=0.5), every))
    case("dampening_without_momentum", (options(dampening=0.5), every))
    case("nesterov", (options(momentum=0.9, nesterov=1), every))
    case("decay", (options(weight_decay=0.01), every))
    case("momentum_decay", (options(**heavy), every))
    case("dampening_decay", (options(dampening=0.25, **heavy), every))
    case("nesterov_decay", (options(nesterov=1, **heavy), every))
    case("rate_changes", (options(**heavy), every),
         changes=[(21, 0, options(lr=0.02, **heavy)), (61, 0, options(lr=0.2, **heavy))])
    case("momentum_starts_late", (options(), every), changes=[(8, 0, options(momentum=0.8, dampening=0.3))])
    case("momentum_pauses", (options(momentum=0.9), every),
         changes=[(5, 0, options(lr=0.05)), (9, 0, options(momentum=0.5, nesterov=1))])
    gaps = {1: [1, 2, 3, 4] + list(range(9, 101, 3))}
    case("gaps", (options(), every), skips=gaps)
    case("gaps_dampening_decay", (options(dampening=0.5, **heavy), every), skips=gaps)
    case("gaps_nesterov", (options(momentum=0.9, nesterov=1), every), skips={0: [1, 2], 2: list(range(1, 101))})
    case("exempt", (options(nesterov=1, **heavy), every), nodecay=[1])
    case("two_groups", (options(nesterov=1, **heavy), [2, 0]), (options(lr=0.03, momentum=0.5, dampening=0.1), [1]),
         changes=[(31, 1, options(lr=0.3))])
    for kind in ("adam", "adamw"):
        case("plain", (adam(), every), optimizer=kind)
        case("betas", (adam(lr=0.01, beta1=0.5, beta2=0.9, eps=1e-2), every), optimizer=kind)
        case("beta1_of_0", (adam(beta1=0.0), every), optimizer=kind)
        case("decay", (adam(weight_decay=0.1), every), optimizer=kind)
        case("amsgrad", (adam(beta2=0.9, amsgrad=1), every), optimizer=kind)
        case("amsgrad_decay", (adam(beta2=0.9, amsgrad=1, weight_decay=0.1), every), optimizer=kind)
        case("rate_changes", (adam(), every), changes=[(21, 0, adam(lr=0.01)), (61, 0, adam(lr=0.2))], optimizer=kind)
        case("gaps", (adam(weight_decay=0.1), every), skips=gaps, optimizer=kind)
        case("exempt", (adam(weight_decay=0.1), every), nodecay=[1], optimizer=kind)
        case("two_groups", (adam(amsgrad=1), [2, 0]), (adam(lr=0.03, beta1=0.7, weight_decay=0.05), [1]),
             changes=[(31, 1, adam(lr=0.3, beta1=0.8))], optimizer=kind)


main()
