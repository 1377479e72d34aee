"""The prior of the weeks: a level that lasts, a random walk, and shocks that pass.

    w = u + v,  u[k] = u[k - 1] + N(0, a^2) from u[0] = 0,  v[k] ~ N(0, b^2)

With M[i, j] = min(i, j) = V diag(l) V', l[j] = 1 / (2 - 2 cos((2 j + 1) pi / (2 K + 1))) and
V[i, j] = 2 / sqrt(2 K + 1) sin((2 j + 1) (i + 1) pi / (2 K + 1)), for i, j = 0 .. K - 1,

    Cov(w) = V diag(d) V',  d = a^2 l + b^2        Q = V diag(1 / d) V'

A product of two sines is a difference of cosines, so that any V diag(x) V' takes K^2 operations.
Slopes in the scales need Q and Q Q alone: dQ / dlog b = -2 b^2 Q Q, and dQ / dlog a is what is
left of -2 Q. Where forecasts start, at the walk's last level, with h = a^2 l / d,

    E[u[K] | w] = g' w,  g = V (h V[K])      Var(u[K] | w) = sum of V[K]^2 h b^2

References
----------
Harvey (1989), Forecasting, structural time series models and the Kalman filter, 2.3.
"""

from __future__ import annotations

import math

import numba

from daypart.models.jit.compile import kernel
from daypart.models.jit.types import F1, F2, FloatMatrix, FloatVector, unsigned
from daypart.models.negbin.field.structure import (
    FIXED,
    SCRATCH,
    SERIES,
    STRUCTURE,
    Scratch,
    Series,
    Structure,
)

LOG_DETERMINANT, TRACE, REST = range(3)
"""Places of `WeekPrior.scalars`."""


@kernel(numba.void, F2, F1, numba.int64)
def fill_cosines(cosine: FloatMatrix, eigenvalue: FloatVector, weeks: int) -> None:
    """Write the cosines cos((2 j + 1) n pi / (2 K + 1)), and the eigenvalues l."""
    unit = math.pi / (2.0 * weeks + 1.0)
    for j in range(weeks):
        frequency = (2.0 * j + 1.0) * unit
        eigenvalue[j] = 1.0 / (2.0 - 2.0 * math.cos(frequency))
        for n in range(weeks + 1):
            cosine[n, j] = math.cos(frequency * n)


@kernel(numba.float64, F1, numba.int64, numba.int64, numba.int64, inline=True)
def entry(sums: FloatVector, weeks: int, i: int, k: int) -> float:
    """Return (V diag(x) V')[i, k] = S(|i - k|) - S(i + k + 2); S(2 K + 1 - n) = -S(n)."""
    beyond = i + k + 2
    far: float = sums[beyond] if beyond <= weeks else -sums[2 * weeks + 1 - beyond]
    near: float = sums[abs(i - k)]
    return near - far


@kernel(numba.void, STRUCTURE, SERIES, SCRATCH)
def prepare_weeks(structure: Structure, t: Series, s: Scratch) -> None:
    """Fill the weeks' prior at the scales whose precisions the scratch holds."""
    weeks, prior = t.weeks, s.weeks
    shock = 1.0 / s.newton.precisions[structure.week_scale]
    if structure.walk_scale == FIXED:
        for i in range(weeks):
            for k in range(weeks):
                prior.precision[i, k] = 0.0
                prior.squared[i, k] = 0.0
            prior.precision[i, i] = 1.0 / shock
            prior.squared[i, i] = 1.0 / (shock * shock)
            prior.origin[i] = 0.0
            prior.turn[i] = 0.0
        prior.scalars[LOG_DETERMINANT] = -weeks * math.log(shock)
        prior.scalars[TRACE] = weeks / shock
        prior.scalars[REST] = 0.0
        return
    if prior.length[0] != weeks:
        fill_cosines(prior.cosine, prior.eigenvalue, weeks)
        prior.length[0] = weeks
    sum_cosines(s, weeks, 1.0 / s.newton.precisions[structure.walk_scale], shock)
    once, twice, share, turn = prior.sums[0], prior.sums[1], prior.sums[2], prior.sums[3]
    for i in range(weeks):
        prior.origin[i] = entry(share, weeks, i, weeks - 1)
        prior.turn[i] = entry(turn, weeks, i, weeks - 1)
        for k in range(i, weeks):
            prior.precision[i, k] = entry(once, weeks, i, k)
            prior.precision[k, i] = prior.precision[i, k]
            prior.squared[i, k] = entry(twice, weeks, i, k)
            prior.squared[k, i] = prior.squared[i, k]
    prior.scalars[REST] = shock * prior.origin[weeks - 1]


