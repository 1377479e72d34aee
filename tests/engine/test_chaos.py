"""Some of the seeds of `chaos.py`; `make chaos` runs two hundred."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.server
@pytest.mark.timeout(600)
def test_killed_starved_and_lied_to_runs_end_as_if_undisturbed(s3_server):
    """In a process of its own, because it forks: on disk, and on S3 that fails."""
    script = Path(__file__).with_name("chaos.py")
    done = subprocess.run(
        [sys.executable, str(script), "--seeds", "15", "--s3", "--jobs", "2"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
