"""Memory stays bounded by the setting, whatever the size of the input."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

ROWS = 1_600_000
_INGEST = """
import re, sys
from pathlib import Path
from daypart.viewing.ingest import ingest
report = ingest(
    sys.argv[1], households=sys.argv[2], into=sys.argv[3], timezone="America/Chicago",
    key=b"a household key for tests", memory="200MB", threads=1, panel_households=50,
)
assert report.rows.adds_up()
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]
print(report.rows.read, int(peak) // 1024)
"""
# VmHWM is this process's own; ru_maxrss would start from that of the tests which started it.


@pytest.mark.slow
def test_an_input_of_over_100_megabytes_is_ingested_within_a_small_limit(tmp_path):
    events, households = tmp_path / "events.csv", tmp_path / "households.csv"
    duckdb.sql(
        f"""
        COPY (
            SELECT 'household-' || r % 4000 AS household_id, '602' AS market,
                   'Network ' || (r * 7919) % 40 AS network, 'box-' || r % 8000 AS device_id,
                   strftime(began, '%Y-%m-%dT%H:%M:%SZ') AS "start", 900 + r % 1800 AS duration_s
            FROM (SELECT r, TIMESTAMP '2025-06-02 06:00:00'
                         + to_seconds(CAST((r * 1000003) % (28 * 86400) AS BIGINT)) AS began
                  FROM range({ROWS}) t(r))
        ) TO '{events}' (HEADER)
        """
    )
    duckdb.sql(
        f"COPY (SELECT 'household-' || r AS household_id, '602' AS market, 10 AS weight "
        f"FROM range(4000) t(r)) TO '{households}' (HEADER)"
    )
    assert events.stat().st_size > 100_000_000
    command = [sys.executable, "-c", _INGEST, events, households, tmp_path / "store"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    rows, megabytes = map(int, done.stdout.split())  # and nothing else is printed
    assert done.stderr == ""
    assert rows == ROWS
    assert megabytes < 500
    assert not (Path(tmp_path) / "store" / ".ingest").exists()
