"""The executors that the conformance suite runs over, and how a test gets each.

A maker takes an empty folder and yields an executor; it skips the test, with the reason, where
the executor needs something that isn't there.
"""

from __future__ import annotations

from contextlib import contextmanager

from daypart.runs import get_executor


@contextmanager
def inline(_folder):
    yield get_executor("inline")


@contextmanager
def local(_folder):
    yield get_executor("local", {"workers": 1})


MAKERS = {"inline": inline, "local": local}
