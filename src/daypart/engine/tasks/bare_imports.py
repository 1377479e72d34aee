"""Libraries imported without what they look for and a task does not need.

pyarrow imports pandas with its first array, numba imports SciPy for matrix products: a third of
the time until a task's first fit. No model of daypart's own hands tables to pandas or has
matrices multiplied in compiled code. Only processes of daypart's own may do without; what
imports pandas or SciPy itself still gets them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder

import pyarrow as pa


class _Absent(MetaPathFinder):
    """Finds that a package is not installed."""

    def __init__(self, name: str) -> None:
        self.name = name

    def find_spec(self, fullname: str, *_: object) -> None:
        """Refuse the package and what is in it; leave all else to others."""
        if fullname.partition(".")[0] == self.name:
            raise ModuleNotFoundError(f"{fullname} is not looked for here", name=fullname)


@contextmanager
def _absent(name: str) -> Iterator[None]:
    """Let a package look as if it were not installed, unless it is imported already."""
    finder = _Absent(name)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


def import_pyarrow_alone() -> None:
    """Import pyarrow; it will never look for pandas in this process."""
    with _absent("pandas"):
        pa.array([0])


def import_numba_alone() -> None:
    """Import numba; compiled code of this process can't multiply matrices."""
    with _absent("scipy"):
        import numba.np.arraymath  # noqa: F401 - it is this that looks for SciPy
