"""Households and minutes of a market by hour: stored hours are kept, credited hours replaced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from daypart.viewing.market.cells import Cells
from daypart.viewing.market.hour_range import HourRange


@dataclass(frozen=True)
class HourMatrices:
    """A row per series and a column per hour; the arrays are changed in place.

    Parameters
    ----------
    first_hour : int
        The UTC hour of the first column, hours since 1970.
    counts : int32 array, shape (series, hours)
    minutes : float32 array, shape (series, hours)

    Examples
    --------
    >>> hours = HourMatrices.zeros(100, (2, 3))
    >>> hours.place_stored([1], 101, [[7, 8]], [[7.0, 8.0]])
    >>> hours.counts.tolist()
    [[0, 0, 0], [0, 7, 8]]
    """

    first_hour: int
    counts: NDArray[np.int32]
    minutes: NDArray[np.float32]

    @classmethod
    def zeros(cls, first_hour: int, shape: tuple[int, int]) -> HourMatrices:
        """Return matrices of zeros.

        Parameters
        ----------
        first_hour : int
        shape : tuple of int
            Series, hours.
        """
        return cls(first_hour, np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=np.float32))

    def place_stored(
        self, rows: Sequence[int], first_hour: int, counts: ArrayLike, minutes: ArrayLike
    ) -> None:
        """Place stored values in some rows.

        Parameters
        ----------
        rows : sequence of int
        first_hour : int
            The hour of the first stored value.
        counts, minutes : array, shape (rows, stored hours)
        """
        start = first_hour - self.first_hour
        columns = slice(start, start + np.shape(counts)[1])
        self.counts[rows, columns] = counts
        self.minutes[rows, columns] = minutes

    def replace(self, hours: HourRange, rows: NDArray[np.int64], cells: Cells) -> None:
        """Replace all values of some hours by the credited cells.

        Parameters
        ----------
        hours : HourRange
        rows : int64 array, shape (cells,)
            The row of each cell.
        cells : Cells
        """
        columns = slice(hours.start - self.first_hour, hours.stop - self.first_hour)
        self.counts[:, columns] = 0
        self.minutes[:, columns] = 0
        self.counts[rows, cells.hour - self.first_hour] = cells.households
        self.minutes[rows, cells.hour - self.first_hour] = cells.minutes
