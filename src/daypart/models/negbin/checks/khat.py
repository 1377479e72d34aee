"""Pareto k-hat of the hours' effects: how far their posterior is from the normal law it is given.

Draws of the paths of all hours, from their normal law given weeks, events and scales at the mode,
are weighted by the posterior's density over the law's. The law is centred where the fit's means
are: at the mode plus the third-order correction. In one hour the log likelihood is taken as

    -W / b^2 (exp(b d) - b d - 1),   d the path's distance from the mode,

which has the curvature W and the third derivative -b W of the negative binomial's sum over the
hour's weeks, and is exact for Poisson counts. So a draw costs 168 exponentials, not one for every
hour of the table.

References
----------
Vehtari, Simpson, Gelman, Yao and Gabry (2024), Pareto smoothed importance sampling, JMLR 25.
Zhang and Stephens (2009), A new and efficient estimation method for the generalized Pareto
distribution, Technometrics 51.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numba
import numpy as np

from daypart.models.jit.compile import kernel
from daypart.models.jit.types import F1, FloatMatrix, FloatVector, unsigned
from daypart.models.jit.vector_math import exp_of, sort
from daypart.models.negbin.field.structure import (
    SCRATCH,
    SERIES,
    STRUCTURE,
    Scratch,
    Series,
    Structure,
)

DRAWS = 64
"""Draws of the hours; their normal numbers are the same for every partition. In pairs on opposite
sides of the centre they would be half the work, but worth half as many where ratios are even."""
LARGEST = 10.0
"""Is told where the ratios have no tail that a law can be fitted to."""
UNRELIABLE = 0.7
"""k-hat from which on a row is flagged."""
_PRIOR_TAIL = 10.0
"""How many tail draws' worth a k of 1/2 counts, as Vehtari et al. have it."""


class Draws(NamedTuple):
    """What k-hat's draws are made of and worked out in."""

    normal: FloatMatrix  # [draws, N] standard normal numbers; none without k-hat
    room: FloatMatrix  # [7, N]
    ratio: FloatVector  # [draws]


def make_draws(nodes: int, *, wanted: bool) -> Draws:
    """Allocate for so many tree nodes; no draws where k-hat is not wanted."""
    normal = _normal_numbers(nodes) if wanted else np.zeros((0, nodes))
    return Draws(normal, np.zeros((7, nodes)), np.zeros(len(normal)))


@lru_cache(maxsize=4)
def _normal_numbers(nodes: int) -> FloatMatrix:
    """Return the numbers that every partition's draws are made of."""
    return np.random.default_rng(2024).standard_normal((DRAWS, nodes))


DRAWN = numba.typeof(make_draws(8, wanted=False))


@kernel(numba.float64, F1, numba.int64)
def tail_shape(tail: FloatVector, count: int) -> float:
    """Return k of the generalized Pareto law of ascending exceedances, by Zhang and Stephens.

    The profile likelihood is averaged over 30 + sqrt(count) values of b = -k / sigma, and the
    result is drawn a little towards 1/2.
    """
    grid = 30 + int(math.sqrt(count))
    quarter = max(tail[int(count / 4.0 + 0.5) - 1], 1e-300)
    largest = max(tail[count - 1], 1e-300)
    best = -math.inf
    for pass_ in range(2):
        total = 0.0
        mean = 0.0
        for j in range(grid):
            b = 1.0 / largest + (1.0 - math.sqrt(grid / (j + 0.5))) / (3.0 * quarter)
            k = 0.0
            for i in range(count):
                k += math.log1p(-b * tail[i])
            k /= count
            fit = count * (math.log(max(-b / k, 1e-300)) - k - 1.0) if b != 0.0 else -math.inf
            if pass_ == 0:
                best = max(best, fit)
            else:
                weight = math.exp(fit - best)
                total += weight
                mean += weight * b
    b = mean / total
    k = 0.0
    for i in range(count):
        k += math.log1p(-b * tail[i])
    return (k + _PRIOR_TAIL * 0.5) / (count + _PRIOR_TAIL)


@kernel(numba.float64, F1)
def khat_of_ascending(log_ratios: FloatVector) -> float:
    """Return k-hat of ratios in ascending order, which are overwritten."""
    number = len(log_ratios)
    count = math.ceil(min(0.2 * number, 3.0 * math.sqrt(number)))
    top, cut = log_ratios[number - 1], log_ratios[number - count - 1]
    if not (math.isfinite(top) and top - cut > 1e-12):
        return 0.0 if math.isfinite(top) else LARGEST
    low = math.exp(cut - top)
    tail = log_ratios[number - count :]
    for i in range(count):
        tail[i] = math.exp(tail[i] - top) - low
    found = tail_shape(tail, count)
    return min(found, LARGEST) if math.isfinite(found) else LARGEST


