"""Settings of executors: dataclasses with defaults, read from TOML and held to their types."""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from daypart.errors import DaypartError, did_you_mean
from daypart.storage.files import read_toml
from daypart.storage.location import PathLike

Settings = TypeVar("Settings")


def read_settings_file(path: PathLike, executor: str, known: Mapping[str, Any]) -> dict[str, Any]:
    r"""Return one executor's settings from a TOML file of `[executor.NAME]` tables.

    Parameters
    ----------
    path : path
    executor : str
        The executor that is used; none of its settings need be there.
    known : mapping
        The executors there are.

    Raises
    ------
    DaypartError
        For a missing file, anything but `[executor.NAME]` tables, or an unknown executor.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "executors.toml"
    >>> _ = path.write_text("[executor.local]\nworkers = 2")
    >>> read_settings_file(path, "local", {"local": ...})
    {'workers': 2}
    """
    content = read_toml(path)
    tables = content.pop("executor", {})
    if content:
        raise DaypartError(
            f"{path}: {min(content)!r} is not read here", hint=f"write [executor.{executor}]"
        )
    if not isinstance(tables, dict) or not all(isinstance(each, dict) for each in tables.values()):
        raise DaypartError(f"{path}: executor is not a table", hint=f"write [executor.{executor}]")
    for name in tables:
        if name not in known:
            raise DaypartError(f"{path}: no executor {name!r}", hint=did_you_mean(name, known))
    return dict(tables.get(executor, {}))


def read_executor_settings(kind: type[Settings], given: Mapping[str, Any], source: str) -> Settings:
    """Make an executor's settings from what was given, and say what is wrong with it.

    Parameters
    ----------
    kind : type
        A dataclass whose fields are `str`, `int`, `float`, `bool`, a tuple of `str`, a mapping
        of `str` to `str`, or one of them or None. Its `__post_init__` may raise DaypartError.
    given : mapping
    source : str
        Where the settings are written, for messages.

    Raises
    ------
    DaypartError
        For unknown names and values of another type; the hint lists all settings with their
        defaults.

    Examples
    --------
    >>> @dataclasses.dataclass(frozen=True)
    ... class Shop:
    ...     tills: int = 2
    >>> read_executor_settings(Shop, {"tills": 3}, "shop.toml")
    Shop(tills=3)
    >>> read_executor_settings(Shop, {"till": 3}, "shop")
    Traceback (most recent call last):
    daypart.errors.DaypartError: shop: no setting 'till'; did you mean tills? there are: tills = 2
    """
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    values = {}
    for name, value in given.items():
        if name not in fields:
            nearest = difflib.get_close_matches(name, fields, n=1, cutoff=0.5)
            question = f"did you mean {nearest[0]}? " if nearest else ""
            raise DaypartError(
                f"{source}: no setting {name!r}", hint=question + describe_settings(kind)
            )
        try:
            values[name] = _as_type(hints[name], value)
        except TypeError:
            raise DaypartError(
                f"{source}: {name} = {value!r} is not {_type_in_words(hints[name])}",
                hint=describe_settings(kind),
            ) from None
    try:
        return kind(**values)
    except DaypartError as error:
        raise DaypartError(f"{source}: {error.message}", hint=error.hint) from None


def describe_settings(kind: type[Any]) -> str:
    """Return all settings with their defaults, as one line."""
    if not dataclasses.fields(kind):
        return "it has no settings"
    shown = [f"{field.name} = {_shown(field)}" for field in dataclasses.fields(kind)]
    return f"there are: {', '.join(shown)}"


def _shown(field: dataclasses.Field[Any]) -> str:
    if field.default_factory is not dataclasses.MISSING:
        default = field.default_factory()
    else:
        default = field.default
    if default is None:
        return str(field.metadata.get("default", "(none)"))
    if isinstance(default, tuple):
        default = list(default)
    return str(default).lower() if isinstance(default, bool) else repr(default).replace("'", '"')


def _as_type(wanted: Any, value: Any) -> Any:
    """Return a TOML value as the type wanted; raise TypeError where it is of another."""
    origin = typing.get_origin(wanted)
    if origin in (typing.Union, types.UnionType):
        for each in typing.get_args(wanted):
            if each is type(None):
                if value is None:
                    return None
                continue
            return _as_type(each, value)
    if origin is tuple:
        if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
            raise TypeError
        return tuple(value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, Mapping) or not all(isinstance(v, str) for v in value.values()):
            raise TypeError
        return dict(value)
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise TypeError
    return value


def _type_in_words(wanted: Any) -> str:
    names = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
    if typing.get_origin(wanted) in (typing.Union, types.UnionType):
        wanted = next(each for each in typing.get_args(wanted) if each is not type(None))
    return names.get(wanted, "a list of text" if typing.get_origin(wanted) is tuple else "a table")
