"""Quantiles of mixtures of negative binomials: exact sums where small, gamma laws where large."""

from __future__ import annotations

import math

import numba
import numpy as np

from daypart.models.kernels import F1, F2, FloatCube, FloatMatrix, FloatVector, kernel

SUMMED = 600
"""Probabilities are summed count by count up to here."""


@kernel(numba.float64, numba.float64, numba.float64)
def gamma_cdf(shape: float, x: float) -> float:
    """Return the regularised lower incomplete gamma function P(shape, x).

    A series or a continued fraction; above a shape of 200 Wilson and Hilferty's cube root.
    """
    if x <= 0.0:
        return 0.0
    if shape > 200.0:
        third = 1.0 / (9.0 * shape)
        z = ((x / shape) ** (1.0 / 3.0) - 1.0 + third) / math.sqrt(third)
        return 0.5 * math.erfc(-z / math.sqrt(2.0))
    front = math.exp(shape * math.log(x) - x - math.lgamma(shape))
    if x < shape + 1.0:
        term = 1.0 / shape
        total = term
        for i in range(1, 500):
            term *= x / (shape + i)
            total += term
            if term < 1e-10 * total:
                break
        return min(front * total, 1.0)
    b = x + 1.0 - shape
    c = 1e300
    d = 1.0 / b
    h = d
    for i in range(1, 500):
        a = -i * (i - shape)
        b += 2.0
        d = 1.0 / (a * d + b)
        c = b + a / c
        change = c * d
        h *= change
        if abs(change - 1.0) < 1e-10:
            break
    return max(1.0 - front * h, 0.0)


@kernel(numba.float64, F1, F1, F1, numba.float64)
def large_count_cdf(means: FloatVector, r: FloatVector, weights: FloatVector, y: float) -> float:
    """Return the mixture's probability of at most y, each part by the gamma law of its moments."""
    total = 0.0
    for i in range(len(means)):
        shape = 1.0 / (r[i] + 1.0 / means[i])
        total += weights[i] * gamma_cdf(shape, shape * (y + 0.5) / means[i])
    return total


@kernel(numba.void, F1, F1, F1, F1, F1, F1, door=True)
def mixture_quantiles(
    means: FloatVector,
    r: FloatVector,
    weights: FloatVector,
    probabilities: FloatVector,
    work: FloatVector,
    out: FloatVector,
) -> None:
    """Write the quantiles of the count spread evenly over the unit around it, from 0 up.

    An interval between two smallest counts that reach a probability holds more than it says:
    for a mean of 1, that of 50 % holds 92 %. Spreading a count over (y - 1/2, y + 1/2) gives
    ends whose intervals hold what they say on the average over means; rounded to the nearest
    whole number they are the usual quantiles.

    Parameters
    ----------
    means, r, weights : float64 arrays, shape (parts,)
        NB2 mean and 1 / size; weights sum to 1.
    probabilities : float64 array, ascending
    work : float64 array, shape (2 * parts,)
    out : float64 array, as probabilities
    """
    parts = len(means)
    wanted = 0
    largest = 0.0
    underflow = False
    for i in range(parts):
        power = -math.log1p(r[i] * means[i]) / r[i]
        underflow = underflow or power < -700.0
        work[i] = weights[i] * math.exp(power)
        work[parts + i] = r[i] * means[i] / (1.0 + r[i] * means[i])
        largest = max(largest, means[i])
    total = 0.0
    if not underflow:
        for i in range(parts):
            total += work[i]
        added = total
        y = 0
        while wanted < len(out) and y <= SUMMED:
            if total >= probabilities[wanted] - 1e-12:
                beyond = (total - probabilities[wanted]) / max(added, 1e-300)
                out[wanted] = max(y + 0.5 - min(max(beyond, 0.0), 1.0), 0.0)
                wanted += 1
                continue
            y += 1
            added = 0.0
            for i in range(parts):
                work[i] *= work[parts + i] * (y - 1.0 + 1.0 / r[i]) / y
                added += work[i]
            total += added
    low = float(SUMMED) if not underflow else 0.0
    high = max(4.0 * largest, 2.0 * SUMMED)
    while wanted < len(out):
        target = probabilities[wanted]
        while large_count_cdf(means, r, weights, high) < target and high < 1e15:
            high *= 4.0
        left, right = low, high
        while right - left > 1e-3 + 1e-5 * left:
            middle = 0.5 * (left + right) if left < 0.1 * right else math.sqrt(left * right)
            if large_count_cdf(means, r, weights, middle) < target:
                left = middle
            else:
                right = middle
        out[wanted] = right + 0.5
        low = left
        wanted += 1


