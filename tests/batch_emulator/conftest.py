"""A served emulator and boto3's client of it."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from daypart.batch_emulator.server import serve_batch
from daypart.batch_emulator.settings import QUICK, EmulatorSettings


@pytest.fixture
def batch(tmp_path, monkeypatch):
    """Serve a Batch with settings of the test's, and give boto3's client of it."""
    boto3 = pytest.importorskip("boto3")
    from botocore.config import Config

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    once = Config(retries={"total_max_attempts": 1})
    (tmp_path / "logs").mkdir()

    @contextmanager
    def serve(region="us-east-1", **settings):
        emulated = EmulatorSettings.of({**QUICK, "describe_lag_seconds": 0.0, **settings})
        with serve_batch(emulated, tmp_path / "logs") as (url, _):
            yield boto3.client("batch", region_name=region, endpoint_url=url, config=once)

    return serve
