"""What hours have in common between partitions: the dispersion of sums tells.

If the sum of partitions with dispersions r_own each, and weights w of the sum, had nothing in
common, its dispersion would be r_own sum w^2. What it has beyond is shared: by all partitions,
or by those of one parent. Method of moments, with v the variances of common factors of mean 1:

    sum of all      r = v_all + sum over columns c of H_c v_c + H r_own
    one parent      r = v_all + v_parent + H (v of the other columns + r_own)
    a partition     r = v_all + v of its parents + r_own

where H is the sum of squared weights of what is summed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_ROUNDS = 60


@dataclass(frozen=True)
class Summed:
    """A sum's dispersion and what it is a sum of.

    Parameters
    ----------
    inv_phi : float
        Its variance beyond Poisson's is `inv_phi * mean ** 2`.
    total : float
        Sum of its counts.
    squares : float
        Sum over its partitions of their squared sums of counts.
    """

    inv_phi: float
    total: float
    squares: float

    @property
    def concentration(self) -> float:
        """Sum of squared weights of the partitions."""
        return self.squares / self.total**2


def common_variances(
    whole: Summed, parts: Mapping[str, Sequence[Summed]], partition_inv_phi: float
) -> tuple[float, dict[str, Floats]]:
    """Return the variances of factors that all partitions, or those of one parent, share.

    Parameters
    ----------
    whole : Summed
        The sum of all.
    parts : mapping of str to sequence of Summed
        By key column, the sums that hold it fixed.
    partition_inv_phi : float
        Dispersion of a single partition.

    Returns
    -------
    tuple of float and dict of str to float64 array

    Examples
    --------
    Ten equal partitions that share nothing, whose sum is ten times less dispersed:

    >>> sum_of_ten = Summed(inv_phi=0.02, total=10.0, squares=10.0)
    >>> round(common_variances(sum_of_ten, {}, 0.2)[0], 6)
    0.0
    """
    every, own = 0.0, partition_inv_phi
    shared = {column: np.zeros(len(sums)) for column, sums in parts.items()}
    weights = {c: np.array([each.total for each in sums]) for c, sums in parts.items()}
    for _ in range(_ROUNDS):
        typical = {
            c: float(np.average(shared[c], weights=weights[c])) if len(shared[c]) else 0.0
            for c in parts
        }
        across = sum(float((weights[c] ** 2).sum()) / whole.total**2 * typical[c] for c in parts)
        wanted = whole.inv_phi - across - whole.concentration * own
        every += 0.5 * (max(wanted, 0.0) - every)
        for column, sums in parts.items():
            others = own + sum(value for c, value in typical.items() if c != column)
            left = np.array([each.inv_phi - each.concentration * others for each in sums])
            shared[column] += 0.5 * (np.maximum(left - every, 0.0) - shared[column])
        left_over = partition_inv_phi - every - sum(typical.values())
        own += 0.5 * (max(left_over, 0.0) - own)
    return every, shared