@kernel(numba.void, F1, F1, F1, F1, F1, F1, F1, F1, F1, F2, F2, door=True)
def forecast_cells(
    mean: FloatVector,
    variance: FloatVector,
    innovations: FloatVector,
    weight: FloatVector,
    week_variance: FloatVector,
    r: FloatVector,
    abscissae: FloatVector,
    abscissa_weights: FloatVector,
    probabilities: FloatVector,
    moments: FloatMatrix,
    quantiles: FloatMatrix,
) -> None:
    """Write mean, sd and quantiles of the counts of several hours.

    Parameters
    ----------
    mean, variance, innovations : float64 arrays, shape (hours,)
        Normal law of log mu, and how many week innovations come on top.
    weight, week_variance, r : float64 arrays, shape (strata,)
        The scales' mixture.
    abscissae, abscissa_weights : float64 arrays, shape (nodes,)
        A rule for the standard normal density.
    probabilities : float64 array, ascending
    moments : float64 array, shape (hours, 2)
    quantiles : float64 array, shape (hours, probabilities)
    """
    strata, nodes = len(weight), len(abscissae)
    parts = strata * nodes
    means = np.empty(parts)
    sizes = np.empty(parts)
    weights = np.empty(parts)
    work = np.empty(2 * parts)
    for h in range(len(mean)):
        first = 0.0
        second = 0.0
        for a in range(strata):
            total = variance[h] + innovations[h] * week_variance[a]
            centre = math.exp(min(mean[h] + 0.5 * total, 300.0))
            first += weight[a] * centre
            second += weight[a] * (centre + (1.0 + r[a]) * centre * centre * math.exp(total))
            deviation = math.sqrt(total)
            for b in range(nodes):
                part = a * nodes + b
                means[part] = math.exp(min(mean[h] + deviation * abscissae[b], 40.0))
                sizes[part] = r[a]
                weights[part] = weight[a] * abscissa_weights[b]
        moments[h, 0] = first
        moments[h, 1] = math.sqrt(max(second - first * first, 0.0))
        if len(probabilities) > 0:
            mixture_quantiles(means, sizes, weights, probabilities, work, quantiles[h])


@kernel(
    numba.void,
    F1,
    F1,
    F1,
    F1,
    F1,
    F1,
    F1,
    F1,
    numba.types.Array(numba.float64, 3, "C"),
    numba.types.Array(numba.float64, 2, "A"),
    numba.types.Array(numba.float64, 2, "A"),
    door=True,
)
def read_off_cells(
    mean: FloatVector,
    variance: FloatVector,
    innovations: FloatVector,
    weight: FloatVector,
    week_variance: FloatVector,
    r: FloatVector,
    means: FloatVector,
    deviations: FloatVector,
    table: FloatCube,
    moments: FloatMatrix,
    quantiles: FloatMatrix,
) -> None:
    """Write exact moments, and quantiles between those of a table, of the counts of many hours.

    Parameters
    ----------
    mean, variance, innovations, weight, week_variance, r
        As in `forecast_cells`.
    means, deviations : float64 arrays
        Evenly spaced: the table's log means, and standard deviations of log mu.
    table : float64 array, shape (means, deviations, probabilities)
        Quantiles.
    moments : float64 array, shape (hours, 2)
    quantiles : float64 array, shape (hours, probabilities)
    """
    strata = len(weight)
    average = 0.0
    for a in range(strata):
        average += weight[a] * week_variance[a]
    across = 1.0 / (means[1] - means[0])
    along = 1.0 / (deviations[1] - deviations[0])
    for h in range(len(mean)):
        median = math.exp(min(mean[h], 300.0))
        first = 0.0
        second = 0.0
        for a in range(strata):
            total = variance[h] + innovations[h] * week_variance[a]
            growth = math.exp(min(0.5 * total, 300.0))
            centre = median * growth
            first += weight[a] * centre
            second += weight[a] * (centre + (1.0 + r[a]) * (centre * growth) ** 2)
        moments[h, 0] = first
        moments[h, 1] = math.sqrt(max(second - first * first, 0.0))
        x = (mean[h] - means[0]) * across
        z = (math.sqrt(variance[h] + innovations[h] * average) - deviations[0]) * along
        i = min(max(int(x), 0), len(means) - 2)
        j = min(max(int(z), 0), len(deviations) - 2)
        x -= i
        z -= j
        for q in range(quantiles.shape[1]):
            low = table[i, j, q] + x * (table[i + 1, j, q] - table[i, j, q])
            high = table[i, j + 1, q] + x * (table[i + 1, j + 1, q] - table[i, j + 1, q])
            quantiles[h, q] = low + z * (high - low)
