"""Quantiles of large counts: negative binomial noise around a log-normal mean, as one smooth law.

A count's noise is taken as a gamma law with the three moments of the negative binomial, whose
quantiles are those of the cube of a normal number (Wilson and Hilferty 1931):

    count / mu = 1 + s (2 / g) ((1 + g e / 6 - g^2 / 36)^3 - 1),   e standard normal,
    s^2 = r + 1 / mu,   g = (2 r + 1 / mu) / s.

Two normal variables remain: e and that of log mu. The wider of the two is integrated in closed
form and the narrower by a rule of a few nodes: the other way round, the distribution function
would have a step at each node of the wider.
"""

from __future__ import annotations

import math

import numba

from daypart.models.jit.compile import kernel
from daypart.models.jit.types import F1, F2, FloatMatrix, FloatVector, unsigned
from daypart.models.jit.vector_math import exp_of, log_of

LARGE = 50.0
"""Mean from which on these laws are within 0.002 of the counts' own probabilities."""
SKEWED = 0.5
"""1 / size from which on the cube is inaccurate in the lowest quantiles of all but huge means."""
ROWS = 10
"""Rows of the array of parts: WEIGHT ... WIDE are inputs, the others are scratch."""
WEIGHT, SIZE, GIVEN, WIDE = range(4)
_BASE, _LOG, _ROOT, _E, _SLOPE, _DENSITY = range(4, 10)
_WIDER = 4.0
"""The mean's variance over the noise's from which on the noise is the narrower: up to there the
nodes of the mean stand close enough for the noise to fill the gaps."""
_SUBSTITUTIONS = 2
_STEPS = 40
_TOLERANCE = 0.01
"""Newton's last step, in standard deviations of the logarithm; its error is the step's square."""
_DENSITY_AT_0 = 1.0 / math.sqrt(2.0 * math.pi)


@kernel(numba.float64, numba.float64, numba.float64, numba.float64, inline=True)
def large_count_cdf(count: float, mu: float, r: float) -> float:
    """Return the probability of at most a count (not necessarily whole).

    Parameters
    ----------
    count, mu : float
    r : float
        1 / size.
    """
    s = math.sqrt(r + 1.0 / mu)
    g = (r + r + 1.0 / mu) / s
    base = max(1.0 + 0.5 * g * (count / mu - 1.0) / s, 0.0)
    e = (6.0 / g) * (base ** (1.0 / 3.0) - 1.0 + g * g / 36.0)
    return 0.5 * math.erfc(-e / math.sqrt(2.0))


@kernel(numba.float64, F1, from_python=True)
def large_from(r: FloatVector) -> float:
    """Return the median mean from which on the laws of this module are used for an hour."""
    skewed = False
    for a in range(len(r)):
        skewed = skewed or r[a] >= SKEWED
    return 600.0 if skewed else LARGE


@kernel(numba.void, *(numba.float64, F1, F1, F1, F1, F1, F2))
def large_parts(
    log_mean: float,
    variance: FloatVector,
    weight: FloatVector,
    r: FloatVector,
    abscissae: FloatVector,
    abscissa_weights: FloatVector,
    parts: FloatMatrix,
) -> None:
    """Write the parts of one hour's law.

    Parameters
    ----------
    log_mean : float
        Median of log mu.
    variance, weight, r : float64 arrays, shape (strata,)
        Variance of log mu, weight, and 1 / size.
    abscissae, abscissa_weights : float64 arrays, shape (nodes,)
        A rule for the standard normal density.
    parts : float64 array, shape (ROWS, strata * nodes)
        Overwritten: WEIGHT; SIZE, which is r; WIDE, 1 / deviation of log mu where the noise is
        the narrower and else 0; GIVEN, the noise's e there and else the mean.
    """
    nodes = len(abscissae)
    for a in range(len(weight)):
        deviation = math.sqrt(variance[a])
        wide = variance[a] > _WIDER * (r[a] + math.exp(-log_mean))
        for b in range(nodes):
            part = a * nodes + b
            parts[WEIGHT, part] = weight[a] * abscissa_weights[b]
            parts[SIZE, part] = r[a]
            parts[WIDE, part] = 1.0 / deviation if wide else 0.0
            parts[GIVEN, part] = (
                abscissae[b] if wide else math.exp(log_mean + deviation * abscissae[b])
            )


