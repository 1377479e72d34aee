"""What S3 answers, told in one line with what to do about it."""

from __future__ import annotations

import os
import re

from daypart.errors import DaypartError
from daypart.storage.s3_path import S3Path

_CODE = re.compile(r"<Code>(\w+)</Code>")
_STATUS = re.compile(r"status code: (\d{3})")
_BUSY = {"429", "500", "502", "503", "504"}
_DENIED = ("AccessDenied", "AllAccessDisabled", "Forbidden")
_WRONG_KEY = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken")
_WRONG_REGION = ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraint")


def is_passing(error: Exception) -> bool:
    """Tell whether the server was busy or did not answer in time: waiting may help."""
    text = str(error)
    return _status(text) in _BUSY or "timed out" in text or "TimedOut" in text


def is_cut_short(error: Exception) -> bool:
    """Tell whether an answer was lost on its way and was not asked for again by obstore."""
    text = str(error)
    return "HTTP error" in text and not re.search(r"after \d+ retries", text)


def describe(error: Exception, path: S3Path) -> DaypartError:
    """Return the error as its user should read it.

    Parameters
    ----------
    error : Exception
        As obstore raised it.
    path : S3Path
        What was asked for.
    """
    text = str(error)
    code = next(iter(_CODE.findall(text)), "")
    bucket = f"s3://{path.bucket}"
    if "169.254.169.254" in text or "169.254.170.2" in text:
        return DaypartError(
            f"{bucket}: no AWS credentials",
            hint="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
        )
    if "client error: builder error" in text:
        return DaypartError(
            f"{bucket}: no TLS certificates are installed", hint="install ca-certificates"
        )
    if code == "NoSuchBucket":
        return DaypartError(f"{bucket}: no such bucket", hint="make it, or mend the name")
    if code in _WRONG_KEY:
        return DaypartError(
            f"{bucket}: the credentials are refused ({code})",
            hint="check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN",
        )
    if code in _WRONG_REGION or _status(text) == "301" or "without LOCATION" in text:
        return _wrong_region(text, bucket)
    if code in _DENIED or _status(text) in {"401", "403"}:
        return DaypartError(
            f"{path}: access denied",
            hint="the credentials need s3:ListBucket on the bucket and s3:GetObject, "
            "s3:PutObject and s3:DeleteObject on its objects",
        )
    if _status(text) in _BUSY:
        return DaypartError(
            f"{path}: S3 kept answering {_status(text)}",
            hint="what is done is saved; run the same command again later",
        )
    if "HTTP error" in text or "timed out" in text:
        return _unreachable(bucket)
    return DaypartError(f"{path}: S3 failed ({text.splitlines()[0][:200]})")


def _wrong_region(text: str, bucket: str) -> DaypartError:
    expected = re.search(r"expecting '([\w-]+)'|<Region>([\w-]+)</Region>", text)
    region = next((group for group in expected.groups() if group), None) if expected else None
    used = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    return DaypartError(
        f"{bucket}: is not in region {used}",
        hint=f"set AWS_REGION={region or 'to the region of the bucket'}",
    )


def _unreachable(bucket: str) -> DaypartError:
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        return DaypartError(
            f"{bucket}: {endpoint} can't be reached", hint="check AWS_ENDPOINT_URL and the network"
        )
    return DaypartError(f"{bucket}: S3 can't be reached", hint="check the network and AWS_REGION")


def _status(text: str) -> str:
    found = _STATUS.search(text)
    return found[1] if found else ""
