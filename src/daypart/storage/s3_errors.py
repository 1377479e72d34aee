"""Errors of S3 as one line with the cause and a remedy."""

from __future__ import annotations

import os
import re

from daypart.errors import DaypartError
from daypart.storage.aws import aws_region, is_web_page

_CODE = re.compile(r"<Code>(\w+)</Code>")
_STATUS = re.compile(r"status code: (\d{3})")
_BUSY = {"429", "500", "502", "503", "504"}
_DENIED = ("AccessDenied", "AllAccessDisabled", "Forbidden")
_WRONG_KEY = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken")
_WRONG_REGION = ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraint")


def s3_uri(bucket: str, key: str) -> str:
    """Return the URI of an object, a folder or (with an empty key) a bucket.

    Parameters
    ----------
    bucket, key : str

    Examples
    --------
    >>> s3_uri("audience", "run/run.json"), s3_uri("audience", "")
    ('s3://audience/run/run.json', 's3://audience')
    """
    return f"s3://{bucket}/{key}" if key else f"s3://{bucket}"


def is_temporary_failure(error: Exception) -> bool:
    """Return whether the server was busy or did not answer in time, so that waiting may help."""
    text = str(error)
    return _status(text) in _BUSY or "timed out" in text or "TimedOut" in text


def is_answer_lost(error: Exception) -> bool:
    """Return whether the connection broke during a request that obstore did not repeat."""
    text = str(error)
    return "HTTP error" in text and not re.search(r"after \d+ retries", text)


def describe(error: Exception, bucket: str, key: str) -> DaypartError:
    """Return an error of obstore as an error that the user can act on.

    Parameters
    ----------
    error : Exception
        As obstore raised it.
    bucket, key : str
        The object or folder of the request.
    """
    text = str(error)
    code = next(iter(_CODE.findall(text)), "")
    bucket_uri, uri = s3_uri(bucket, ""), s3_uri(bucket, key)
    if "169.254.169.254" in text or "169.254.170.2" in text:
        return DaypartError(
            f"{bucket_uri}: no AWS credentials",
            hint="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
        )
    if "client error: builder error" in text:
        return DaypartError(
            f"{bucket_uri}: no TLS certificates are installed", hint="install ca-certificates"
        )
    if code == "NoSuchBucket":
        return DaypartError(f"{bucket_uri}: no such bucket", hint="create it, or correct the name")
    if code in _WRONG_KEY:
        return DaypartError(
            f"{bucket_uri}: the credentials are refused ({code})",
            hint="check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN",
        )
    if code in _WRONG_REGION or _status(text) == "301" or "without LOCATION" in text:
        return _wrong_region(text, bucket_uri)
    if is_web_page(text) and _status(text) not in _BUSY:
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        return DaypartError(
            f"{uri}: {endpoint or 'the server'} answers with a web page (HTTP {_status(text)}), "
            "not as S3 does",
            hint="check AWS_ENDPOINT_URL and proxies",
        )
    if code in _DENIED or _status(text) in {"401", "403"}:
        return DaypartError(
            f"{uri}: access denied",
            hint="the credentials need s3:ListBucket on the bucket and s3:GetObject, "
            "s3:PutObject and s3:DeleteObject on its objects",
        )
    if _status(text) in _BUSY:
        return DaypartError(
            f"{uri}: S3 kept answering {_status(text)}",
            hint="finished work is saved; run the same command again later",
        )
    if "HTTP error" in text or "timed out" in text:
        return _unreachable(bucket_uri)
    return DaypartError(f"{uri}: S3 failed ({text.splitlines()[0][:200]})")


def _wrong_region(text: str, bucket_uri: str) -> DaypartError:
    expected = re.search(r"expecting '([\w-]+)'|<Region>([\w-]+)</Region>", text)
    region = next((group for group in expected.groups() if group), None) if expected else None
    used = aws_region() or "us-east-1"
    return DaypartError(
        f"{bucket_uri}: is not in region {used}",
        hint=f"set AWS_REGION={region or 'to the region of the bucket'}",
    )


def _unreachable(bucket_uri: str) -> DaypartError:
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        return DaypartError(
            f"{bucket_uri}: {endpoint} can't be reached",
            hint="check AWS_ENDPOINT_URL and the network",
        )
    return DaypartError(
        f"{bucket_uri}: S3 can't be reached", hint="check the network and AWS_REGION"
    )


def _status(text: str) -> str:
    found = _STATUS.search(text)
    return found[1] if found else ""
