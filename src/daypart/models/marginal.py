"""The Laplace log marginal of the scales and the dispersion, with its exact gradient.

theta = (log scale of each level of the tree, log week scale, log tau). One adjoint solve
lambda = H^-1 Z' (W' * variance) gives both the gradient and the field's mean to third order,
mode - lambda / 2.

References
----------
Tierney and Kadane (1986), Accurate approximations for posterior moments, JASA 81.
Rue, Martino and Chopin (2009), Approximate Bayesian inference for latent Gaussian models,
JRSS B 71.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from daypart.models.elimination import log_determinant, path_covariances, solve
from daypart.models.field import SCRATCH, SERIES, STRUCTURE, Scratch, Series, Structure
from daypart.models.kernels import F1, I1, FloatVector, IntVector, kernel, log_of
from daypart.models.laplace import find_mode, log_likelihood, prior_energy, sum_table


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
    value = 0.0
    slope = 0.0
    bins = len(t.over)
    for start in range(0, bins, 128):
        stop = min(bins, start + 128)
        if t.over[start] == 0.0:
            break
        for i in range(stop - start):
            s.row[i] = 1.0 + (start + i) * r
        log_of(s.row, s.row_log, stop - start)
        for i in range(stop - start):
            value += t.over[start + i] * s.row_log[i]
            slope += t.over[start + i] * (start + i) / s.row[i]
    if t.large_total == 0:
        return value, slope
    phi = 1.0 / r
    base = bins + phi
    stirling = (base - 0.5) * math.log(base) - base + 1.0 / (12.0 * base)
    base_digamma = digamma(base)
    log_r = math.log(r)
    for i in range(t.large_total):
        s.large_row[i] = t.large[i] + phi
    log_of(s.large_row, s.large_log, t.large_total)
    for i in range(t.large_total):
        x = s.large_row[i]
        z = 1.0 / x
        extra = t.large[i] - bins
        value += (x - 0.5) * s.large_log[i] - x + z / 12.0 - stirling + extra * log_r
        slope -= (s.large_log[i] - 0.5 * z - z * z / 12.0 - base_digamma) * phi * phi
        slope += extra * phi
    return value, slope


@kernel(numba.void, SERIES, SCRATCH, numba.int64)
def table_variances(t: Series, s: Scratch, m: int) -> None:
    """Fill `variance`: that of log mu in every cell, at given scales."""
    for c in range(168):
        s.row[c] = s.own[c]
    for i in range(m):
        load = s.load[i]
        spread = s.spread[i]
        for c in range(168):
            s.row[c] += load[c] * spread[c]
    for k in range(t.weeks):
        spread = s.spread[k]
        own = s.cov[k, k]
        variance = s.variance[k]
        for c in range(168):
            variance[c] = s.row[c] + own - 2.0 * spread[c]
    for e in range(t.events):
        k, c, j = t.event_week[e], t.event_hour[e], t.weeks + t.event_effect[e]
        s.variance[k, c] += s.cov[j, j] + 2.0 * s.cov[k, j] - 2.0 * s.spread[j, c]


@kernel(numba.float64, STRUCTURE, SERIES, SCRATCH, numba.float64)
def adjoint(structure: Structure, t: Series, s: Scratch, r: float) -> float:
    """Solve for lambda; return the slope in r of -1/2 log |H|, that of the mode included."""
    direct = 0.0
    for k in range(t.weeks):
        mean = s.mean[k]
        shrink = s.shrink[k]
        count = t.counts[k]
        variance = s.variance[k]
        third = s.third[k]
        for c in range(168):
            q = shrink[c]
            bend = mean[c] * q * q
            grown = 1.0 + r * count[c]
            third[c] = grown * bend * (2.0 * q - 1.0) * variance[c]
            direct += variance[c] * bend * (count[c] - 2.0 * grown * mean[c] * q)
    sum_table(structure, t, s.third, s.rhs_tree, s.rhs_dense)
    solve(
        structure,
        s,
        s.rhs_tree,
        s.rhs_dense,
        s.lam_tree,
        s.lam_dense,
        s.lam_path,
        t.weeks + t.effects,
    )
    through_mode = 0.0
    for k in range(t.weeks):
        mean = s.mean[k]
        shrink = s.shrink[k]
        residual = s.residual[k]
        week = s.lam_dense[k]
        for c in range(168):
            through_mode += (s.lam_path[c] + week) * residual[c] * mean[c] * shrink[c]
    for e in range(t.events):
        k, c = t.event_week[e], t.event_hour[e]
        through_mode += (
            s.lam_dense[t.weeks + t.event_effect[e]]
            * s.residual[k, c]
            * s.mean[k, c]
            * s.shrink[k, c]
        )
    return 0.5 * (through_mode - direct)


@kernel(numba.void, STRUCTURE, SERIES, SCRATCH, F1, F1)
def scale_slopes(
    structure: Structure, t: Series, s: Scratch, precisions: FloatVector, slopes: FloatVector
) -> None:
    """Write the slope of the log marginal in the log of each scale of the tree and the weeks."""
    segments = len(structure.parents)
    last = len(precisions) - 1
    for i in range(last + 1):
        slopes[i] = 0.0
    for segment in range(segments):
        precision = precisions[structure.levels[segment]]
        total = 0.0
        for n in range(24 * segment, 24 * segment + 24):
            total += s.tree[n] * (s.tree[n] - s.lam_tree[n]) + s.node_variance[n]
        slopes[structure.levels[segment]] += precision * total - 24.0
    total = 0.0
    for k in range(t.weeks):
        if structure.walk == 1 and k > 0:
            step = s.dense[k] - s.dense[k - 1]
            lam = s.lam_dense[k] - s.lam_dense[k - 1]
            spread = s.cov[k, k] + s.cov[k - 1, k - 1] - 2.0 * s.cov[k, k - 1]
        else:
            step, lam, spread = s.dense[k], s.lam_dense[k], s.cov[k, k]
        total += step * (step - lam) + spread
    slopes[last] = precisions[last] * total - t.weeks


@kernel(numba.float64, STRUCTURE, SERIES, SCRATCH, F1, F1, I1)
def log_posterior(
    structure: Structure,
    t: Series,
    s: Scratch,
    theta: FloatVector,
    slope: FloatVector,
    steps: IntVector,
) -> float:
    """Return the log posterior density of theta (up to a constant) and fill its slope.

    Starts from the point in the scratch and leaves the mode there, with every covariance.
    `steps[0]` grows by the Newton steps taken; -inf where the mode wasn't found.
    """
    m = t.weeks + t.effects
    last = len(theta) - 1
    precisions = s.precisions
    for i in range(last):
        precisions[i] = math.exp(-2.0 * theta[i])
    r = math.exp(2.0 * theta[last])
    taken = find_mode(structure, t, s, precisions, r, s.squares)
    steps[0] += abs(taken)
    if taken < 0:
        return -np.inf
    likelihood, likelihood_slope = log_likelihood(t, s, r)
    counts, counts_slope = count_terms(t, s, r)
    value: float = likelihood + counts - prior_energy(structure, t, s.tree, s.dense, s.squares)
    value -= 0.5 * log_determinant(structure, s, m)
    for i in range(last):
        value -= 0.5 * precisions[i] * s.squares[i]
    for segment in range(len(structure.parents)):
        value -= 24.0 * theta[structure.levels[segment]]
    value -= t.weeks * theta[last - 1]
    path_covariances(structure, s, m)
    table_variances(t, s, m)
    r_slope = likelihood_slope + counts_slope + adjoint(structure, t, s, r)
    scale_slopes(structure, t, s, precisions, slope[:last])
    slope[last] = 2.0 * r * r_slope
    for i in range(last + 1):
        ratio = math.exp(theta[i]) / structure.hyper_scales[i]
        value += theta[i] - 0.5 * ratio * ratio
        slope[i] += 1.0 - ratio * ratio
    return value
