"""Answers in pages, with a token for the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from daypart.batch_emulator.faults import ClientFault


def page_of(
    name: str, items: Sequence[Any], request: Mapping[str, Any], largest: int
) -> dict[str, Any]:
    """Return the requested page of some items, with the token of the next page.

    Parameters
    ----------
    name : str
        Of the items in the answer.
    items : sequence
    request : mapping
        With `nextToken` and `maxResults`, if given.
    largest : int
        Items of a page.

    Examples
    --------
    >>> page_of("jobs", ["a", "b", "c"], {"maxResults": 2}, 100)
    {'jobs': ['a', 'b'], 'nextToken': '2'}
    """
    token = request.get("nextToken") or "0"
    if not token.isdecimal() or int(token) > len(items):
        raise ClientFault(f"nextToken {token!r} is not valid")
    start = int(token)
    end = start + max(1, min(request.get("maxResults") or largest, largest))
    answer: dict[str, Any] = {name: list(items[start:end])}
    if end < len(items):
        answer["nextToken"] = str(end)
    return answer
