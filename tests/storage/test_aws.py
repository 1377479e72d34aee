"""Region and credentials are found as other tools of AWS find them, wherever they are needed."""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from daypart.cli.installation import examine_installation
from daypart.deployment.deploy import _clients
from daypart.engine.costs.prices.price_apis import PriceClients
from daypart.engine.executors.aws_batch.calls import BatchCalls, make_client
from daypart.errors import DaypartError
from daypart.storage.aws import aws_region
from daypart.storage.s3 import _store
from daypart.storage.s3_errors import describe

pytest.importorskip("boto3")

KEYS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
CONFIG = """
[default]
region = eu-north-1
[profile tv]
region = ap-south-1
s3 =
  max_concurrent_requests = 20
[sso-session corp]
sso_region = us-west-1
"""
LIMITS = {"connect": 1, "request": 1, "retries": 0, "all": 1}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty environment, and a home without any configuration."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    (tmp_path / ".aws").mkdir()
    return tmp_path / ".aws"


@pytest.mark.parametrize(
    ("variables", "config", "region"),
    [
        ({"AWS_REGION": "eu-west-1"}, "", "eu-west-1"),
        ({"AWS_DEFAULT_REGION": "eu-west-2"}, "", "eu-west-2"),
        ({"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}, "", "eu-west-1"),
        ({}, CONFIG, "eu-north-1"),
        ({"AWS_PROFILE": "tv"}, CONFIG, "ap-south-1"),
        ({"AWS_PROFILE": "tv", "AWS_REGION": "eu-west-1"}, CONFIG, "eu-west-1"),
    ],
)
def test_the_region_is_the_same_for_s3_batch_the_stack_the_prices_and_doctor(
    home, monkeypatch, variables, config, region
):
    for name, value in (KEYS | variables).items():
        monkeypatch.setenv(name, value)
    (home / "config").write_text(config)
    assert make_client(None, None).meta.region_name == region
    assert _clients(None)[2] == region
    assert PriceClients.of_region(aws_region()).ec2.meta.region_name == region
    assert _store("bucket", os.environ, **LIMITS).config["region"] == region
    assert f"region {region}" in str(examine_installation())


def test_an_explicit_region_comes_before_all_others(home, monkeypatch):
    for name, value in (KEYS | {"AWS_REGION": "eu-west-1"}).items():
        monkeypatch.setenv(name, value)
    assert make_client("sa-east-1", None).meta.region_name == "sa-east-1"


@pytest.mark.parametrize("place", ["credentials", "config"])
@pytest.mark.parametrize("profile", [None, "tv"])
def test_keys_are_read_from_either_file_of_a_profile(home, monkeypatch, place, profile):
    """SSO and assumed roles are written in `config` alone."""
    section = "default" if profile is None else "tv" if place == "credentials" else "profile tv"
    keys = "aws_access_key_id = x\naws_secret_access_key = y\n"
    (home / place).write_text(f"[{section}]\n{keys}region = eu-west-1\n")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    if profile:
        monkeypatch.setenv("AWS_PROFILE", profile)
    store = _store("bucket", os.environ, **LIMITS)
    assert store.credential_provider()["access_key_id"] == "x"
    assert make_client(None, None).meta.region_name == "eu-west-1"


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({}, "no AWS region"),
        ({"AWS_REGION": "eu-west-1"}, "no AWS credentials"),
        ({"AWS_REGION": "here"}, "'here' is not an AWS region"),
        ({"AWS_REGION": "xx-west-1"}, "no region 'xx-west-1'"),
        ({"AWS_PROFILE": "nobody"}, r"no AWS credentials \(.*nobody"),
    ],
)
def test_what_is_missing_is_one_line(home, monkeypatch, variables, says):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(DaypartError, match=says):
        make_client(None, None)


def test_a_profile_that_does_not_exist_is_one_line_on_s3_too(home, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(DaypartError, match="s3://bucket: no AWS credentials"):
        _store("bucket", os.environ, **LIMITS)


@contextmanager
def web_server(status):
    """Serve a page for people at every address."""
    page = b"<!DOCTYPE html>\n<html><head><title>Oops</title></head>\n<body>No</body></html>\n"

    class Pages(BaseHTTPRequestHandler):
        def answer(self):
            self.rfile.read(int(self.headers.get("content-length") or 0))
            self.send_response(status)
            self.send_header("content-type", "text/html")
            self.send_header("content-length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        do_GET = do_POST = answer  # noqa: N815 - the names that the server calls

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


class NoTime:
    """A clock on which a wait is over at once."""

    def now(self):
        return time.monotonic()

    def sleep(self, seconds):
        pass


@pytest.mark.parametrize("status", [200, 404, 500])
def test_the_web_page_of_another_server_is_one_clear_line(home, monkeypatch, status):
    for name, value in (KEYS | {"AWS_REGION": "eu-west-1"}).items():
        monkeypatch.setenv(name, value)
    with web_server(status) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        with pytest.raises(DaypartError) as batch:
            BatchCalls(make_client(None, url), NoTime(), 1e6).read("describe_job_queues")
        error = Exception(f"GET {url} - status code: {status} : <html><title>Oops</title></html>")
        of_s3 = describe(error, "bucket", "run")
    for told in (str(batch.value), str(of_s3)):
        assert "\n" not in told
        assert "<" not in told
        assert len(told) < 200
    assert "web page" in str(batch.value)
