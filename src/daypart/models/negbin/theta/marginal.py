"""The Laplace log marginal of the scales and the dispersion, with its exact gradient.

theta holds the cube roots of the scales of the tree's levels, of weeks and effects, and of tau:
posteriors of scales are closest to normal there, whether or not they reach down to 0. One
adjoint solve lambda = H^-1 Z' (W' * variance) gives both the gradient and the field's mean to
third order, mode - lambda / 2, and most of the next term of the Laplace expansion.

References
----------
Tierney and Kadane (1986), Accurate approximations for posterior moments, JASA 81.
Rue, Martino and Chopin (2009), Approximate Bayesian inference for latent Gaussian models,
JRSS B 71.
Shun and McCullagh (1995), Laplace approximation of high dimensional integrals, JRSS B 57.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from daypart.models.jit.compile import kernel
from daypart.models.jit.types import F1, I1, FloatVector, IntVector, unsigned
from daypart.models.negbin.field.design import add_effect_scale_slopes, log_effect_scales
from daypart.models.negbin.field.likelihood import count_terms, log_likelihood
from daypart.models.negbin.field.mode import (
    find_mode,
    inner,
    move,
    prior_energy,
    sum_table,
)
from daypart.models.negbin.field.structure import (
    SCRATCH,
    SERIES,
    STRUCTURE,
    Scratch,
    Series,
    Structure,
)
from daypart.models.negbin.field.tree import log_determinant, path_covariances, solve
from daypart.models.negbin.field.weeks import (
    LOG_DETERMINANT,
    add_week_scale_slopes,
    prepare_weeks,
)
from daypart.models.negbin.theta.prior import log_prior, prior_slope


@kernel(numba.void, SERIES, SCRATCH)
def table_variances(t: Series, s: Scratch) -> None:
    """Fill TABLE_VARIANCE: that of log mu in every cell, at given scales."""
    cells = unsigned(t.counts.shape[1])
    own, shared, spreads, cov = (
        s.covariance.own,
        s.covariance.shared,
        s.covariance.spread,
        s.covariance.dense,
    )
    path_variance = s.values
    for c in range(cells):
        path_variance[c] = own[c] + shared[c]
    variances = s.covariance.cell
    for k in range(t.weeks):
        spread, variance = spreads[k], variances[k]
        week = cov[k, k]
        for c in range(cells):
            variance[c] = path_variance[c] + week - 2.0 * spread[c]
    for e in range(t.events):
        k, c, j = t.event[0, e], t.event[1, e], t.weeks + t.event[2, e]
        variances[k, c] += cov[j, j] + 2.0 * cov[k, j] - 2.0 * spreads[j, c]
        other = e - 1
        while other >= 0 and t.event[0, other] == k and t.event[1, other] == c:
            variances[k, c] += 2.0 * cov[j, t.weeks + t.event[2, other]]
            other -= 1


@kernel(numba.float64, STRUCTURE, SERIES, SCRATCH, numba.float64)
def adjoint(structure: Structure, t: Series, s: Scratch, r: float) -> float:
    """Solve for lambda; return the slope in r of -1/2 log |H|, that of the mode included.

    The tables are those of a point one small STEP before the mode; what that step adds to the
    slope of the log likelihood is returned, too.
    """
    cells = unsigned(structure.cells)
    means, shrinks, residuals = s.newton.mean, s.newton.shrink, s.newton.residual
    variances, thirds = s.covariance.cell, s.adjoint.third
    lambda_path, lambda_dense = s.adjoint.solution.path, s.adjoint.solution.dense
    rhs_tree, rhs_dense = s.newton.rhs.tree, s.newton.rhs.dense
    direct = 0.0
    for k in range(t.weeks):
        mean, shrink, count = means[k], shrinks[k], t.counts[k]
        variance, third = variances[k], thirds[k]
        for c in range(cells):
            q = shrink[c]
            bend = mean[c] * q * q
            grown = 1.0 + r * count[c]
            third[c] = grown * bend * (2.0 * q - 1.0) * variance[c]
            direct += variance[c] * bend * (count[c] - 2.0 * grown * mean[c] * q)
    sum_table(structure, t, thirds, rhs_tree, rhs_dense)
    m = t.weeks + t.effects
    solve(structure, s, rhs_tree, rhs_dense, s.adjoint.solution.tree, lambda_dense, lambda_path, m)
    through_mode = 0.0
    moved, step_path, step_dense = s.values, s.newton.step.path, s.newton.step.dense
    for c in range(cells):
        moved[c] = 0.5 * lambda_path[c] - step_path[c]
    for k in range(t.weeks):
        mean, shrink, residual = means[k], shrinks[k], residuals[k]
        week = 0.5 * lambda_dense[k] - step_dense[k]
        for c in range(cells):
            through_mode += (moved[c] + week) * residual[c] * mean[c] * shrink[c]
    for e in range(t.events):
        k, c, j = t.event[0, e], t.event[1, e], t.weeks + t.event[2, e]
        effect = 0.5 * lambda_dense[j] - step_dense[j]
        through_mode += effect * residuals[k, c] * means[k, c] * shrinks[k, c]
    return through_mode - 0.5 * direct


@kernel(numba.void, STRUCTURE, SERIES, SCRATCH, F1)
def scale_slopes(structure: Structure, t: Series, s: Scratch, slopes: FloatVector) -> None:
    """Write the slope of the log marginal in the log of each scale."""
    tree, lam, variance = s.newton.point.tree, s.adjoint.solution.tree, s.covariance.effect
    precisions = s.newton.precisions
    width, segments = unsigned(structure.width), len(structure.parents)
    for i in range(len(precisions)):
        slopes[i] = 0.0
    for segment in range(segments):
        level = structure.levels[segment]
        total = 0.0
        first = unsigned(structure.width * segment)
        for n in range(first, first + width):
            total += tree[n] * (tree[n] - lam[n]) + variance[n]
        slopes[level] += precisions[level] * total - structure.width
    add_week_scale_slopes(structure, t, s, slopes)
    add_effect_scale_slopes(t, s, slopes)


@kernel(numba.float64, SCRATCH, numba.int64)
def gain_of_last_step(s: Scratch, m: int) -> float:
    """Return what the log density gains by the step not yet taken: half of its squared length."""
    tree = inner(s.newton.rhs.tree, s.newton.step.tree, len(s.newton.pivot))
    return 0.5 * (tree + inner(s.newton.rhs.dense, s.newton.step.dense, m))


@kernel(numba.float64, STRUCTURE, SERIES, SCRATCH, F1, F1, I1, from_python=True)
def log_posterior(
    structure: Structure,
    t: Series,
    s: Scratch,
    theta: FloatVector,
    slope: FloatVector,
    steps: IntVector,
) -> float:
    """Return the log posterior density of theta (up to a constant) and fill its slope.

    Starts from the point in the scratch and leaves the mode there, with every covariance. The
    tables are those of a point one last small step before, whose effect on the determinant and
    on the slope is taken in to first order.
    `steps[0]` grows by the Newton steps taken, `steps[1]` by 1; -inf where no mode was found.
    """
    m = t.weeks + t.effects
    last = len(theta) - 1
    precisions, squares = s.newton.precisions, s.newton.squares
    for i in range(last):
        precisions[i] = theta[i] ** -6
    prepare_weeks(structure, t, s)
    r = theta[last] ** 6
    taken = find_mode(structure, t, s, r)
    steps[0] += abs(taken)
    steps[1] += 1
    if taken < 0:
        return -np.inf
    gain = gain_of_last_step(s, m)
    likelihood, likelihood_slope = log_likelihood(t, s, r)
    counts, counts_slope = count_terms(t, s, r)
    value: float = likelihood + counts - prior_energy(structure, t, s) + gain
    value -= 0.5 * log_determinant(s, m)
    for i in range(last):
        value -= 0.5 * precisions[i] * squares[i]
    for segment in range(len(structure.parents)):
        value -= 3.0 * structure.width * math.log(theta[structure.levels[segment]])
    value += 0.5 * s.weeks.scalars[LOG_DETERMINANT]
    value -= log_effect_scales(t, theta)
    path_covariances(structure, s, m)
    table_variances(t, s)
    r_slope = likelihood_slope + counts_slope + adjoint(structure, t, s, r)
    value -= 0.5 * inner(s.newton.rhs.tree, s.newton.step.tree, len(s.newton.pivot))
    value -= 0.5 * inner(s.newton.rhs.dense, s.newton.step.dense, m)
    move(s, m, 1.0)
    scale_slopes(structure, t, s, slope[:last])
    slope[last] = 2.0 * r * r_slope
    for i in range(last + 1):
        value += log_prior(structure, i, theta[i])
        slope[i] = 3.0 * slope[i] / theta[i] + prior_slope(structure, i, theta[i])
    return value


@kernel(numba.void, SERIES, SCRATCH, F1, F1)
def hour_covariances(t: Series, s: Scratch, shared: FloatVector, own: FloatVector) -> None:
    """Write, for each hour of the week, the mean covariance of log mu between two weeks.

    `own` receives the sum of variances over weeks.
    """
    cells = unsigned(t.counts.shape[1])
    cov, spreads, variances = s.covariance.dense, s.covariance.spread, s.covariance.cell
    weeks = t.weeks
    between = 0.0
    for k in range(weeks):
        for other in range(weeks):
            between += cov[k, other]
    for c in range(cells):
        shared[c] = weeks * weeks * (s.covariance.own[c] + s.covariance.shared[c]) + between
        own[c] = 0.0
    for k in range(weeks):
        spread, variance = spreads[k], variances[k]
        for c in range(cells):
            shared[c] -= 2.0 * weeks * spread[c]
            own[c] += variance[c]
    pairs = max(weeks * (weeks - 1.0), 1.0)
    for c in range(cells):
        shared[c] = (shared[c] - own[c]) / pairs


@kernel(numba.float64, SERIES, SCRATCH, numba.float64)
def second_order(t: Series, s: Scratch, r: float) -> float:
    """Return the next term of the Laplace expansion of the log marginal, after `log_posterior`.

    With third and fourth derivatives t and f of the energy in log mu, and c its covariance,

        1/8 (t c_ii)' Z H^-1 Z' (t c_ii)  +  1/12 sum_ij t_i t_j c_ij^3  -  1/8 sum_i f_i c_ii^2

    The first is what `adjoint` solved. The second is taken over pairs in one hour of the week,
    with the mean covariance of such pairs; the others' cubes are negligible.
    """
    cells = unsigned(t.counts.shape[1])
    means, shrinks, variances = s.newton.mean, s.newton.shrink, s.covariance.cell
    shared, thirds = s.values, s.logs
    hour_covariances(t, s, shared, thirds)
    total = 0.0
    total += 0.125 * inner(s.newton.rhs.tree, s.adjoint.solution.tree, len(s.newton.pivot))
    total += 0.125 * inner(s.newton.rhs.dense, s.adjoint.solution.dense, t.weeks + t.effects)
    for c in range(cells):
        thirds[c] = 0.0
    for k in range(t.weeks):
        mean, shrink, count, variance = means[k], shrinks[k], t.counts[k], variances[k]
        for c in range(cells):
            q = shrink[c]
            curvature = (1.0 + r * count[c]) * mean[c] * q * q
            bend = 2.0 * q - 1.0
            third = curvature * bend
            thirds[c] += third
            square = variance[c] * variance[c]
            cube = square * variance[c] - shared[c] * shared[c] * shared[c]
            total += third * third * cube / 12.0
            total -= 0.125 * curvature * (bend * bend - 2.0 * q * (1.0 - q)) * square
    for c in range(cells):
        total += thirds[c] * thirds[c] * shared[c] ** 3 / 12.0
    return total
