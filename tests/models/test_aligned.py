"""The arrays that kernels run through begin on a cache line, whatever the partition's size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from daypart.models.jit.aligned import CACHE_LINE, aligned_zeros
from daypart.models.negbin.block.fit_block import structure_of
from daypart.models.negbin.configuration import CROSSED, DAY_TYPES, Configuration
from daypart.models.negbin.field.structure import make_scratch


def _arrays_of(group: Any) -> Iterator[np.ndarray]:
    for each in group:
        if isinstance(each, np.ndarray):
            yield each
        else:
            yield from _arrays_of(each)


@pytest.mark.parametrize("shape", [(0,), (1,), (7,), (3, 8), (5, 0), (2, 3, 5), (100_000,)])
def test_zeros_have_the_shape_requested_and_begin_on_a_cache_line(shape: tuple[int, ...]) -> None:
    kept = [aligned_zeros(shape) for _ in range(5)]
    for array in kept:
        assert array.shape == shape
        assert array.dtype == np.float64
        assert array.flags.c_contiguous
        assert array.flags.writeable
        assert array.size == 0 or array.ctypes.data % CACHE_LINE == 0
        assert not array.any()


def test_arrays_allocated_one_after_the_other_share_no_memory() -> None:
    one, two = aligned_zeros((9,)), aligned_zeros((9,))
    one[:] = 1.0
    assert not two.any()


@pytest.mark.parametrize("configuration", [CROSSED, DAY_TYPES], ids=["crossed", "day types"])
@pytest.mark.parametrize(("weeks", "effects", "large"), [(1, 0, 0), (13, 3, 5), (52, 11, 9000)])
def test_every_array_of_the_scratch_begins_on_a_cache_line(
    configuration: Configuration, weeks: int, effects: int, large: int
) -> None:
    scratch = make_scratch(structure_of(configuration), weeks, effects, large)
    arrays = list(_arrays_of(scratch))
    assert arrays
    assert [each.shape for each in arrays if each.ctypes.data % CACHE_LINE] == []
