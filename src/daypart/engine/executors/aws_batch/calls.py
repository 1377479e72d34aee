"""Calls of Batch at a bounded rate, repeated where they failed without an answer."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

from daypart.engine.executors.array.answers import NoAnswer, seconds_to_pause, until_answered
from daypart.engine.executors.array.clock import Clock
from daypart.errors import DaypartError
from daypart.storage.aws import aws_session, is_web_page

_THROTTLED = {
    "TooManyRequestsException",
    "ThrottlingException",
    "Throttling",
    "RequestLimitExceeded",
}
_DENIED = {"AccessDeniedException", "AccessDenied", "UnauthorizedOperation"}
_BAD_CREDENTIALS = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
    "MissingAuthenticationTokenException",
}
_TRIES = 10


class BatchCalls:
    """boto3's Batch client behind a rate limit and a back-off.

    Parameters
    ----------
    client : object
        boto3's, made without retries of its own, so that every call counts.
    clock : Clock
    calls_per_second : float

    Attributes
    ----------
    made : Counter
        Calls by operation, failed ones included.
    """

    def __init__(self, client: Any, clock: Clock, calls_per_second: float) -> None:
        self.client = client
        self.clock = clock
        self.spacing = 1.0 / calls_per_second
        self.made: Counter[str] = Counter()
        self._free_at = 0.0
        self._jitter = random.Random(0)  # noqa: S311 - spreads calls, protects nothing

    def read(self, operation: str, **request: Any) -> dict[str, Any]:
        """Make a call that changes nothing, or that may be made twice, until it is answered.

        Raises
        ------
        DaypartError
            Where Batch refuses it, or does not answer for minutes.
        """
        return until_answered(
            lambda: self.once(operation, **request),
            self.pause,
            _TRIES,
            who=f"AWS Batch does not answer {operation}",
            hint="check the network and the endpoint, then run the same command again",
        )

    def once(self, operation: str, **request: Any) -> dict[str, Any]:
        """Make a call once; a throttled one, which was not done, is made again.

        Raises
        ------
        NoAnswer
            Where it may have been done: no answer came, or the service failed.
        DaypartError
            Where Batch refuses it.
        """
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
        from botocore.exceptions import ConnectionError as NoConnection

        for attempt in range(_TRIES):
            self._wait_for_turn()
            self.made[operation] += 1
            try:
                answer: dict[str, Any] = getattr(self.client, operation)(**request)
                headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
                if headers.get("content-type", "").startswith("text/html"):
                    raise _foreign(self.client, 200)
                return answer
            except ClientError as error:
                if _code(error) not in _THROTTLED:
                    _raise_refusal(operation, error, self.client)
                self.pause(attempt)
            except (HTTPClientError, NoConnection) as error:
                raise NoAnswer(str(error)) from None
            except BotoCoreError as error:
                raise _as_user_error(error) from None
        raise DaypartError(
            f"AWS Batch throttles {operation} for minutes",
            hint="other drivers use the same account: lower calls_per_second in all of them",
        )

    def pause(self, attempt: int) -> None:
        """Wait before the next attempt: twice as long each time, and not all at once."""
        self.clock.sleep(seconds_to_pause(attempt) * (0.5 + self._jitter.random() / 2))

    def _wait_for_turn(self) -> None:
        now = self.clock.now()
        if self._free_at > now:
            self.clock.sleep(self._free_at - now)
        self._free_at = max(now, self._free_at) + self.spacing


def make_client(region: str | None, endpoint_url: str | None) -> Any:
    """Make boto3's client, and say what is missing.

    Parameters
    ----------
    region : str or None
        As the tools of AWS find it where None.
    endpoint_url : str or None
        Amazon's where None.

    Raises
    ------
    DaypartError
        Without boto3, without a region, or without credentials.
    """
    # An endpoint of one's own may be in any region.
    session = aws_session("executor aws-batch", region, None if endpoint_url else "batch")
    from botocore.config import Config

    # Every attempt counts against the account's rate, so the pauses are ours alone.
    once = Config(retries={"total_max_attempts": 1}, connect_timeout=10, read_timeout=30)
    try:
        return session.client("batch", endpoint_url=endpoint_url, config=once)
    except ValueError as error:
        raise _as_user_error(error) from None


def _foreign(client: Any, status: int) -> DaypartError:
    return DaypartError(
        f"{client.meta.endpoint_url} answers with a web page (HTTP {status}), "
        "not as AWS Batch does",
        hint="check endpoint_url, AWS_ENDPOINT_URL and proxies",
    )


def _raise_refusal(operation: str, error: Any, client: Any) -> None:
    """Raise what a refused call means; a failed service may have done it all the same."""
    code, message = _code(error), error.response["Error"].get("Message", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
    if is_web_page(message) and status < 500:
        raise _foreign(client, status) from None
    if status >= 500:
        told = "a web page, not as AWS Batch answers" if is_web_page(message) else message
        raise NoAnswer(f"{code}: {told}") from None
    if code in _DENIED:
        action = "batch:" + operation.title().replace("_", "")
        raise DaypartError(
            f"AWS denies {action} ({message})",
            hint=f"allow {action} to the role of these credentials",
        ) from None
    if code in _BAD_CREDENTIALS:
        raise DaypartError(
            f"AWS does not accept the credentials ({code})",
            hint="renew them: aws sso login, or AWS_PROFILE",
        ) from None
    raise DaypartError(f"AWS Batch refuses {operation}: {message or code}") from None


def _as_user_error(error: Exception) -> DaypartError:
    name = type(error).__name__
    if "Credentials" in name or "Token" in name or "SSO" in name or "Profile" in name:
        return DaypartError(
            f"no AWS credentials ({error})", hint="run aws configure or aws sso login"
        )
    return DaypartError(
        f"AWS Batch can't be called ({error})", hint="check region and endpoint_url"
    )


def _code(error: Any) -> str:
    found: Mapping[str, Any] = error.response.get("Error", {})
    return str(found.get("Code", ""))
