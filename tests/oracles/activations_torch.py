#!/usr/bin/env python3
"""Writes tests/oracles/activations_torch.csv: PyTorch's activations and their gradients in float64.

    pip install torch
    python tests/oracles/activations_torch.py > tests/oracles/activations_torch.csv

Lines: function, parameters (those of ramp's formula that make it PyTorch's: slope_at_zero is the left branch's), x, f(x),
f'(x). Kinks other than 0 are left out, as PyTorch's own choices there differ from one function to the next.
"""

import torch
import torch.nn.functional as F

LAMBDA, ALPHA = 1.0507009873554805, 1.6732632423543772

# function: [(parameters, PyTorch's function)]
FUNCTIONS = {
    "relu": [("0", F.relu)],
    "leaky_relu": [
        ("0.01 0.01", F.leaky_relu),
        ("0.2 0.2", lambda x: F.leaky_relu(x, 0.2)),
        ("1.5 1.5", lambda x: F.leaky_relu(x, 1.5)),
    ],
    "clipped_relu": [("20 0", lambda x: F.hardtanh(x, 0, 20))],
    "relu6": [("0", F.relu6)],
    "thresholded_relu": [("1", lambda x: F.threshold(x, 1, 0)), ("2.5", lambda x: F.threshold(x, 2.5, 0))],
    "squared_relu": [("", lambda x: F.relu(x).square())],
    "elu": [("1 1", F.elu), ("1.7 1.7", lambda x: F.elu(x, 1.7)), ("0.3 0.3", lambda x: F.elu(x, 0.3))],
    # PyTorch holds 1 / alpha in float32 even here: only alphas whose reciprocal that represents can agree.
    "celu": [("", F.celu), ("0.5", lambda x: F.celu(x, 0.5)), ("4", lambda x: F.celu(x, 4))],
    "selu": [(repr(LAMBDA * ALPHA), F.selu)],
    "gelu": [("", F.gelu)],
    "gelu_tanh": [("", lambda x: F.gelu(x, approximate="tanh"))],
    "silu": [("", F.silu)],
    "mish": [("", F.mish)],
    # F.hardsigmoid, spelled out: its own backward holds 1 / 6 in float32.
    "hard_sigmoid": [("", lambda x: F.relu6(x + 3) / 6)],
    "hard_swish": [("", F.hardswish)],
    # A threshold beyond every beta x: PyTorch's 20 replaces softplus by x, an error of 2e-9.
    "softplus": [
        ("", lambda x: F.softplus(x, threshold=500)),
        ("2", lambda x: F.softplus(x, 2, threshold=500)),
        ("0.3", lambda x: F.softplus(x, 0.3, threshold=500)),
    ],
    "log_sigmoid": [("", F.logsigmoid)],
    "sigmoid": [("", torch.sigmoid)],
    "tanh": [("", torch.tanh)],
    "softsign": [("", F.softsign)],
}
MAGNITUDES = [0.0, 1e-8, 1e-3, 0.1, 0.25, 0.5, 0.75, 1.25, 1.7, 2, 2.75, 3.5, 4.5, 6.5, 8, 12, 19, 30, 100]


def main():
    points = [s * x for x in MAGNITUDES for s in (1, -1)]
    for name, variants in FUNCTIONS.items():
        for parameters, function in variants:
            x = torch.tensor(points, dtype=torch.float64, requires_grad=True)
            y = function(x)
            y.sum().backward()
            for row in zip(points, y.tolist(), x.grad.tolist()):
                print(",".join([name, parameters] + [repr(number) for number in row]))


main()
