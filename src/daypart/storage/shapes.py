"""Check what a JSON document contains against a declared shape, before anything believes it.

A shape is a type: a dataclass for an object, in which fields with a default may be missing and
others may be added; `list`, `dict`, `Literal`, unions and scalars. `Annotated` tests the value.
"""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import (
    Annotated,
    Any,
    Literal,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from daypart.errors import DaypartError
from daypart.storage.files import read_json
from daypart.storage.location import Location, PathLike, location

_LARGEST = 2**63 - 1
_NAMES = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
    dict: "an object",
    list: "a list",
}


@dataclasses.dataclass(frozen=True)
class Tested:
    """A test of a value beside its type, for `Annotated`.

    Parameters
    ----------
    passes : callable
    name : str
        What a value that passes is, such as `a time zone`.
    """

    passes: Callable[[Any], bool]
    name: str


def _is_inside(path: str) -> bool:
    parts = path.split("/")
    return not path.startswith("/") and "\0" not in path and not {"..", "."} & set(parts)


FileInside = Annotated[str, Tested(_is_inside, "the path of a file inside the folder")]
"""A relative path that leads nowhere else."""

Natural = Annotated[int, Tested(lambda number: number >= 0, "a whole number of at least 0")]


def read_document(source: PathLike, shape: Any, *, hint: str | None = None) -> dict[str, Any]:
    """Read a JSON object and check it.

    Parameters
    ----------
    source : path-like
    shape : type
        A dataclass.
    hint : str, optional
        What to do where the document is damaged.

    Returns
    -------
    dict
        The content as it is.

    Raises
    ------
    DaypartError
        When the file is missing, is not a JSON object, or a field is missing or has another type;
        it names the file and the field.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> file = Path(tempfile.mkdtemp()) / "a.json"
    >>> _ = file.write_text('{"rows": 3}')
    >>> @dataclasses.dataclass
    ... class Counts:
    ...     rows: int
    >>> read_document(file, Counts)
    {'rows': 3}
    """
    content = read_json(source)
    check_shape(content, shape, location(source), hint=hint)
    return content


def check_shape(content: Any, shape: Any, file: Location | str, *, hint: str | None = None) -> None:
    """Check a value of a JSON document, and all values in it.

    Parameters
    ----------
    content : object
    shape : type
    file : Location or str
        For the message.
    hint : str, optional

    Raises
    ------
    DaypartError
        Naming the file and the first field that is missing or of another type.

    Examples
    --------
    >>> check_shape({"a": [1, 2]}, dict[str, list[int]], "x.json")
    >>> check_shape({"a": [1, "2"]}, dict[str, list[int]], "x.json")
    Traceback (most recent call last):
    ...
    daypart.errors.DaypartError: x.json: a[1] is '2', not a whole number; \
restore the file, or write it again with the command that wrote it
    """
    fault = _fault(content, shape, "")
    if fault:
        remedy = hint or "restore the file, or write it again with the command that wrote it"
        raise DaypartError(f"{file}: {fault}", hint=remedy)


def has_shape(content: Any, shape: Any) -> bool:
    """Return whether a value has a shape.

    Examples
    --------
    >>> has_shape([1], list[int]), has_shape(["1"], list[int])
    (True, False)
    """
    return _fault(content, shape, "") is None


def fields_of(content: Mapping[str, Any], shape: Any) -> dict[str, Any]:
    """Return the fields of an object that a dataclass has, to make it of.

    Examples
    --------
    >>> fields_of({"passes": None, "name": "a day", "added later": 1}, Tested)
    {'passes': None, 'name': 'a day'}
    """
    known = [each.name for each in dataclasses.fields(shape)]
    return {name: content[name] for name in known if name in content}


def _fault(value: Any, shape: Any, place: str) -> str | None:
    """Return what is wrong with a value; None where nothing is."""
    if shape is Any:
        return None
    origin, arguments = get_origin(shape), get_args(shape)
    if origin is Annotated:
        return _fault(value, arguments[0], place) or _untested(value, arguments[1:], place)
    if origin is Literal:
        allowed = " or ".join(map(repr, arguments))
        return None if value in arguments else _wrong(value, allowed, place)
    if origin in (Union, types.UnionType):
        return _no_member(value, arguments, place)
    if dataclasses.is_dataclass(shape):
        return _fault_of_object(value, shape, place)
    if origin in (dict, Mapping):
        return _fault_of_items(value, dict, arguments[1], place)
    if origin in (list, tuple, Sequence):
        return _fault_of_items(value, list, arguments[0], place)
    return None if _is_scalar(value, shape) else _wrong(value, _NAMES[shape], place)


def _is_scalar(value: Any, kind: type) -> bool:
    if kind is float:
        return type(value) in (int, float) and abs(value) <= _LARGEST and math.isfinite(value)
    if kind is int:
        return type(value) is int and abs(value) <= _LARGEST
    return type(value) is kind


def _untested(value: Any, tests: Sequence[Any], place: str) -> str | None:
    failed = (test for test in tests if isinstance(test, Tested) and not test.passes(value))
    test = next(failed, None)
    return _wrong(value, test.name, place) if test else None


def _no_member(value: Any, members: Sequence[Any], place: str) -> str | None:
    """Return what is wrong with a value of none of several shapes: with the nearest of them."""
    faults = [_fault(value, each, place) for each in members]
    if None in faults:
        return None
    inside = [fault for fault in faults if fault and not fault.startswith(f"{place} is ")]
    names = " or ".join(_name(each) for each in members)
    return inside[0] if inside else _wrong(value, names, place)


def _fault_of_object(value: Any, shape: Any, place: str) -> str | None:
    if type(value) is not dict:
        return _wrong(value, "an object", place)
    hints, required = _fields(shape)
    missing = next((name for name in required if name not in value), None)
    if missing is not None:
        return f"{_join(place, missing)} is missing"
    faults = (
        _fault(value[name], hints[name], _join(place, name)) for name in hints if name in value
    )
    return next(filter(None, faults), None)


@cache
def _fields(shape: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the fields of a dataclass, and those that have no default."""
    needed = (
        each.name
        for each in dataclasses.fields(shape)
        if each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING
    )
    return get_type_hints(shape, include_extras=True), tuple(needed)


def _fault_of_items(value: Any, kind: type[Any], shape: Any, place: str) -> str | None:
    if not isinstance(value, kind):
        return _wrong(value, _NAMES[kind], place)
    items: Any = value.items() if kind is dict else enumerate(value)
    faults = (_fault(item, shape, _join(place, key)) for key, item in items)
    return next(filter(None, faults), None)


def _join(place: str, key: str | int) -> str:
    if isinstance(key, int):
        return f"{place}[{key}]"
    return f"{place}.{key}" if place else key


def _wrong(value: Any, name: str, place: str) -> str:
    shown = repr(value)
    shown = shown if len(shown) <= 40 else f"{shown[:40]}..."
    return f"{place or 'the content'} is {shown}, not {name}"


def _name(shape: Any) -> str:
    if get_origin(shape) is Annotated:
        return next(each.name for each in get_args(shape)[1:] if isinstance(each, Tested))
    return _NAMES.get(get_origin(shape) or shape, "an object")
