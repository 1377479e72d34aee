"""Quantiles of mixtures of negative binomials: exact sums where small, smooth laws where large.

The mixture is over strata of dispersion and nodes of a normal law of log mu:

    P(y) = sum_a w_a sum_b v_b NB(y | mean exp(m + s_a z_b), 1 / size r_a)
"""

from __future__ import annotations

import math

import numba
import numpy as np

from daypart.models.jit.compile import kernel
from daypart.models.jit.types import F1, F2, FloatCube, FloatMatrix, FloatVector, unsigned
from daypart.models.negbin.forecast.large_counts import (
    ROWS,
    large_from,
    large_parts,
    large_quantiles,
)

SUMMED = 600
"""Largest count up to which probabilities are summed count by count."""


@kernel(numba.int64, F1, F1, F1, F1, F1, F1)
def summed_quantiles(
    means: FloatVector,
    r: FloatVector,
    weights: FloatVector,
    probabilities: FloatVector,
    work: FloatVector,
    out: FloatVector,
) -> int:
    """Write quantiles of the count spread evenly over the unit around it; return their number.

    An interval between two smallest counts that reach a probability covers more than its nominal
    share: for a mean of 1, that of 50 % covers 92 %. Spreading a count over (y - 1/2, y + 1/2)
    gives ends whose intervals have their nominal coverage on average over means; rounded to the
    nearest whole number they are the usual quantiles. Ends are cut at 0.

    Parameters
    ----------
    means, r, weights : float64 arrays, shape (parts,)
        NB2 mean and 1 / size; weights sum to 1.
    probabilities : float64 array, ascending
    work : float64 array, shape (2 * parts,)
    out : float64 array, as probabilities
        Quantiles above SUMMED are not written.
    """
    parts = unsigned(len(means))
    total = 0.0
    for i in range(parts):
        power = math.exp(-math.log1p(r[i] * means[i]) / r[i])
        work[i] = weights[i] * power
        work[parts + i] = r[i] * means[i] / (1.0 + r[i] * means[i])
        total += work[i]
    added = total
    y = 0
    wanted = 0
    while wanted < len(out) and y <= SUMMED:
        if total >= probabilities[wanted] - 1e-12:
            beyond = (total - probabilities[wanted]) / max(added, 1e-300)
            out[wanted] = max(y + 0.5 - min(max(beyond, 0.0), 1.0), 0.0)
            wanted += 1
            continue
        y += 1
        added = 0.0
        before, one = y - 1.0, 1.0 / y
        for i in range(parts):
            work[i] *= work[parts + i] * (before + 1.0 / r[i]) * one
            added += work[i]
        total += added
    return wanted


@kernel(numba.void, F1, F2, F1, F1, F1, F1, F1, F1, F2, F2, from_python=True, allocates=True)
def forecast_cells(
    mean: FloatVector,
    variance: FloatMatrix,
    weight: FloatVector,
    r: FloatVector,
    abscissae: FloatVector,
    abscissa_weights: FloatVector,
    probabilities: FloatVector,
    normal: FloatVector,
    moments: FloatMatrix,
    quantiles: FloatMatrix,
) -> None:
    """Write mean, sd and quantiles of the counts of several hours.

    Parameters
    ----------
    mean : float64 array, shape (hours,)
        Of log mu.
    variance : float64 array, shape (hours, strata)
        The same; log mu is normal in each stratum.
    weight, r : float64 arrays, shape (strata,)
        Weight and 1 / size of each.
    abscissae, abscissa_weights : float64 arrays, shape (nodes,)
        A rule for the standard normal density.
    probabilities, normal : float64 arrays, shape (probabilities,)
        Ascending, and the standard normal quantiles at them.
    moments : float64 array, shape (hours, 2)
    quantiles : float64 array, shape (hours, probabilities)
    """
    strata, nodes = len(weight), len(abscissae)
    parts = strata * nodes
    means = np.empty(parts)
    sizes = np.empty(parts)
    weights = np.empty(parts)
    work = np.empty(2 * parts)
    laws = np.empty((ROWS, parts))
    smallest = math.log(large_from(r))
    for h in range(len(mean)):
        first = 0.0
        second = 0.0
        for a in range(strata):
            total = variance[h, a]
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
        found = 0
        if mean[h] < smallest:
            found = summed_quantiles(means, sizes, weights, probabilities, work, quantiles[h])
        if found < len(probabilities):
            log_mean = min(mean[h], 40.0)
            width = math.log(max(second / max(first * first, 1e-300), 1.0 + 1e-12))
            large_parts(
                log_mean,
                variance[h],
                weight,
                r,
                abscissae,
                abscissa_weights,
                laws,
            )
            large_quantiles(
                laws,
                log_mean,
                min(math.log(max(first, 1e-300)) - 0.5 * width, 80.0),
                math.sqrt(width),
                probabilities,
                normal,
                found,
                quantiles[h],
            )


@kernel(
    numba.void,
    *(F1, F2, F1, F1, F1, F1),
    numba.int64,
    numba.types.Array(numba.float64, 3, "C"),
    numba.types.Array(numba.float64, 2, "A"),
    numba.types.Array(numba.float64, 2, "A"),
    from_python=True,
)
def interpolate_cells(
    mean: FloatVector,
    variance: FloatMatrix,
    weight: FloatVector,
    r: FloatVector,
    means: FloatVector,
    deviations: FloatVector,
    turn: int,
    table: FloatCube,
    moments: FloatMatrix,
    quantiles: FloatMatrix,
) -> None:
    """Write exact moments of the counts of many hours, and quantiles interpolated in a table.

    Parameters
    ----------
    mean, variance, weight, r
        As in `forecast_cells`.
    means, deviations : float64 arrays
        The table's log means, evenly spaced up to that of number `turn` and from there on, and
        standard deviations of log mu, evenly spaced.
    turn : int
    table : float64 array, shape (means, deviations, probabilities)
        Quantiles over exp(log mean), a slowly varying function of large means.
    moments : float64 array, shape (hours, 2)
    quantiles : float64 array, shape (hours, probabilities)
    """
    strata = len(weight)
    last = len(means) - 1
    across = turn / (means[turn] - means[0]) if turn > 0 else 0.0
    beyond = (last - turn) / (means[last] - means[turn]) if turn < last else 0.0
    along = 1.0 / (deviations[1] - deviations[0])
    for h in range(len(mean)):
        median = math.exp(min(mean[h], 300.0))
        first = 0.0
        second = 0.0
        average = 0.0
        for a in range(strata):
            average += weight[a] * variance[h, a]
            growth = math.exp(min(0.5 * variance[h, a], 300.0))
            centre = median * growth
            first += weight[a] * centre
            second += weight[a] * (centre + (1.0 + r[a]) * (centre * growth) ** 2)
        moments[h, 0] = first
        moments[h, 1] = math.sqrt(max(second - first * first, 0.0))
        x = turn + (mean[h] - means[turn]) * (across if mean[h] < means[turn] else beyond)
        z = (math.sqrt(average) - deviations[0]) * along
        i = min(max(int(x), 0), len(means) - 2)
        j = min(max(int(z), 0), len(deviations) - 2)
        x -= i
        z -= j
        for q in range(quantiles.shape[1]):
            low = table[i, j, q] + x * (table[i + 1, j, q] - table[i, j, q])
            high = table[i, j + 1, q] + x * (table[i + 1, j + 1, q] - table[i, j + 1, q])
            quantiles[h, q] = median * (low + z * (high - low))
