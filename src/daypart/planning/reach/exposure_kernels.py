"""Kernels of exposure: sampling without replacement in each cell, convolved over cells.

A household that watched k of the T minutes of a cell sees n of x spots there with the chance
C(x, n) (k)_n (T - k)_(x - n) / (T)_x, in falling factorials. By Vandermonde's identity these sum
to 1 for a real T too, as calibration makes it. Minutes that are not a whole number are a
mixture of the two whole numbers around them: the mean is then exactly x k / T, and no chance
falls below 0.
"""

from __future__ import annotations

import numba
import numpy as np

from daypart.planning.arrays import Floats, Ints
from daypart.planning.reach.frequency import TOP

Few = tuple[float, float, float, float, float, float]
Row = tuple[float, float, float, float, float, float, float, float, float, float]

FEW = 6
"""Chances that the unrolled convolution takes."""
TABULATED = 256
"""Minutes below which chances are tabulated: there are few households with more in a cell."""
NEGLIGIBLE = 1e-17
"""A chance that moves no count."""


@numba.njit(cache=True)
def _coefficients(spots: Ints, history: Floats, used: int) -> Floats:
    """Return C(x, n) T^x / (T)_x for n = 0 .. used - 1: what all households of a cell share."""
    coefficient = np.zeros((len(spots), used))
    for c in range(len(spots)):
        x, term = spots[c], 1.0
        # Beyond this, T^x / (T)_x, about exp(x^2 / 2T), might be no finite number.
        if x == 0 or x * x > 600.0 * history[c]:
            continue
        for i in range(x):
            term *= history[c] / (history[c] - i)
        for n in range(min(x + 1, used)):
            coefficient[c, n] = term
            term *= (x - n) / (n + 1.0)
    return coefficient


@numba.njit(cache=True)
def _add_term_by_term(k: float, x: int, history: float, share: float, chance: Floats) -> None:
    """Add `share` x the chances of 0, 1 ... exposures, for whole minutes `k` (or all of T).

    Slow, and exact also with very many spots or few unwatched minutes. Unwatched
    minutes that are not a whole number are mixed from the two around them, in the ratio that keeps
    the mean x k / T.
    """
    unwatched = history - k
    if unwatched <= 0.0:
        if x < len(chance):
            chance[x] += share
        return
    fewer = np.floor(unwatched)
    more = 0.0
    if unwatched > fewer:
        low, high = k / (k + fewer + 1.0), k / (k + fewer)
        more = (high - k / history) / (high - low) if high > low else 0.0
    for n in range(min(x + 1, len(chance))):
        chance[n] += share * (1.0 - more) * _chance_of(n, k, x, fewer)
        if more > 0.0:
            chance[n] += share * more * _chance_of(n, k, x, fewer + 1.0)


@numba.njit(cache=True)
def _chance_of(n: int, k: float, x: int, unwatched: float) -> float:
    term, minutes = 1.0, k + unwatched
    for i in range(n):
        term *= max(k - i, 0.0) * (x - i) / ((i + 1.0) * (minutes - i))
    for i in range(x - n):
        term *= max(unwatched - i, 0.0) / (minutes - n - i)
    return term


@numba.njit(cache=True)
def _write_chances(
    k: float, x: int, history: float, coefficient: Floats, chance: Floats, spare: Floats
) -> None:
    """Write the chances of 0, 1 ... exposures to x spots in one cell, as many as fit."""
    low = np.floor(k)
    part = k - low
    if coefficient[0] == 0.0 or history - low < x:
        chance[:] = 0.0
        if k >= history:
            _add_term_by_term(history, x, history, 1.0, chance)
            return
        high = min(low + 1.0, history)
        part /= high - low
        _add_term_by_term(low, x, history, 1.0 - part, chance)
        if part > 0.0:
            _add_term_by_term(high, x, history, part, chance)
        return
    inverse = 1.0 / history
    unwatched = history - low
    used = min(x + 1, len(chance))
    fewer, more = 1.0 - part, part
    for i in range(x - used + 1):
        fewer *= (unwatched - i) * inverse
        more *= (unwatched - 1.0 - i) * inverse
    for n in range(used - 1, -1, -1):
        chance[n], spare[n] = fewer, more
        fewer *= (unwatched - (x - n)) * inverse
        more *= (unwatched - 1.0 - (x - n)) * inverse
    fewer, more = 1.0, 1.0
    for n in range(used):
        chance[n] = (chance[n] * fewer + spare[n] * more) * coefficient[n]
        fewer *= (low - n) * inverse
        more *= (low + 1.0 - n) * inverse


