"""Rules for a standard normal density: where the scales' posterior is weighed."""

from __future__ import annotations

from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray


@lru_cache(maxsize=4)
def integration_rule(dimensions: int) -> NDArray[np.float64]:
    """Return nodes of degree 5 for a standard normal density.

    Parameters
    ----------
    dimensions : int
        At least 3: 15 nodes for 3, 45 for 6.

    Returns
    -------
    float64 array, shape (nodes, 1 + dimensions)
        Weight, then coordinates: the centre, the axes (minus, plus), the corners.

    Examples
    --------
    The fourth moment of a standard normal is 3, its mixed one 1:

    >>> rule = integration_rule(3)
    >>> weight, x, y = rule[:, 0], rule[:, 1], rule[:, 2]
    >>> len(rule), round(float(weight @ x**4), 9), round(float(weight @ (x * y) ** 2), 9)
    (15, 3.0, 1.0)
    """
    d = dimensions
    corners = [corner for corner in product((-1.0, 1.0), repeat=d) if d < 5 or np.prod(corner) > 0]
    rows = [[2.0 / (d + 2.0)] + [0.0] * d]
    for axis in range(d):
        for side in (-1.0, 1.0):
            rows.append([1.0 / (d + 2.0) ** 2] + [0.0] * d)
            rows[-1][1 + axis] = side * np.sqrt(d + 2.0)
    for corner in corners:
        weight = d**2 / (d + 2.0) ** 2 / len(corners)
        rows.append([weight, *(np.sqrt((d + 2.0) / d) * np.array(corner))])
    return np.array(rows)


@lru_cache(maxsize=4)
def product_rule(dimensions: int) -> NDArray[np.float64]:
    """Return five Gauss-Hermite nodes an axis, without those farther out than sqrt(12).

    Parameters
    ----------
    dimensions : int
        3 (81 nodes: those left out weigh 0.0015 together).

    Returns
    -------
    float64 array, shape (nodes, 1 + dimensions)
        Weight, then coordinates.

    Examples
    --------
    >>> rule = product_rule(3)
    >>> len(rule), round(float(rule[:, 0].sum()), 9)
    (81, 1.0)
    """
    abscissae, weights = np.polynomial.hermite_e.hermegauss(5)
    weights = weights / weights.sum()
    places = np.array(list(product(range(5), repeat=dimensions)))
    places = places[(abscissae[places] ** 2).sum(axis=1) < 12.0]
    rows = np.column_stack([weights[places].prod(axis=1), abscissae[places]])
    rows[:, 0] /= rows[:, 0].sum()
    return rows
