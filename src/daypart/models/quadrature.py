"""Rules for a standard normal density: where the scales' posterior is visited."""

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
        3 (15 nodes) or 5 (27 nodes).

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
    """Return four Gauss-Hermite nodes an axis, without the outermost corners.

    Parameters
    ----------
    dimensions : int
        3 (56 nodes: the 8 left out weigh 0.0008 together).

    Returns
    -------
    float64 array, shape (nodes, 1 + dimensions)
        Weight, then coordinates.

    Examples
    --------
    >>> rule = product_rule(3)
    >>> len(rule), round(float(rule[:, 0].sum()), 9)
    (56, 1.0)
    """
    abscissae, weights = np.polynomial.hermite_e.hermegauss(4)
    weights = weights / weights.sum()
    places = [p for p in product(range(4), repeat=dimensions) if not all(i in (0, 3) for i in p)]
    rows = np.array([[np.prod(weights[list(p)]), *abscissae[list(p)]] for p in places])
    rows[:, 0] /= rows[:, 0].sum()
    return rows