@numba.njit(cache=True, nogil=True)
def _tabulate(
    low: int, x: int, history: float, coefficient: Floats, table: Floats, spare: Floats
) -> int:
    """Write the chances of `low` and of `low + 1` minutes to two rows; return how many matter."""
    used = 1
    for m in range(2):
        _write_chances(float(low + m), x, history, coefficient, table[m], spare)
        n = min(x + 1, table.shape[1])
        table[m, n:] = 0.0  # what another cell had here
        while n > used and table[m, n - 1] < NEGLIGIBLE:
            n -= 1
        used = max(used, n)
    return used


@numba.njit(cache=True, nogil=True)
def _convolve(row: Floats, chance: Floats, used: int) -> None:
    """Convolve a row of TOP counts with the first `used` chances, in place."""
    for n in range(TOP - 1, -1, -1):
        total = 0.0
        for b in range(min(used, n + 1)):
            total += chance[b] * row[n - b]
        row[n] = total


@numba.njit(cache=True, nogil=True, inline="always")
def _convolve_few(row: Row, few: Few) -> Row:
    """Convolve TOP counts with the chances of 0 to 5 exposures, all held in registers.

    Unrolled by hand: nearly all cells have few spots, and this is where time goes.
    """
    r0, r1, r2, r3, r4, r5, r6, r7, r8, r9 = row
    c0, c1, c2, c3, c4, c5 = few
    return (
        c0 * r0,
        c0 * r1 + c1 * r0,
        c0 * r2 + c1 * r1 + c2 * r0,
        c0 * r3 + c1 * r2 + c2 * r1 + c3 * r0,
        c0 * r4 + c1 * r3 + c2 * r2 + c3 * r1 + c4 * r0,
        c0 * r5 + c1 * r4 + c2 * r3 + c3 * r2 + c4 * r1 + c5 * r0,
        c0 * r6 + c1 * r5 + c2 * r4 + c3 * r3 + c4 * r2 + c5 * r1,
        c0 * r7 + c1 * r6 + c2 * r5 + c3 * r4 + c4 * r3 + c5 * r2,
        c0 * r8 + c1 * r7 + c2 * r6 + c3 * r5 + c4 * r4 + c5 * r3,
        c0 * r9 + c1 * r8 + c2 * r7 + c3 * r6 + c4 * r5 + c5 * r4,
    )


