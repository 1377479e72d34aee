"""Whether the image is there, for the processors of the queues' hosts."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from daypart.errors import DaypartError

_ECR = re.compile(
    r"(?P<registry>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?/"
    r"(?P<name>[^:@]+)(:(?P<tag>[^@]+))?(@(?P<digest>sha256:[0-9a-f]+))?"
)
_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_OURS = {"amd64": "x86_64", "arm64": "arm64"}
_MISSING = ("RepositoryNotFoundException", "ImageNotFoundException")
_SECONDS = 20


def check_image(
    image: str,
    architecture_of: Mapping[str, str],
    client: Callable[[str], Any],
    read: Callable[[str], bytes] | None = None,
) -> None:
    """Look at an image in ECR; one of another registry, or without access, is not checked.

    Parameters
    ----------
    image : str
        As the job definition names it.
    architecture_of : mapping of str to str
        Queue to `x86_64` or `arm64`.
    client : callable
        Region to boto3's client of ECR.
    read : callable, optional
        Reads what a URL of ECR names.

    Raises
    ------
    DaypartError
        Where the image is not there, or not for a queue's architecture.
    """
    place = _ECR.fullmatch(image)
    if place is None:
        return
    known = _architectures(image, place, client(place["region"]), read or _fetch)
    for queue, architecture in architecture_of.items():
        if known and architecture not in known:
            raise DaypartError(
                f"image {image} is for {', '.join(sorted(known))}, and hosts of queue "
                f"{queue!r} are {architecture}",
                hint="make image PLATFORMS=linux/amd64,linux/arm64 PUSH=--push, or leave the "
                "queue out",
            )


def _architectures(
    image: str, place: re.Match[str], ecr: Any, read: Callable[[str], bytes]
) -> set[str]:
    """Return the architectures of an image; an empty set where they are not known."""
    from botocore.exceptions import BotoCoreError, ClientError

    named = {"registryId": place["registry"], "repositoryName": place["name"]}
    which = (
        {"imageDigest": place["digest"]}
        if place["digest"]
        else {"imageTag": place["tag"] or "latest"}
    )
    try:
        reported = ecr.batch_get_image(
            **named, imageIds=[which], acceptedMediaTypes=[*_INDEXES, *_MANIFESTS]
        )
    except ClientError as error:
        if error.response["Error"]["Code"] in _MISSING:
            raise _not_there(image) from None
        return set()
    except BotoCoreError:
        return set()
    if not reported["images"]:
        raise _not_there(image)
    manifest = json.loads(reported["images"][0]["imageManifest"])
    if "manifests" in manifest:
        platforms = [each.get("platform", {}) for each in manifest["manifests"]]
        return _named({str(each.get("architecture")) for each in platforms})
    try:
        digest = manifest["config"]["digest"]
        link = ecr.get_download_url_for_layer(**named, layerDigest=digest)["downloadUrl"]
        return _named({str(json.loads(read(link))["architecture"])})
    except (ClientError, BotoCoreError, OSError, KeyError, ValueError):
        return set()


def _named(architectures: set[str]) -> set[str]:
    return {_OURS[each] for each in architectures if each in _OURS}


def _not_there(image: str) -> DaypartError:
    return DaypartError(
        f"no image {image}", hint="push it: make image PUSH=--push IMAGE=..., or set job_definition"
    )


def _fetch(link: str) -> bytes:
    if not link.startswith("https://"):
        raise OSError(link)
    with urllib.request.urlopen(link, timeout=_SECONDS) as answer:  # noqa: S310
        content: bytes = answer.read()
    return content
