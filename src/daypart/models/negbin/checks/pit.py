"""Randomised probability integral transforms, which tell whether hours scatter as the model says.

Of an hour with count y, F(y - 1) + u (F(y) - F(y - 1)) is uniform where F is right and u a uniform
number. F is the negative binomial at the posterior mean of log mu and of 1 / size, so that the
hour's own share in the fit is not taken out.

References
----------
Czado, Gneiting and Held (2009), Predictive model assessment for count data, Biometrics 65.
"""

from __future__ import annotations

import math

import numba

from daypart.models.jit.compile import kernel
from daypart.models.jit.types import F1, F2, FloatMatrix, FloatVector
from daypart.models.jit.vector_math import sort
from daypart.models.negbin.field.structure import SERIES, Series
from daypart.models.negbin.forecast.large_counts import large_count_cdf
from daypart.models.negbin.theta.workspace import DENSE, HOUR, LEVEL

PIT_COLUMNS = ("pit_mean", "pit_sd", "pit_distance")
PIT_HOURS = 64
"""Hours of a partition that are looked at, spread evenly over those observed."""
_SUMMED = 60
_MODULUS, _FACTOR = 2_147_483_647, 48_271  # Park and Miller's generator, as revised in 1993


@kernel(numba.float64, numba.float64, numba.float64, numba.float64, numba.float64)
def transform(y: float, u: float, mu: float, r: float) -> float:
    """Return F(y - 1) + u (F(y) - F(y - 1)) of the negative binomial F.

    Where y is large, F is a smooth law's, and what lies between two counts is read off it.
    """
    if y > _SUMMED:
        return large_count_cdf(y - 0.5 + u, mu, r)
    term = math.exp(-math.log1p(r * mu) / r)
    share = r * mu / (1.0 + r * mu)
    below = 0.0
    for k in range(int(y)):
        below += term
        term *= share * (k + 1.0 / r) / (k + 1.0)
    return min(below + u * term, 1.0)


@kernel(numba.void, SERIES, F2, numba.float64, numba.int64, F1, F1, from_python=True)
def pit_summary(
    t: Series,
    sums: FloatMatrix,
    r: float,
    seed: int,
    transforms: FloatVector,
    out: FloatVector,
) -> None:
    """Write mean, sd and largest distance from uniform of the transforms of some hours.

    Parameters
    ----------
    t, sums : see `field.Series` and `moments.integrate_field`
    r : float
        1 / size.
    seed : int
        Any; the same gives the same hours and the same random numbers.
    transforms : float64 array, shape (PIT_HOURS,)
        Overwritten.
    out : float64 array, shape (3,)
        1/2, 0.289 and under 0.17 (one time in twenty above) where the model is right.
    """
    observed = 0
    for k in range(t.weeks):
        for c in range(t.counts.shape[1]):
            observed += 1 if t.exposure[k, c] > 0.0 else 0
    state = abs(seed) % (_MODULUS - 1) + 1
    state = state * _FACTOR % _MODULUS
    stride = max(observed / len(transforms), 1.0)
    wanted = stride * state / _MODULUS
    origin = sums[LEVEL, 2]
    seen = 0
    used = 0
    for k in range(t.weeks):
        for c in range(t.counts.shape[1]):
            if not t.exposure[k, c] > 0.0:
                continue
            seen += 1
            if seen <= wanted or used == len(transforms):
                continue
            wanted += stride
            log_mu = sums[HOUR, c] - origin + sums[DENSE, k]
            for e in range(t.events):
                if t.event[0, e] == k and t.event[1, e] == c:
                    log_mu += sums[DENSE, t.weeks + t.event[2, e]]
            mu = t.exposure[k, c] * math.exp(min(log_mu, 40.0))
            state = state * _FACTOR % _MODULUS
            transforms[used] = transform(t.counts[k, c], state / _MODULUS, mu, r)
            used += 1
    chosen = transforms[:used]
    sort(chosen)
    total = 0.0
    square = 0.0
    distance = 0.0
    for i in range(used):
        total += chosen[i]
        square += chosen[i] * chosen[i]
        distance = max(distance, (i + 1.0) / used - chosen[i], chosen[i] - i / used)
    out[0] = total / used
    out[1] = math.sqrt(max(square / used - out[0] * out[0], 0.0))
    out[2] = distance
