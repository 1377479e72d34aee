"""The errors in Batch's answers."""

from __future__ import annotations


class BatchFault(Exception):  # noqa: N818 - the API's own word for its errors is another
    """An error of the API: its code, its HTTP status and its message."""

    code = "ServerException"
    status = 500


class ClientFault(BatchFault):
    """A request that Batch refuses."""

    code = "ClientException"
    status = 400


class ThrottledFault(BatchFault):
    """A call beyond the account's rate."""

    code = "TooManyRequestsException"
    status = 429


class UnsignedFault(BatchFault):
    """A request without a signature."""

    code = "MissingAuthenticationTokenException"
    status = 403


class LostAnswer(Exception):  # noqa: N818 - it names a state, not a fault of the request
    """A call that was carried out, and whose answer is lost."""
