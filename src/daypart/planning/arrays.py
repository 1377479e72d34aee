"""The array types of planning. Each docstring gives the shape and the unit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Numbers = NDArray[np.floating] | Ints
"""Whole spots or fractions of them."""
