"""Protection of tables that add up: dayparts to the week, hours to a daypart, networks to any.

A suppressed figure of one part is the whole less the other parts. It stays unknown where another
part publishes nothing that this one suppresses: what one part gains, the other loses, and neither
the whole nor a published figure changes. So two parts, those that publish least anyway,
publish only what every part does, and no part publishes what the whole suppresses.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]


def nest(parts: Bools, whole: Bools, spare: Bools | None = None) -> tuple[Bools, Bools]:
    """Suppress figures of parts, so that none follows from the whole and the other parts.

    Parameters
    ----------
    parts : bool array, shape (parts, ...)
        Whether each figure may be published on its own.
    whole : bool array, shape (...)
        The same of their sum.
    spare : bool array, shape (parts,), optional
        Parts that may be one of the two that publish least; all by default. With fewer than two
        of them the whole is suppressed where a part is.

    Returns
    -------
    parts, whole : bool arrays, as the arguments

    Examples
    --------
    The first part is suppressed; the last, which publishes less than the second, is as well:

    >>> parts = np.array([[False, True], [True, True], [True, False]])
    >>> nest(parts, np.array([True, True]))[0].astype(int).tolist()
    [[0, 0], [1, 1], [0, 0]]
    """
    parts = parts & whole
    common = parts.all(axis=0)
    if (common == whole).all():
        return parts, whole
    able = np.arange(len(parts)) if spare is None else np.flatnonzero(spare)
    if len(able) < 2:
        return parts & common if len(parts) == 1 else parts, whole & common
    published = parts.reshape(len(parts), -1).sum(axis=1)
    parts[able[np.argsort(published[able], kind="stable")[:2]]] = common
    return parts, whole