@kernel(numba.types.UniTuple(numba.float64, 2), F2, numba.float64, numba.float64)
def large_law(parts: FloatMatrix, log_mean: float, log_count: float) -> tuple[float, float]:
    """Return the probability of at most a count, and the density of its logarithm there.

    The normal distribution function is Abramowitz and Stegun's 26.2.17, accurate to 1e-7.

    Parameters
    ----------
    parts : float64 array, shape (ROWS, parts)
        See `large_parts`.
    log_mean, log_count : float
    """
    count = math.exp(log_count)
    size, given, wide = parts[SIZE], parts[GIVEN], parts[WIDE]
    base, log, root = parts[_BASE], parts[_LOG], parts[_ROOT]
    e, slope, density = parts[_E], parts[_SLOPE], parts[_DENSITY]
    number = unsigned(parts.shape[1])
    for i in range(number):
        r, mu = size[i], count
        for _ in range(_SUBSTITUTIONS):  # which mean has this count where its noise is e
            s = math.sqrt(r + 1.0 / mu)
            g = (r + r + 1.0 / mu) / s
            cube = 1.0 + g * given[i] / 6.0 - g * g / 36.0
            mu = count / max(1.0 + s * (2.0 / g) * (cube * cube * cube - 1.0), 0.05)
        own = given[i]
        s = math.sqrt(r + 1.0 / own) if wide[i] == 0.0 else 1.0
        g = (r + r + 1.0 / own) / s
        scaled = max(1.0 + 0.5 * g * (count / own - 1.0) / s, 1e-12)
        slope[i] = count / (scaled * s * own)
        e[i] = 6.0 / g
        density[i] = g * g / 36.0 - 1.0
        base[i] = mu if wide[i] > 0.0 else scaled
    log_of(base, log, parts.shape[1])
    for i in range(number):
        base[i] = log[i] / 3.0
    exp_of(base, root, parts.shape[1])
    for i in range(number):
        e[i] = (log[i] - log_mean) * wide[i] if wide[i] > 0.0 else e[i] * (root[i] + density[i])
        slope[i] = wide[i] if wide[i] > 0.0 else slope[i] * root[i]
        density[i] = -0.5 * e[i] * e[i]
    exp_of(density, root, parts.shape[1])
    below = 0.0
    slope_of_all = 0.0
    for i in range(number):
        t = 1.0 / (1.0 + 0.2316419 * abs(e[i]))
        series = 1.330274429 * t - 1.821255978
        series = series * t + 1.781477937
        series = series * t - 0.356563782
        series = series * t + 0.319381530
        tail = _DENSITY_AT_0 * root[i] * series * t
        below += parts[WEIGHT, i] * (tail if e[i] < 0.0 else 1.0 - tail)
        slope_of_all += parts[WEIGHT, i] * _DENSITY_AT_0 * root[i] * slope[i]
    return below, slope_of_all


@kernel(numba.void, *(F2, numba.float64, numba.float64, numba.float64, F1, F1, numba.int64, F1))
def large_quantiles(
    parts: FloatMatrix,
    log_mean: float,
    centre: float,
    width: float,
    probabilities: FloatVector,
    normal: FloatVector,
    first: int,
    out: FloatVector,
) -> None:
    """Write quantiles of the count spread evenly over the unit around it, by Newton's steps.

    Parameters
    ----------
    parts : float64 array, shape (ROWS, parts)
        See `large_parts`.
    log_mean : float
    centre, width : float
        Approximate mean and standard deviation of the count's logarithm, to start from.
    probabilities, normal : float64 arrays, shape (quantiles,)
        Ascending, and the standard normal quantiles at them.
    first : int
        Quantiles before it are not written.
    out : float64 array, shape (quantiles,)
    """
    for q in range(first, len(probabilities)):
        low, high = centre - 60.0 * width, centre + 60.0 * width
        x = centre + width * min(max(normal[q], -8.0), 8.0)
        for _ in range(_STEPS):
            below, density = large_law(parts, log_mean, x)
            if below < probabilities[q]:
                low = x
            else:
                high = x
            step = (probabilities[q] - below) / max(density, 1e-300)
            following = x + min(max(step, -width), width)
            if not low < following < high:
                following = 0.5 * (low + high)
            step = following - x
            x = following
            if abs(step) < _TOLERANCE * width:
                break
        out[q] = math.exp(x)