@kernel(numba.float64, F1, from_python=True, allocates=True)
def pareto_khat(log_ratios: FloatVector) -> float:
    """Return k-hat of importance ratios given by their logarithms, which are overwritten.

    Examples
    --------
    Ratios whose logarithms are k times an exponential number have a tail of shape k:

    >>> random = np.random.default_rng(0)
    >>> round(pareto_khat(0.4 * random.standard_exponential(20_000)), 1)
    0.4
    """
    log_ratios.sort()
    return khat_of_ascending(log_ratios)


@kernel(numba.void, STRUCTURE, F1, F1)
def sum_down(structure: Structure, keep: FloatVector, path: FloatVector) -> None:
    """Add to each node what is kept of its parent's path, from the root down."""
    width, segments = unsigned(structure.width), len(structure.parents)
    root = unsigned(structure.width * segments)
    for segment in range(segments - 1, -1, -1):
        parent = structure.parents[segment]
        first = unsigned(structure.width * segment)
        if parent >= 0:
            gap = unsigned(structure.width * parent) - first
            for n in range(first, first + width):
                path[n] += keep[n] * path[n + gap]
        else:
            top = path[root]
            for n in range(first, first + width):
                path[n] += keep[n] * top


@kernel(numba.float64, STRUCTURE, SERIES, SCRATCH, DRAWN, numba.float64)
def hours_khat(structure: Structure, t: Series, s: Scratch, draws: Draws, r: float) -> float:
    """Return k-hat of the hours at the field's mode, just after `log_posterior`.

    Parameters
    ----------
    structure, t, s, draws
        As everywhere.
    r : float
        1 / size.
    """
    cells = unsigned(structure.cells)
    keep, pivot, weight, own = s.newton.keep, s.newton.pivot, s.newton.weight, s.covariance.own
    bend, pull, spread = draws.room[0], draws.room[1], draws.room[2]
    path, scale, grown, centre = draws.room[3], draws.room[4], draws.room[5], draws.room[6]
    width, segments = unsigned(structure.width), len(structure.parents)
    root = unsigned(structure.width * segments)
    for c in range(cells):
        bend[c] = 0.0
    for k in range(t.weeks):
        mean, shrink, count = s.newton.mean[k], s.newton.shrink[k], t.counts[k]
        for c in range(cells):
            q = shrink[c]
            bend[c] += (1.0 + r * count[c]) * mean[c] * q * q * (2.0 * q - 1.0)
    for n in range(unsigned(structure.cells), root + unsigned(1)):
        pull[n] = 0.0
    for c in range(cells):  # what moves the mean: minus half the third derivative times variance
        pull[c] = -0.5 * bend[c] * own[c]
        rate = bend[c] / max(weight[c], 1e-300)
        bend[c] = math.copysign(max(abs(rate), 1e-3), rate)
        scale[c] = weight[c] / (bend[c] * bend[c])
    for segment in range(segments):
        parent = structure.parents[segment]
        first = unsigned(structure.width * segment)
        for n in range(first, first + width):
            higher = unsigned(structure.width * parent) + n - first if parent >= 0 else root
            pull[higher] += keep[n] * pull[n]
    half = 0.0
    for n in range(root + unsigned(1)):
        spread[n] = 1.0 / math.sqrt(pivot[n])
        half += 0.5 * pull[n] * pull[n] / pivot[n]
        centre[n] = pull[n] / pivot[n]
        pull[n] *= spread[n]
    sum_down(structure, keep, centre)
    for c in range(cells):
        centre[c] *= bend[c]
    for draw in range(len(draws.normal)):
        z = draws.normal[draw]
        total = -half
        for n in range(root + unsigned(1)):
            path[n] = spread[n] * z[n]
            total -= pull[n] * z[n]
        sum_down(structure, keep, path)
        for c in range(cells):
            path[c] = centre[c] + bend[c] * path[c]
        exp_of(path, grown, structure.cells)
        for c in range(cells):
            x = path[c]
            total -= scale[c] * (grown[c] - 1.0 - x - 0.5 * x * x)
        draws.ratio[draw] = total
    sort(draws.ratio)
    return khat_of_ascending(draws.ratio)
