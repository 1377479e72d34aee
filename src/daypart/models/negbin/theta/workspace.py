"""The arrays that the fit of theta works in: search, covariance at the mode, axes and points.

theta has d coordinates. An axis is a column of the root of theta's covariance at the mode, and the
integration points are the mode and one point on each side of an axis.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from daypart.models.jit.types import FloatCube, FloatMatrix, FloatVector

LOWEST, HIGHEST = 0.05, 4.0
"""Bounds of theta: scales from 0.0001 to 64."""

HOUR, HOUR_VARIANCE, DENSE, DENSE_VARIANCE, LEVEL, CHECKS = range(6)
"""Rows of the sums, which a fit returns: means and variances of the hours of the week, of the dense
coordinates, of the hours' mean (as two columns, with the origin's mean in a third), and the checks
below."""
SUM_ROWS = 6
ORIGIN_AFTER, DENSE_AFTER = 1, 2
"""Places in `Points.moment`, after those of the cells and of their mean at 0."""
GRADIENT, SKEWNESS, IN_FULL, KHAT = range(4)
"""Columns of the row CHECKS: the slope that remains at the mode (as a Newton step in standard
deviations), the largest skewness, 1 where every axis has points, and k-hat."""


class Search(NamedTuple):
    """The climb to theta's mode; each vector has shape (d,)."""

    best: FloatVector  # the point of the highest density so far: in the end, the mode
    slope: FloatVector  # gradient of the log density there
    trial: FloatVector  # the point to evaluate; before the climb, its start
    trial_slope: FloatVector
    direction: FloatVector
    change: FloatVector
    inverse: FloatMatrix  # [d, d] the inverse Hessian of minus the log density, as far as known


class Covariance(NamedTuple):
    """theta's normal approximation at its mode."""

    matrix: FloatMatrix  # [d, d] the Hessian of minus the log density, then its inverse
    root: FloatMatrix  # [d, d] lower triangle L of matrix = L L'
    work: FloatMatrix  # [2 d, d]
    skewness: FloatVector  # [d] of each coordinate, by the third derivative at the mode


class ScaleLaw(NamedTuple):
    """The law of a scale along each axis, shape (d,); see `scale_law`."""

    groups: FloatVector  # K, 0 where the axis has no such law
    noise: FloatVector  # v
    square: FloatVector  # S
    width: FloatVector  # standard deviation of theta along the axis
    top: FloatVector  # log density at the mode


class Axes(NamedTuple):
    """The log density along each axis and the axis's reparametrisation by a normal score z."""

    bend: FloatVector  # [d] offset(z) = length (exp(bend z) - 1) / bend
    length: FloatVector
    below: FloatVector  # [d] normal scores of the points on both sides, 0 without points
    above: FloatVector
    law: ScaleLaw
    correction: FloatMatrix  # [d, 4] Newton's form through 0, below, below, above, above
    tilt: FloatCube  # [d, d, 2] slope in each other axis: coefficients of z^2 and z^3


class Points(NamedTuple):
    """The integration points: the mode, then below and above it on each axis."""

    offset: FloatVector  # [2 d + 1] place along its axis
    rise: FloatVector  # [2 d + 1] log density less the mode's
    slope: FloatMatrix  # [2 d + 1, d] slope of the log density in each axis
    moment: FloatCube  # [2 d + 1, 2, cells + 2 + m] the field's mean and variance
    cell: (
        np.ndarray
    )  # [weeks, 2 d + 1, 2, cells] those of log mu in every cell; no weeks unless kept
    score: FloatMatrix  # [2 d + 1, 2 d] means, then covariances, of z and z^2 by axis


class Theta(NamedTuple):
    """Everything that the fit of theta writes to."""

    search: Search
    covariance: Covariance
    axes: Axes
    points: Points


def make_theta(dimensions: int, columns: int, cells: int, cell_weeks: int) -> Theta:
    """Allocate the arrays of a fit.

    Parameters
    ----------
    dimensions : int
        Coordinates of theta, d.
    columns : int
        Dense coordinates of the field.
    cells : int
        Cells of a week.
    cell_weeks : int
        Weeks for which the moments of every cell are kept; 0 to keep none.

    Returns
    -------
    Theta
    """
    d = dimensions
    return Theta(
        Search._make([*np.zeros((6, d)), np.zeros((d, d))]),
        Covariance(np.zeros((d, d)), np.zeros((d, d)), np.zeros((2 * d, d)), np.zeros(d)),
        Axes._make(
            [
                *np.zeros((4, d)),
                ScaleLaw._make(np.zeros((5, d))),
                np.zeros((d, 4)),
                np.zeros((d, d, 2)),
            ]
        ),
        Points(
            offset=np.zeros(2 * d + 1),
            rise=np.zeros(2 * d + 1),
            slope=np.zeros((2 * d + 1, d)),
            moment=np.zeros((2 * d + 1, 2, cells + DENSE_AFTER + columns)),
            cell=np.zeros((cell_weeks, 2 * d + 1, 2, cells)),
            score=np.zeros((2 * d + 1, 2 * d)),
        ),
    )


_EXAMPLE = make_theta(3, 2, 2, 0)
THETA = numba.typeof(_EXAMPLE)
SEARCH = numba.typeof(_EXAMPLE.search)
COVARIANCE = numba.typeof(_EXAMPLE.covariance)
SCALE_LAW = numba.typeof(_EXAMPLE.axes.law)
AXES = numba.typeof(_EXAMPLE.axes)
POINTS = numba.typeof(_EXAMPLE.points)
