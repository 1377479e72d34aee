"""Logarithms and exponentials of whole arrays by vector instructions; sorting a few numbers."""

from __future__ import annotations

import math

import numba
import numpy as np

from daypart.models.jit.compile import kernel
from daypart.models.jit.types import F1, FloatVector, unsigned


@kernel(numba.void, F1, F1, numba.int64, from_python=True)
def log_of(values: FloatVector, out: FloatVector, count: int) -> None:
    """Write the natural logarithms of positive normal numbers, eight at a time.

    The mantissa is brought into [sqrt(1/2), sqrt(2)) and its logarithm taken as
    2 artanh((m - 1) / (m + 1)), whose series is cut below the last digit of a float64.
    """
    bits = values.view(np.int64)
    for i in range(count):
        exponent = (bits[i] >> 52) - 1023
        out[i] = float(exponent)
    mantissa = out.view(np.int64)
    for i in range(count):
        exponent_value = out[i]
        mantissa[i] = (bits[i] & 0x000FFFFFFFFFFFFF) | 0x3FF0000000000000
        m = out[i]
        large = m > 1.4142135623730951
        m = m * 0.5 if large else m
        e = exponent_value + (1.0 if large else 0.0)
        s = (m - 1.0) / (m + 1.0)
        z = s * s
        series = 1.0 / 21.0
        series = series * z + 1.0 / 19.0
        series = series * z + 1.0 / 17.0
        series = series * z + 1.0 / 15.0
        series = series * z + 1.0 / 13.0
        series = series * z + 1.0 / 11.0
        series = series * z + 1.0 / 9.0
        series = series * z + 1.0 / 7.0
        series = series * z + 1.0 / 5.0
        series = series * z + 1.0 / 3.0
        out[i] = e * 0.6931471805599453 + 2.0 * s * (1.0 + z * series)


@kernel(numba.void, F1, F1, numba.int64, from_python=True)
def exp_of(values: FloatVector, out: FloatVector, count: int) -> None:
    """Write the exponentials of numbers from -700 to 700 (nearer ones than those beyond).

    With n the whole number next to x / log 2, exp(x) is 2^n times the series of exp(x - n log 2),
    cut below the last digit of a float64; 2^n is written into the exponent's bits.
    """
    power = out.view(np.int64)
    for i in range(unsigned(count)):
        x = min(max(values[i], -700.0), 700.0)
        n = math.floor(x * 1.4426950408889634 + 0.5)
        power[i] = (int(n) + 1023) << 52
    for i in range(unsigned(count)):
        x = min(max(values[i], -700.0), 700.0)
        n = math.floor(x * 1.4426950408889634 + 0.5)
        y = (x - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10
        series = 1.0 / 6227020800.0
        series = series * y + 1.0 / 479001600.0
        series = series * y + 1.0 / 39916800.0
        series = series * y + 1.0 / 3628800.0
        series = series * y + 1.0 / 362880.0
        series = series * y + 1.0 / 40320.0
        series = series * y + 1.0 / 5040.0
        series = series * y + 1.0 / 720.0
        series = series * y + 1.0 / 120.0
        series = series * y + 1.0 / 24.0
        series = series * y + 1.0 / 6.0
        series = series * y + 0.5
        out[i] = out[i] * (1.0 + y + y * y * series)


@kernel(numba.void, F1, inline=True)
def sort(values: FloatVector) -> None:
    """Sort a few numbers in place, by insertion."""
    for i in range(1, len(values)):
        value = values[i]
        place = i
        while place > 0 and values[place - 1] > value:
            values[place] = values[place - 1]
            place -= 1
        values[place] = value
