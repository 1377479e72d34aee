"""Progress on standard error: bars on a terminal, lines in a log, nothing when quiet."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from daypart.cli import terminal
from daypart.cli.terminal import LogProgress, progress_for

STEP = """
import time
from daypart.cli.terminal import progress_for
with progress_for(quiet=False) as progress, progress.step("crediting", unit="rows") as step:
    step.expect(40)
    for _ in range(20):
        step.advance(2, failed=1)
    time.sleep(0.5)  # the bar is painted ten times a second
"""


def test_a_terminal_shows_a_bar_and_a_line_at_the_end():
    reader, writer = os.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "120"}
    command = [sys.executable, "-c", STEP]
    subprocess.run(command, stderr=writer, stdout=subprocess.PIPE, env=environment, check=True)
    os.close(writer)
    shown = os.read(reader, 100_000).decode()
    os.close(reader)
    assert "crediting" in shown
    assert "40/40" in shown
    assert "crediting: 40 rows, 20 failed, " in shown


def test_a_log_gets_a_line_at_the_end_of_a_step(capsys):
    with progress_for(quiet=False) as progress, progress.step("crediting", unit="rows") as step:
        step.advance(3)
        step.summarise("3 rows in 1 market")
    assert capsys.readouterr().err.startswith("crediting: 3 rows in 1 market, 0.")


def test_a_log_gets_the_position_of_a_long_step(capsys, monkeypatch):
    monkeypatch.setattr(terminal, "_LOG_EVERY_SECONDS", 0.05)
    with LogProgress().step("crediting", total=10, unit="rows") as step:
        step.advance(4, failed=1)
        shown = ""
        while not shown:
            shown = capsys.readouterr().err
    assert shown.startswith("crediting: 4 of 10 rows, 1 failed, ")
    assert "s left" in shown


@pytest.mark.parametrize("total", [None, 3])
def test_quiet_shows_nothing(capsys, total):
    with progress_for(quiet=True) as progress, progress.step("crediting", total) as step:
        step.advance()
    assert capsys.readouterr().err == ""
