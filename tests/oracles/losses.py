#!/usr/bin/env python3
"""Writes tests/oracles/losses.csv: PyTorch's losses and their gradients in float64.

    pip install torch
    python tests/oracles/losses.py > tests/oracles/losses.csv

Lines: loss, options ("reduction=mean label_smoothing=0.1"), what ("input", "target", "loss", "gradient"), numbers separated
by blanks. A case is four such lines. The gradient is that of sum_i (i + 1) loss_i by the input. Matrices of ROWS x
CLASSES are written row by row.
"""

import itertools

import torch
import torch.nn.functional as F

ROWS, CLASSES = 6, 4
torch.manual_seed(20)


def case(name, options, function, x, target):
    x = x.clone().requires_grad_()
    loss = function(x, target)
    (loss.flatten() * torch.arange(1, loss.numel() + 1)).sum().backward()
    text = " ".join(f"{key}={value}" for key, value in options.items())
    for what, numbers in ("input", x), ("target", target), ("loss", loss), ("gradient", x.grad):
        print(name, text, what, " ".join(repr(v) for v in numbers.detach().flatten().tolist()), sep=",")


def main():
    print("# Written by tests/oracles/losses.py with PyTorch", torch.__version__)
    reductions = ["mean", "sum", "none"]
    logits = torch.randn(ROWS, CLASSES, dtype=torch.float64) * 3
    labels = torch.tensor([0, 3, 2, 2, 1, 3])
    weights = [0.5, 2.0, 0.25, 3.0]
    for reduction, smoothing, weighted, ignored in itertools.product(reductions, [0.0, 0.1, 0.7], [0, 1], [-100, 2]):
        options = dict(reduction=reduction, label_smoothing=smoothing)
        options["class_weights"] = ";".join(map(str, weights)) if weighted else ""
        options["ignore_index"] = ignored
        weight = torch.tensor(weights, dtype=torch.float64) if weighted else None
        case("cross_entropy", options,
             lambda x, t: F.cross_entropy(x, t, weight, reduction=reduction, label_smoothing=smoothing,
                                          ignore_index=ignored), logits, labels)
    for reduction in reductions:
        options = dict(reduction=reduction)
        case("nll", options, lambda x, t: F.nll_loss(x, t, reduction=reduction), F.log_softmax(logits, 1), labels)

        x = torch.tensor([[0.3, -2.0, 1e-9, 5.0], [7.5, -0.5, 1.0, -40.0]], dtype=torch.float64)
        target = torch.tensor([[0.1, -2.0, 0.0, 3.0], [-1.0, 1.0, 0.0, 60.0]], dtype=torch.float64)
        case("mse", options, lambda x, t: F.mse_loss(x, t, reduction=reduction), x, target)
        case("l1", options, lambda x, t: F.l1_loss(x, t, reduction=reduction), x, target)
        for delta in 1.0, 0.3, 10.0:
            case("huber", dict(options, delta=delta),
                 lambda x, t: F.huber_loss(x, t, reduction=reduction, delta=delta), x, target)

        x = torch.tensor([0.0, -0.0, 1.5, -1.5, 30.0, -30.0, 800.0, -800.0, 800.0, -800.0], dtype=torch.float64)
        target = torch.tensor([0.0, 1.0, 0.3, 0.9, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0], dtype=torch.float64)
        case("binary_cross_entropy_with_logits", options,
             lambda x, t: F.binary_cross_entropy_with_logits(x, t, reduction=reduction), x, target)


main()
