"""Work in threads whose results come back in order, with few of them in memory at once."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def usable_cores() -> int:
    """Return how many cores this process may use.

    Examples
    --------
    >>> usable_cores() >= 1
    True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_order(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int | None = None
) -> Iterator[Result]:
    """Apply a function to items in threads; yield the results in the order of the items.

    It helps where the function spends its time in code that lets other threads run, as NumPy
    does when it draws random numbers and sorts.

    Parameters
    ----------
    work : callable
    items : iterable
    threads : int, optional
        One for each core that this process may use when left out.

    Examples
    --------
    >>> list(in_order(lambda number: number * number, range(4)))
    [0, 1, 4, 9]
    """
    count = threads or usable_cores()
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(count) as pool:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
