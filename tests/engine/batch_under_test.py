"""The AWS Batch executor with an emulator of its own, for tests."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from unittest import mock

from daypart.batch_emulator.server import serve_batch
from daypart.batch_emulator.settings import QUICK, EmulatorSettings
from daypart.engine.executors.registry import get_executor

#: Children import the tests' own models, and boto3 needs credentials of any kind.
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@contextmanager
def emulated_batch(folder, executor_settings=None, image=None, **emulator_settings):
    """Yield the executor and the emulator that it submits to.

    Where an S3 server is in the environment its credentials stay; the emulator takes any.
    """
    logs = folder / "children"
    logs.mkdir(parents=True, exist_ok=True)
    path = os.pathsep.join(each for each in sys.path if each)
    own = {} if "AWS_ENDPOINT_URL" in os.environ else ENVIRONMENT
    settings = EmulatorSettings.of({**QUICK, **emulator_settings})
    with (
        mock.patch.dict(os.environ, own | {"PYTHONPATH": path}),
        serve_batch(settings, logs, image=image) as (url, emulator),
    ):
        # Most tests count the jobs that are made; that of the trial has a test of its own.
        quick = {
            "endpoint_url": url,
            "try_model": False,
            "poll_seconds": 0.2,
            "calls_per_second": 40.0,
        }
        yield get_executor("aws-batch", {**quick, **(executor_settings or {})}), emulator
