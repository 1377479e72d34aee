"""The AWS region and credentials, found as the tools of AWS find them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from configparser import ConfigParser
from configparser import Error as ConfigError
from pathlib import Path
from typing import Any

from daypart.errors import DaypartError, did_you_mean

_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+")


def aws_region(environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the region that the environment or the profile in `~/.aws/config` sets.

    boto3 ignores `AWS_REGION`, and obstore the profile's region; users set either.

    Parameters
    ----------
    environment : mapping of str to str
        `AWS_REGION` comes before `AWS_DEFAULT_REGION`, and both before the profile.

    Returns
    -------
    str or None
        None where none is set.

    Examples
    --------
    >>> aws_region({"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "us-east-1"})
    'eu-west-1'
    """
    given = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    if given:
        return given
    profile = environment.get("AWS_PROFILE") or environment.get("AWS_DEFAULT_PROFILE") or "default"
    section = profile if profile == "default" else f"profile {profile}"
    return _read(config_file(environment)).get(section, "region", fallback=None)


def aws_session(who: str, region: str | None = None, service: str | None = None) -> Any:
    """Return boto3's session, and report what is missing for one.

    Parameters
    ----------
    who : str
        What needs it, for messages.
    region : str, optional
        As `aws_region` finds it when left out.
    service : str, optional
        Check that it is to be had in the region.

    Raises
    ------
    DaypartError
        Without boto3, a region that can be, or credentials.
    """
    try:
        import boto3
        from botocore.exceptions import BotoCoreError
    except ImportError:
        raise DaypartError(f"{who} needs boto3", hint="pip install 'daypart[aws]'") from None
    renew = "run aws configure or aws sso login, or set AWS_PROFILE"
    try:
        session = boto3.Session(region_name=region or aws_region())
        credentials = session.get_credentials()
    except BotoCoreError as error:
        raise DaypartError(f"no AWS credentials ({error})", hint=renew) from None
    name = session.region_name
    if name is None:
        raise DaypartError("no AWS region", hint="name one, or set AWS_REGION")
    if not _REGION.fullmatch(name):
        raise DaypartError(f"{name!r} is not an AWS region", hint="give one such as us-east-1")
    known = session.get_available_regions(service) if service else []
    # One that boto3 does not know may be newer than it.
    beginnings = {each.rsplit("-", 1)[0] for each in known}
    if service and name.rsplit("-", 1)[0] not in beginnings:
        raise DaypartError(f"{who}: no region {name!r}", hint=did_you_mean(name, known))
    if credentials is None:
        raise DaypartError("no AWS credentials", hint=renew)
    return session


def is_web_page(text: str) -> bool:
    """Tell whether an answer is a page for people: of a proxy, or of another server.

    Examples
    --------
    >>> is_web_page("<!DOCTYPE html><html><body>Bad gateway</body></html>"), is_web_page("{}")
    (True, False)
    """
    return re.search(r"<!doctype html|<html|<head|<title", text, re.IGNORECASE) is not None


def config_file(environment: Mapping[str, str]) -> Path:
    """Return where the configuration of the AWS tools is, whether it exists or not.

    Parameters
    ----------
    environment : mapping of str to str
    """
    return Path(environment.get("AWS_CONFIG_FILE") or "~/.aws/config").expanduser()


def _read(file: Path) -> ConfigParser:
    """Read a configuration; one that is damaged is for the tools of AWS to report."""
    found = ConfigParser(interpolation=None, strict=False)
    try:
        found.read(file, "utf-8")
    except (ConfigError, UnicodeDecodeError):
        return ConfigParser()
    return found
