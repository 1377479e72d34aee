"""Errors of a stack, as one line with the reason."""

from __future__ import annotations

from typing import Any

from daypart.errors import DaypartError

_DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")


def as_user_error(error: Exception, region: str) -> Exception:
    """Return an error of AWS as one that the user can act on; return others unchanged.

    Parameters
    ----------
    error : Exception
    region : str
    """
    from botocore.exceptions import BotoCoreError, ClientError

    if isinstance(error, ClientError):
        answer = error.response.get("Error", {})
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        message = answer.get("Message") or answer.get("Code") or f"HTTP {status}, no reason given"
        denied = answer.get("Code") in _DENIED
        hint = f"allow {error.operation_name} to the role of these credentials" if denied else None
        return DaypartError(f"AWS refuses {error.operation_name}: {message}", hint=hint)
    if isinstance(error, BotoCoreError):
        return DaypartError(
            f"AWS can't be reached in {region} ({error})", hint="check the region and the network"
        )
    return error


def first_failure(cloudformation: Any, stack: str) -> str | None:
    """Return the resource that failed first since the last start, with the reason.

    Parameters
    ----------
    cloudformation : object
        boto3's client.
    stack : str
    """
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack)
    reason = None
    for page in pages:
        for event in page["StackEvents"]:  # the newest first
            own = event["LogicalResourceId"] == stack
            if own and event["ResourceStatus"] in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"):
                return reason
            why = event.get("ResourceStatusReason", "")
            if event["ResourceStatus"].endswith("_FAILED") and "cancelled" not in why:
                reason = f"{event['LogicalResourceId']}: {why}"
    return reason
