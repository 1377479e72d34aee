"""What AWS Batch would only tell after an hour is told before anything is submitted."""

from __future__ import annotations

import json

import pytest
from batch_under_test import emulated_batch
from counted_stores import POISSON, make_store, planned

from daypart import fit
from daypart.engine.executors.aws_batch.image_check import check_image
from daypart.engine.executors.registry import get_executor
from daypart.errors import DaypartError

moto = pytest.importorskip("moto")

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/tv:latest"
BOTH = {"spot": "x86_64", "spot-arm64": "arm64"}
INDEX = "application/vnd.oci.image.index.v1+json"


def index_of(*architectures):
    """Return the index of an image for some architectures."""
    manifests = [
        {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "size": 1,
            "digest": f"sha256:{place:064x}",
            "platform": {"architecture": each, "os": "linux"},
        }
        for place, each in enumerate(architectures)
    ]
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests})


@pytest.fixture
def ecr(monkeypatch):
    """An account with an empty repository; returns the client of a region."""
    import boto3

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with moto.mock_aws():
        client = boto3.client("ecr", region_name="us-east-1")
        client.create_repository(repositoryName="tv")
        yield lambda region: boto3.client("ecr", region_name=region)


def push(ecr, manifest):
    ecr("us-east-1").put_image(
        repositoryName="tv", imageManifest=manifest, imageTag="latest", imageManifestMediaType=INDEX
    )


def test_an_image_for_both_architectures_is_good_for_both_queues(ecr):
    push(ecr, index_of("amd64", "arm64"))
    check_image(IMAGE, BOTH, ecr)


def test_an_image_of_the_wrong_architecture_is_told_with_what_to_do(ecr):
    push(ecr, index_of("amd64"))
    check_image(IMAGE, {"spot": "x86_64"}, ecr)
    with pytest.raises(DaypartError, match=r"is for x86_64.*'spot-arm64' are arm64.*make image"):
        check_image(IMAGE, BOTH, ecr)


@pytest.mark.parametrize("image", [IMAGE, IMAGE.replace("/tv:", "/other:")])
def test_an_image_that_was_never_pushed_is_told(ecr, image):
    with pytest.raises(DaypartError, match=r"no image 1234.*push it"):
        check_image(image, BOTH, ecr)


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_an_image_of_one_architecture_tells_it_in_its_configuration(architecture):
    class Registry:
        def batch_get_image(self, **_):
            return {"images": [{"imageManifest": '{"config": {"digest": "sha256:0"}}'}]}

        def get_download_url_for_layer(self, **_):
            return {"downloadUrl": "https://there"}

    def read(link):
        assert link == "https://there"
        return json.dumps({"architecture": architecture}).encode()

    other = "x86_64" if architecture == "arm64" else "arm64"
    with pytest.raises(DaypartError, match="is for"):
        check_image(IMAGE, {"queue": other}, lambda region: Registry(), read)


def test_another_registry_cannot_be_asked_and_stops_nobody():
    check_image("ghcr.io/tv/daypart:1", BOTH, lambda region: pytest.fail("asked"))


def test_a_region_that_there_is_not_is_told_at_once(store, tmp_path, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    tasks = planned(store, tmp_path / "run")
    executor = get_executor("aws-batch", {"region": "us-est-1", "shared_folder": True})
    with pytest.raises(DaypartError, match=r"no region 'us-est-1'.*did you mean us-(ea|we)st-1"):
        executor.execute(tasks, print)


def test_a_store_that_there_is_not_is_told_before_batch_is_asked(tmp_path):
    with emulated_batch(tmp_path) as (executor, emulator):
        with pytest.raises(DaypartError, match="no store here"):
            fit(
                tmp_path / "none",
                run=tmp_path / "run",
                executor="aws-batch",
                executor_settings={"endpoint_url": executor.settings.endpoint_url},
            )
        assert emulator.service.machine.jobs == {}


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"queue": "daypart-spott"}, "did you mean daypart-spot"),
        ({"job_definition": "other"}, "no active job definition 'other'"),
        ({"region": "eu-west-1"}, "in region eu-west-1"),
    ],
)
def test_a_new_run_is_not_even_planned_where_the_account_lacks_something(
    store, tmp_path, settings, says
):
    with emulated_batch(tmp_path) as (made, _):
        how = {"endpoint_url": made.settings.endpoint_url, **settings}
        with pytest.raises(DaypartError, match=says):
            fit(store, run=tmp_path / "run", executor="aws-batch", executor_settings=how)
        assert not (tmp_path / "run").exists()


def test_a_run_that_is_complete_needs_no_account(store, tmp_path, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    fit(store, run=tmp_path / "run", model=POISSON, executor="inline")
    assert fit(store, run=tmp_path / "run", model=POISSON, executor="aws-batch").fitted == 0


@pytest.mark.server
def test_a_model_that_a_container_cannot_import_is_told_before_any_array_is_made(
    tmp_path, monkeypatch
):
    store = make_store(tmp_path / "store", {"501": 20}).folder
    only_here = tmp_path / "only_here"
    only_here.mkdir()
    (only_here / "my_models.py").write_text("from poisson_model import HourOfWeekPoisson\n")
    with emulated_batch(tmp_path, {"vcpus": 1}, available_vcpus=4) as (made, emulator):
        settings = {"endpoint_url": made.settings.endpoint_url, "poll_seconds": 0.2, "vcpus": 1}
        how = {"executor": "aws-batch", "executor_settings": settings}
        monkeypatch.syspath_prepend(str(only_here))
        with pytest.raises(DaypartError, match=r"in a container of daypart-spot: .*my_models"):
            fit(store, run=tmp_path / "run", model="my_models:HourOfWeekPoisson", **how)
        (tried,) = emulator.service.machine.jobs.values()
        assert tried.request.name.startswith("daypart-check-")
        assert not list((tmp_path / "run" / "parts").iterdir())
        told = fit(store, run=tmp_path / "other", model=POISSON, **how)
        assert told.ok == 20
        names = [job.request.name for job in emulator.service.machine.jobs.values()]
        assert sum(name.startswith("daypart-check-") for name in names) == 2
