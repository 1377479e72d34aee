"""The types of kernels' arguments: numba's for signatures, NumPy's for annotations.

Arrays are C-contiguous and writable; a signature accepts nothing else.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

FloatVector = NDArray[np.float64]
FloatMatrix = NDArray[np.float64]
FloatCube = NDArray[np.float64]
IntVector = NDArray[np.int64]
IntMatrix = NDArray[np.int64]

F1 = numba.types.Array(numba.float64, 1, "C")
F2 = numba.types.Array(numba.float64, 2, "C")
F3 = numba.types.Array(numba.float64, 3, "C")
I1 = numba.types.Array(numba.int64, 1, "C")
I2 = numba.types.Array(numba.int64, 2, "C")

SMALL_I1 = numba.types.Array(numba.int16, 1, "C")
SMALL_I2 = numba.types.Array(numba.int16, 2, "C")
SINGLE_I1 = numba.types.Array(numba.int32, 1, "C")
SINGLE_F1 = numba.types.Array(numba.float32, 1, "C")
SINGLE_F2 = numba.types.Array(numba.float32, 2, "C")
SINGLE_F3 = numba.types.Array(numba.float32, 3, "C")
"""Arrays of a block's input and output, which are kept in fewer bytes than the fit's."""

unsigned = np.uint64
"""An index that is never negative. Loops over it use vector instructions: numba adds to every
signed index a check for counting from the end of the array."""
