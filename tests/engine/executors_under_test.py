"""The executors that the conformance suite runs over, and how a test gets each.

A maker takes an empty folder and pytest's `getfixturevalue`, and yields an executor; it skips the
test, with the reason, where the executor needs something that isn't there.
"""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from batch_under_test import emulated_batch

from daypart.engine.executors.registry import get_executor


@contextmanager
def inline(_folder, _fixture):
    yield get_executor("inline")


@contextmanager
def local(_folder, _fixture):
    yield get_executor("local", {"workers": 1})


@contextmanager
def aws_batch(folder, _fixture):
    """Its children are processes of the emulator, one at a time, as one worker would run them."""
    pytest.importorskip("boto3")
    with emulated_batch(folder, available_vcpus=4) as (executor, _):
        yield executor


@contextmanager
def slurm(_folder, fixture):
    """Its tasks run on a cluster of this machine, started once for all tests."""
    fixture("slurm")
    yield get_executor("slurm", QUICK_SLURM)


QUICK_SLURM = {"cpus": 1, "memory_mib": 500, "poll_seconds": 0.3}

MAKERS = {"inline": inline, "local": local, "slurm": slurm, "aws-batch": aws_batch}
ON_A_SERVER = {"slurm", "aws-batch"}
"""Those that need a server which the maker starts; their tests are marked so."""
