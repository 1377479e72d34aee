"""Random generators that depend on a seed and a partition's name only."""

from __future__ import annotations

import hashlib

import numpy as np


def generator_of(unique_id: str, seed: int) -> np.random.Generator:
    """Return the random generator of one partition under one seed.

    Parameters
    ----------
    unique_id : str
    seed : int
        At least 0.

    Returns
    -------
    numpy.random.Generator

    Examples
    --------
    >>> draws = [generator_of("501/ESPN/all", 7).integers(10**9) for _ in range(2)]
    >>> bool(draws[0] == draws[1])
    True
    """
    return np.random.default_rng([seed, number_of(unique_id)])


def number_of(unique_id: str, seed: int = 0) -> int:
    """Return a number of 64 bits from a partition's name, the same on every machine.

    Parameters
    ----------
    unique_id : str
    seed : int
        Another seed gives other numbers; 0 gives those of the name only.

    Examples
    --------
    >>> number_of("501/ESPN/all") == number_of("501/ESPN/all") != number_of("501/CNN/all")
    True
    """
    name = f"{seed}/{unique_id}" if seed else unique_id
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")
