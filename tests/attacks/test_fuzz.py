"""Damaged files of every kind end in an error of daypart's own, or do no harm."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parent / "fuzzing" / "fuzz.py"


@pytest.mark.slow
def test_a_damaged_file_raises_no_raw_exception_and_nothing_hangs():
    done = subprocess.run(
        [sys.executable, FUZZ, "--seconds", "40", "--seed", "2000000"],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 failures" in done.stdout