@numba.njit(cache=True, nogil=True)
def household_chances(
    row_start: Ints,
    cell: Ints,
    minutes: Floats,
    spots: Ints,
    history: Floats,
    place: Ints,
    places: int,
) -> Floats:
    """Return each household's chances of 0 .. 9 and of 10 or more exposures.

    The chances of n exposures in one cell are C(x, n) (k)_n (T - k)_(x - n) / (T)_x; those of a
    schedule are their convolution over cells. Chances of few whole minutes are tabulated when they
    first occur: households of one market share them.

    Parameters
    ----------
    row_start : int array [households + 1], cell : int array [entries]
        Where each household's entries begin, and their cells.
    minutes : float array [entries]
        k: minutes that the household watched.
    spots : int array [cells]
        x: spots of the schedule.
    history : float array [cells]
        T: minutes of history.
    place : int array [cells]
        Number of a cell with spots within its market, from 0; -1 without spots.
    places : int
        Most cells with spots in one market.

    Returns
    -------
    float array [households, TOP + 1]
    """
    households = len(row_start) - 1
    coefficient = _coefficients(spots, history, TOP)
    width = max(min(int(spots.max()) + 1, TOP), FEW)
    table = np.zeros((places, TABULATED + 1, width))
    used_of = np.zeros((places, TABULATED), dtype=np.int64)
    cell_of = np.full(places, -1)
    below = np.zeros(places)
    result = np.zeros((households, TOP + 1))
    chance, spare, counts = np.zeros(TOP), np.zeros(TOP), np.zeros(TOP)
    for h in range(households):
        row = (1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        for entry in range(row_start[h], row_start[h + 1]):
            c, k = cell[entry], minutes[entry]
            p = place[c]
            if p < 0 or k <= 0.0:
                continue
            if cell_of[p] != c:
                cell_of[p] = c
                used_of[p, :] = 0
                below[p] = 0.0
                if coefficient[c, 0] > 0.0:
                    below[p] = min(float(TABULATED), history[c] - spots[c] - 1.0)
            if k < below[p]:
                low = int(k)
                used = used_of[p, low]
                if used == 0:
                    rows = table[p, low : low + 2]
                    used = _tabulate(low, spots[c], history[c], coefficient[c], rows, spare)
                    used_of[p, low] = used
                part, lower, upper = k - low, table[p, low], table[p, low + 1]
                if used <= FEW:
                    c0 = lower[0] + part * (upper[0] - lower[0])
                    c1 = lower[1] + part * (upper[1] - lower[1])
                    c2 = lower[2] + part * (upper[2] - lower[2])
                    c3 = lower[3] + part * (upper[3] - lower[3])
                    c4 = lower[4] + part * (upper[4] - lower[4])
                    c5 = lower[5] + part * (upper[5] - lower[5])
                    row = _convolve_few(row, (c0, c1, c2, c3, c4, c5))
                    continue
                for b in range(used):
                    chance[b] = lower[b] + part * (upper[b] - lower[b])
            else:
                used = min(spots[c] + 1, TOP)
                _write_chances(k, spots[c], history[c], coefficient[c], chance, spare)
            for n, part in enumerate(row):
                counts[n] = part
            _convolve(counts, chance, used)
            c0, c1, c2, c3, c4 = counts[0], counts[1], counts[2], counts[3], counts[4]
            row = (c0, c1, c2, c3, c4, counts[5], counts[6], counts[7], counts[8], counts[9])
        for n, part in enumerate(row):
            result[h, n] = part
        result[h, TOP] = max(0.0, 1.0 - result[h, :TOP].sum())
    return result


@numba.njit(cache=True, nogil=True)
def group_misses(
    row_start: Ints,
    cell: Ints,
    minutes: Floats,
    spots: Ints,
    history: Floats,
    group: Ints,
    groups: int,
) -> Floats:
    """Return each household's chance to miss all spots of each group of cells.

    The product over the cells of a group of (T - k)_x / (T)_x.

    Parameters
    ----------
    row_start : int array [households + 1], cell : int array [entries]
        Where each household's entries begin, and their cells.
    minutes : float array [entries]
        k: minutes that the household watched.
    spots : int array [cells], history : float array [cells]
        x and T: spots, and minutes of history.
    group : int array [cells]
    groups : int

    Returns
    -------
    float array [households, groups]
    """
    coefficient = _coefficients(spots, history, 1)
    missed = np.ones((len(row_start) - 1, groups))
    chance, spare = np.zeros(1), np.zeros(1)
    for h in range(len(row_start) - 1):
        for entry in range(row_start[h], row_start[h + 1]):
            c = cell[entry]
            if spots[c] > 0 and minutes[entry] > 0.0:
                _write_chances(minutes[entry], spots[c], history[c], coefficient[c], chance, spare)
                missed[h, group[c]] *= chance[0]
    return missed
