#!/usr/bin/env python3
"""Writes tests/oracles/prelu_torch.csv: PyTorch's PReLU and its RReLU in evaluation, with their gradients, in float64.

    pip install torch
    python tests/oracles/prelu_torch.py > tests/oracles/prelu_torch.csv

Lines: function and variant, array, its numbers. x, y and both gradients are [6, 3], the slopes [1] or [3].
"""

import torch
import torch.nn.functional as F


def main():
    torch.manual_seed(1)
    x = torch.randn(6, 3, dtype=torch.float64)
    x[0, 0], x[1, 1], x[2, 2], x[3, 0] = 0, -0.0, 1e4, -1e4
    upstream = torch.randn(6, 3, dtype=torch.float64)
    slopes = {"prelu one": [0.25], "prelu channels": [0.25, -0.5, 1.5], "rrelu evaluation": None}
    for case, start in slopes.items():
        leaf = x.clone().requires_grad_()
        arrays = {"x": x, "upstream": upstream}
        if start is None:
            y = F.rrelu(leaf, 1 / 8, 1 / 3, training=False)
        else:
            slope = torch.tensor(start, dtype=torch.float64, requires_grad=True)
            y = F.prelu(leaf, slope)
        y.backward(upstream)
        arrays |= {"y": y, "x gradient": leaf.grad}
        if start is not None:
            arrays |= {"slope": slope, "slope gradient": slope.grad}
        for name, values in arrays.items():
            print(f"{case},{name}," + " ".join(repr(v) for v in values.flatten().tolist()))


main()
