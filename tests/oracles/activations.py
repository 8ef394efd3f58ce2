#!/usr/bin/env python3
"""Writes tests/oracles/activations.csv: values and derivatives of every activation, from their definitions.

    pip install mpmath
    python tests/oracles/activations.py > tests/oracles/activations.csv

Lines: function, parameters (separated by spaces, in the order of the formula's members), x, f(x), f'(x). Every number is
the float64 nearest to the exact one. At a kink the right branch counts, unless slope_at_zero says otherwise at 0.
"""

import struct

from mpmath import cosh, erfc, exp, expm1, inf, isinf, log1p, mp, mpf, pi, sqrt, tanh

mp.dps = 1200  # 1 + tanh(z) is 10^-523 for GELU's tanh form at -20, and the definition cancels down to it

SELU_ALPHA, SELU_LAMBDA = mpf(1.6732632423543772), mpf(1.0507009873554805)
CUBIC = mpf("0.044715")


def sigmoid(x):
    return 1 / (1 + exp(-x))


def softplus(x, beta=1):
    return log1p(exp(beta * x)) / beta


def normal_cdf(x):
    return erfc(-x / sqrt(2)) / 2


def gelu_inner(x):
    return sqrt(2 / pi) * (x + CUBIC * x**3)


def clipped(x, low, high):
    return min(max(x, low), high)


# function: (sets of parameters, f, f')
FORMULAS = {
    "relu": (
        [[], [0], [0.5]],
        lambda x, s=1: max(x, 0),
        lambda x, s=1: s if x == 0 else 1 if x > 0 else 0,
    ),
    "leaky_relu": (
        [[], [0.25], [1.5, 1.5], [-0.5, 0.25]],
        lambda x, a=mpf(0.01), s=1: x if x >= 0 else a * x,
        lambda x, a=mpf(0.01), s=1: s if x == 0 else 1 if x > 0 else a,
    ),
    "clipped_relu": (
        [[], [20, 0]],
        lambda x, cap=6, s=1: clipped(x, 0, cap),
        lambda x, cap=6, s=1: s if x == 0 else 1 if 0 < x < cap else 0,
    ),
    "relu6": (
        [[], [0]],
        lambda x, s=1: clipped(x, 0, 6),
        lambda x, s=1: s if x == 0 else 1 if 0 < x < 6 else 0,
    ),
    "thresholded_relu": (
        [[], [0], [2.5]],
        lambda x, theta=1: x if x > theta else 0,
        lambda x, theta=1: 1 if x > theta else 0,
    ),
    "squared_relu": ([[]], lambda x: max(x, 0) ** 2, lambda x: 2 * max(x, 0)),
    "elu": (
        [[], [1.5], [0], [1, 0.5]],
        lambda x, a=1, s=1: x if x >= 0 else a * expm1(x),
        lambda x, a=1, s=1: s if x == 0 else 1 if x > 0 else a * exp(x),
    ),
    "celu": (
        [[], [0.5], [2]],
        lambda x, a=1: x if x >= 0 else a * expm1(x / a),
        lambda x, a=1: 1 if x >= 0 else exp(x / a),
    ),
    "selu": (
        [[], [0]],
        lambda x, s=0: SELU_LAMBDA * (x if x >= 0 else SELU_ALPHA * expm1(x)),
        lambda x, s=SELU_LAMBDA: s if x == 0 else SELU_LAMBDA * (1 if x > 0 else SELU_ALPHA * exp(x)),
    ),
    "gelu": (
        [[]],
        lambda x: x * normal_cdf(x),
        lambda x: normal_cdf(x) + x * exp(-x * x / 2) / sqrt(2 * pi),
    ),
    "gelu_tanh": (
        [[]],
        lambda x: x * (1 + tanh(gelu_inner(x))) / 2,
        lambda x: (1 + tanh(gelu_inner(x))) / 2
        + x * (1 - tanh(gelu_inner(x)) ** 2) * sqrt(2 / pi) * (1 + 3 * CUBIC * x**2) / 2,
    ),
    "silu": ([[]], lambda x: x * sigmoid(x), lambda x: sigmoid(x) + x * sigmoid(x) * sigmoid(-x)),
    "mish": (
        [[]],
        lambda x: x * tanh(softplus(x)),
        lambda x: tanh(softplus(x)) + x * (1 - tanh(softplus(x)) ** 2) * sigmoid(x),
    ),
    "hard_sigmoid": (
        [[]],
        lambda x: clipped((x + 3) / 6, 0, 1),
        lambda x: mpf(1) / 6 if -3 <= x < 3 else 0,
    ),
    "hard_swish": (
        [[]],
        lambda x: x * clipped((x + 3) / 6, 0, 1),
        lambda x: (2 * x + 3) / 6 if -3 <= x < 3 else 1 if x >= 3 else 0,
    ),
    "softplus": ([[], [2], [0.5], [3], [0.1]], softplus, lambda x, beta=1: sigmoid(beta * x)),
    "log_sigmoid": ([[]], lambda x: -softplus(-x), lambda x: sigmoid(-x)),
    "sigmoid": ([[]], sigmoid, lambda x: sigmoid(x) * sigmoid(-x)),
    "tanh": ([[]], tanh, lambda x: 1 / cosh(x) ** 2),
    "softsign": ([[]], lambda x: x / (1 + abs(x)), lambda x: 1 / (1 + abs(x)) ** 2),
    "unit_step": ([[]], lambda x: 1 if x >= 0 else 0, lambda x: 0),
}

# The limits of (f, f') at -inf and inf, where the definition does not give them.
GATE = ((0, 0), (inf, 1))
LIMITS = {
    "gelu": GATE,
    "gelu_tanh": GATE,
    "silu": GATE,
    "mish": GATE,
    "hard_swish": GATE,
    "softplus": ((0, 0), (inf, 1)),
    "log_sigmoid": ((-inf, 1), (0, 0)),
    "tanh": ((-1, 0), (1, 0)),
    "softsign": ((-1, 0), (1, 0)),
}


def float32(x):
    return struct.unpack("f", struct.pack("f", x))[0]


# Representable in float32, but for the denormals of float64 at the end.
MAGNITUDES = [0.0, 1e-40, 1e-8, 0.1, 0.3, 0.5, 0.75, 1, 1.25, 2, 2.75, 3, 3.5, 4.5, 6, 6.5, 9, 13, 20, 26.3, 30, 88, 89]
MAGNITUDES += [777, 1e4]
POINTS = [s * float32(x) for x in MAGNITUDES + [float("inf")] for s in (1, -1)] + [1e-310, -1e-310, 5e-324, -5e-324]


def main():
    for name, (sets, value, slope) in FORMULAS.items():
        for parameters in sets:
            text = " ".join(str(p) for p in parameters)
            numbers = [mpf(p) for p in parameters]
            for x in POINTS:
                if isinf(mpf(x)) and name in LIMITS:
                    y, d = LIMITS[name][x > 0]
                else:
                    y, d = value(mpf(x), *numbers), slope(mpf(x), *numbers)
                print(f"{name},{text},{x!r},{float(y)!r},{float(d)!r}")


main()
