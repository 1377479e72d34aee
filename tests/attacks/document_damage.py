"""Every way in which one value of a JSON document can be damaged."""

from __future__ import annotations

import copy
import json

REPLACEMENTS = (None, True, -1, 2.5, 10**30, "x", "../../x", [], {}, [None], {"x": None})
NOT_JSON = {
    "empty": b"",
    "cut": b'{"kind": "dayp',
    "not UTF-8": b'{"kind": "\xff"}',
    "nested without end": b"[" * 200_000,
    "a list": b"[]",
    "NaN": b'{"kind": NaN}',
    "too large for a float": b'{"kind": 1e999}',
    "too many digits": b'{"kind": ' + b"1" * 10_000 + b"}",
}


def places(content, depth=4, most=3):
    """Yield the path of each value, of the first few of each list or object of many."""
    if depth == 0 or not isinstance(content, dict | list):
        return
    keys = list(content) if isinstance(content, dict) else list(range(len(content)))
    chosen = keys if len(keys) <= 30 and isinstance(content, dict) else keys[:most]
    for key in chosen:
        yield (key,)
        for below in places(content[key], depth - 1, most):
            yield (key, *below)


def damaged(content):
    """Yield (path, damaged content): each value in turn missing, or replaced."""
    for path in places(content):
        for replacement in (..., *REPLACEMENTS):
            changed = copy.deepcopy(content)
            inside = changed
            for key in path[:-1]:
                inside = inside[key]
            if inside[path[-1]] == replacement:
                continue
            if replacement is ...:
                del inside[path[-1]]
            else:
                inside[path[-1]] = replacement
            yield path, json.dumps(changed)
