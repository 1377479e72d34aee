"""The likelihood of the counts at given log means: value, slopes and curvature.

The negative binomial is written with r = tau^2 = 1 / phi and q = 1 / (1 + r mu), in which

    log p      y log mu - (y + 1/r) log(1 + r mu) + sum over i < y of log(1 + i r), less log y!
    slope      (y - mu) q            curvature    W = (1 + r y) mu q^2
    dW / deta  W (2 q - 1)           dW / dr      mu q^2 (y - 2 (1 + r y) mu q)

so that the log likelihood is concave in eta = log mu. The first two terms of log p are summed over
the table (`log_likelihood`), the third over a histogram of the counts (`count_terms`).

References
----------
Hilbe (2011), Negative binomial regression.
"""

from __future__ import annotations

import math

import numba

from daypart.models.jit.compile import kernel
from daypart.models.jit.types import unsigned
from daypart.models.jit.vector_math import exp_of, log_of
from daypart.models.negbin.field.structure import SCRATCH, SERIES, Scratch, Series


@kernel(numba.void, SERIES, SCRATCH, numba.float64)
def evaluate_field(t: Series, s: Scratch, r: float) -> None:
    """Fill MEAN, SHRINK, RESIDUAL and the cells' curvature (in CROSS) at the current point.

    Sums of residuals by cell, week and event go to RHS, those of curvatures by cell and week to
    WEIGHT and WEEK_WEIGHT, so that the tables are read but once.
    """
    cells = unsigned(t.counts.shape[1])
    path, dense, factors = s.newton.point.path, s.newton.point.dense, s.values
    weight, slope = s.newton.weight, s.newton.rhs.tree
    exp_of(path, factors, t.counts.shape[1])
    for c in range(cells):
        weight[c] = 0.0
        slope[c] = 0.0
    for k in range(t.weeks):
        factor = math.exp(dense[k])
        exposure, mean, count = t.exposure[k], s.newton.mean[k], t.counts[k]
        shrink, residual, curvature = s.newton.shrink[k], s.newton.residual[k], s.newton.cross[k]
        residuals = 0.0
        curvatures = 0.0
        for c in range(cells):
            mu = exposure[c] * factors[c] * factor
            y = count[c]
            q = 1.0 / (1.0 + r * mu)
            mean[c] = mu
            shrink[c] = q
            left = (y - mu) * q
            bend = (1.0 + r * y) * mu * q * q
            residual[c] = left
            curvature[c] = bend
            slope[c] += left
            weight[c] += bend
            residuals += left
            curvatures += bend
        s.newton.rhs.dense[k] = residuals
        s.newton.week_weight[k] = curvatures
    if t.events > 0:
        evaluate_events(t, s, r)


@kernel(numba.void, SERIES, SCRATCH, numba.float64)
def evaluate_events(t: Series, s: Scratch, r: float) -> None:
    """Put right what `evaluate_field` made of the cells with events, one after the other."""
    dense, residuals, curvatures = s.newton.point.dense, s.newton.residual, s.newton.cross
    slope, week_slope = s.newton.rhs.tree, s.newton.rhs.dense
    for j in range(t.weeks, t.weeks + t.effects):
        week_slope[j] = 0.0
    for e in range(t.events):
        k, c = t.event[0, e], t.event[1, e]
        s.newton.mean[k, c] *= math.exp(dense[t.weeks + t.event[2, e]])
        if e + 1 < t.events and t.event[0, e + 1] == k and t.event[1, e + 1] == c:
            continue  # until all events of the cell are in its mean
        mu, y = s.newton.mean[k, c], t.counts[k, c]
        q = 1.0 / (1.0 + r * mu)
        left = (y - mu) * q
        bend = (1.0 + r * y) * mu * q * q
        slope[c] += left - residuals[k, c]
        week_slope[k] += left - residuals[k, c]
        s.newton.weight[c] += bend - curvatures[k, c]
        s.newton.week_weight[k] += bend - curvatures[k, c]
        s.newton.shrink[k, c] = q
        residuals[k, c] = left
        curvatures[k, c] = bend
    for e in range(t.events):
        week_slope[t.weeks + t.event[2, e]] += residuals[t.event[0, e], t.event[1, e]]


@kernel(numba.types.UniTuple(numba.float64, 2), SERIES, SCRATCH, numba.float64)
def log_likelihood(t: Series, s: Scratch, r: float) -> tuple[float, float]:
    """Return sum y log mu - (y + 1/r) log(1 + r mu) at the point evaluated, and its slope in r.

    Without the terms of y and r alone (`count_terms`), and with log mu without log exposure.
    """
    cells = unsigned(t.counts.shape[1])
    path, dense = s.newton.point.path, s.newton.point.dense
    means, shrinks = s.newton.mean, s.newton.shrink
    grown, logs = s.values, s.logs
    total = 0.0
    slope = 0.0
    phi = 1.0 / r
    for k in range(t.weeks):
        counts, mean, shrink = t.counts[k], means[k], shrinks[k]
        week = dense[k]
        for c in range(cells):
            grown[c] = 1.0 + r * mean[c]
        log_of(grown, logs, t.counts.shape[1])
        for c in range(cells):
            total += counts[c] * (path[c] + week) - (counts[c] + phi) * logs[c]
            slope += phi * phi * logs[c] - (counts[c] + phi) * mean[c] * shrink[c]
    for e in range(t.events):
        total += t.counts[t.event[0, e], t.event[1, e]] * dense[t.weeks + t.event[2, e]]
    return total, slope


@kernel(numba.float64, numba.float64)
def digamma(x: float) -> float:
    """Return the derivative of log gamma for x > 0."""
    total = 0.0
    while x < 8.0:
        total -= 1.0 / x
        x += 1.0
    z = 1.0 / (x * x)
    series = z * (
        1.0 / 12.0 - z * (1.0 / 120.0 - z * (1.0 / 252.0 - z * (1.0 / 240.0 - z / 132.0)))
    )
    return total + math.log(x) - 0.5 / x - series


@kernel(numba.types.UniTuple(numba.float64, 2), SERIES, SCRATCH, numba.float64)
def count_terms(t: Series, s: Scratch, r: float) -> tuple[float, float]:
    """Return sum of log gamma(y + 1/r) - log gamma(1/r) + y log r, and its slope in r.

    That is the sum over i < y of log(1 + i r). Counts below the length of `over` come from its
    histogram, the rest of larger ones from Stirling's series.
    """
    grown, logs = s.values, s.logs
    value = 0.0
    slope = 0.0
    bins = 0
    while bins < len(t.over) and t.over[bins] > 0.0:
        grown[bins] = 1.0 + bins * r
        bins += 1
    log_of(grown, logs, bins)
    for i in range(bins):
        value += t.over[i] * logs[i]
        slope += t.over[i] * i / grown[i]
    if t.large_total == 0:
        return value, slope
    large, large_log = s.large_values, s.large_logs
    phi = 1.0 / r
    base = bins + phi
    stirling = (base - 0.5) * math.log(base) - base + 1.0 / (12.0 * base)
    base_digamma = digamma(base)
    log_r = math.log(r)
    for i in range(t.large_total):
        large[i] = t.large[i] + phi
    log_of(large, large_log, t.large_total)
    for i in range(t.large_total):
        x = large[i]
        z = 1.0 / x
        extra = t.large[i] - bins
        value += (x - 0.5) * large_log[i] - x + z / 12.0 - stirling + extra * log_r
        slope -= (large_log[i] - 0.5 * z - z * z / 12.0 - base_digamma) * phi * phi
        slope += extra * phi
    return value, slope
