"""Files and folders that their owner alone may read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def private_files() -> Iterator[None]:
    """Make new folders with the mode 0700 and new files with 0600 (for the whole process).

    Also a decorator.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with private_files():
    ...     _ = (pathlib.Path(tempfile.mkdtemp()) / "store").mkdir()
    """
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)