@kernel(numba.void, SCRATCH, numba.int64, numba.float64, numba.float64)
def sum_cosines(s: Scratch, weeks: int, walk: float, shock: float) -> None:
    """Fill the sums S(n) = 2 / (2 K + 1) sum of x[j] cos((2 j + 1) n pi / (2 K + 1)).

    x is 1 / d, its square, h and h (1 - h), at variances of a step of the walk and of a shock.
    """
    prior, inverse, share = s.weeks, s.values, s.logs
    unit = 2.0 / (2.0 * weeks + 1.0)
    log_determinant, trace = 0.0, 0.0
    for j in range(weeks):
        variance = walk * prior.eigenvalue[j] + shock
        inverse[j] = 1.0 / variance
        share[j] = walk * prior.eigenvalue[j] * inverse[j]
        log_determinant -= math.log(variance)
        trace += inverse[j]
    prior.scalars[LOG_DETERMINANT] = log_determinant
    prior.scalars[TRACE] = trace
    for n in range(weeks + 1):
        cosine = prior.cosine[n]
        once, twice, lasting, turn = 0.0, 0.0, 0.0, 0.0
        for j in range(unsigned(weeks)):
            product = cosine[j] * inverse[j]
            once += product
            twice += product * inverse[j]
            lasting += cosine[j] * share[j]
            turn += cosine[j] * share[j] * (1.0 - share[j])
        prior.sums[0, n] = unit * once
        prior.sums[1, n] = unit * twice
        prior.sums[2, n] = unit * lasting
        prior.sums[3, n] = unit * turn


@kernel(numba.float64, F2, F1, F1, numba.int64)
def quadratic_form(matrix: FloatMatrix, one: FloatVector, two: FloatVector, weeks: int) -> float:
    """Return one' A two."""
    total = 0.0
    for i in range(weeks):
        row = matrix[i]
        along = 0.0
        for j in range(unsigned(weeks)):
            along += row[j] * two[j]
        total += one[i] * along
    return total


@kernel(numba.float64, F2, F2, numba.int64)
def trace_of_product(one: FloatMatrix, two: FloatMatrix, weeks: int) -> float:
    """Return the trace of A B, B symmetric."""
    total = 0.0
    for i in range(weeks):
        first, second = one[i], two[i]
        for j in range(unsigned(weeks)):
            total += first[j] * second[j]
    return total


@kernel(numba.float64, SERIES, SCRATCH)
def week_energy(t: Series, s: Scratch) -> float:
    """Return w' Q w / 2 at the current point."""
    dense = s.newton.point.dense
    return 0.5 * quadratic_form(s.weeks.precision, dense, dense, t.weeks)


@kernel(numba.void, SERIES, SCRATCH)
def subtract_week_slopes(t: Series, s: Scratch) -> None:
    """Subtract Q w, the slope of the prior's energy, from RHS."""
    dense, rhs = s.newton.point.dense, s.newton.rhs.dense
    for i in range(t.weeks):
        row = s.weeks.precision[i]
        along = 0.0
        for j in range(unsigned(t.weeks)):
            along += row[j] * dense[j]
        rhs[i] -= along


@kernel(numba.void, STRUCTURE, SERIES, SCRATCH, F1)
def add_week_scale_slopes(structure: Structure, t: Series, s: Scratch, slopes: FloatVector) -> None:
    """Add the log marginal's slopes in log b and log a.

    b^2 (w' Q Q (w - lambda) + tr(C Q Q) - tr Q), and the same of Q less that for log a
    """
    dense, away, lam = s.newton.point.dense, s.values, s.adjoint.solution.dense
    for i in range(t.weeks):
        away[i] = dense[i] - lam[i]
    prior, cov = s.weeks, s.covariance.dense
    shock = 1.0 / s.newton.precisions[structure.week_scale]
    of_shocks = quadratic_form(prior.squared, dense, away, t.weeks)
    of_shocks += trace_of_product(cov, prior.squared, t.weeks) - prior.scalars[TRACE]
    of_shocks *= shock
    slopes[structure.week_scale] += of_shocks
    if structure.walk_scale != FIXED:
        both = quadratic_form(prior.precision, dense, away, t.weeks)
        both += trace_of_product(cov, prior.precision, t.weeks) - t.weeks
        slopes[structure.walk_scale] += both - of_shocks


@kernel(numba.float64, STRUCTURE, SERIES, SCRATCH, F1, numba.int64)
def origin_slope(structure: Structure, t: Series, s: Scratch, theta: FloatVector, j: int) -> float:
    """Return how the origin moves with coordinate j of theta, by the weeks and by itself."""
    dense = s.newton.point.dense
    through_weeks, direct = 0.0, 0.0
    for k in range(t.weeks):
        through_weeks += s.weeks.origin[k] * s.derivative.dense[j, k]
        direct += s.weeks.turn[k] * dense[k]
    if j == structure.walk_scale:
        through_weeks += 6.0 / theta[j] * direct
    elif j == structure.week_scale:
        through_weeks -= 6.0 / theta[j] * direct
    return through_weeks


@kernel(numba.void, STRUCTURE, SERIES, SCRATCH, F1, F1)
def add_week_pulls(
    structure: Structure, t: Series, s: Scratch, theta: FloatVector, direction: FloatVector
) -> None:
    """Add to RHS how the prior's pull Q w on the weeks falls as theta moves."""
    dense, rhs = s.newton.point.dense, s.newton.rhs.dense
    weekly, lasting = structure.week_scale, structure.walk_scale
    of_walk = 6.0 * direction[lasting] / theta[lasting] if lasting != FIXED else 0.0
    of_shocks = 6.0 * direction[weekly] / theta[weekly] - of_walk
    of_shocks /= s.newton.precisions[weekly]
    for i in range(t.weeks):
        row, square = s.weeks.precision[i], s.weeks.squared[i]
        total = 0.0
        for j in range(unsigned(t.weeks)):
            total += (of_walk * row[j] + of_shocks * square[j]) * dense[j]
        rhs[i] += total
