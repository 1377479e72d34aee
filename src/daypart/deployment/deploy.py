"""Create or update the stack of AWS, and wait until it is there."""

from __future__ import annotations

import importlib.resources
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from daypart.deployment.executor_settings import settings_toml
from daypart.deployment.network import default_network
from daypart.deployment.stack_errors import as_user_error, first_failure
from daypart.errors import DaypartError, did_you_mean
from daypart.progress import SILENT, Progress, Step

PROVIDERS = ("aws",)
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+")
_LONGEST_NAME = 60
_POLL_SECONDS = 5.0
_GOOD = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
_NEVER_MADE = ("ROLLBACK_COMPLETE", "CREATE_FAILED", "ROLLBACK_FAILED", "DELETE_FAILED")


@dataclass(frozen=True)
class Deployment:
    """A stack that is there.

    Parameters
    ----------
    stack, region : str
    outcome : str
        `created`, `updated` or `unchanged`.
    outputs : mapping of str to str
        What the stack tells: the URI below which stores and runs lie, the repository, queues.
    settings : str
        The executor's settings, TOML.
    """

    stack: str
    region: str
    outcome: str
    outputs: Mapping[str, str]
    settings: str


def template(provider: str = "aws") -> str:
    """Return the CloudFormation template, YAML.

    Raises
    ------
    DaypartError
        For a provider that there is not.

    Examples
    --------
    >>> template("aws").splitlines()[0]
    'AWSTemplateFormatVersion: "2010-09-09"'
    """
    if provider not in PROVIDERS:
        raise DaypartError(f"no template for {provider!r}", hint=did_you_mean(provider, PROVIDERS))
    return (importlib.resources.files("daypart.deployment") / "aws_batch.yaml").read_text("utf-8")


def deploy(
    provider: str = "aws",
    *,
    stack: str,
    region: str | None = None,
    vpc: str | None = None,
    subnets: Sequence[str] = (),
    parameters: Mapping[str, Any] | None = None,
    progress: Progress = SILENT,
) -> Deployment:
    """Create one CloudFormation stack with all that `fit` needs on AWS Batch, or update it.

    Nothing in it costs money while no job runs but what the bucket and the image take.

    Parameters
    ----------
    provider : str
        `aws`.
    stack : str
        Its name, and the beginning of the names of its queues.
    region : str, optional
        As boto3 finds it when left out.
    vpc : str, optional
        The network; the account's default one when left out.
    subnets : sequence of str
        In it; all of its default ones when left out.
    parameters : mapping, optional
        The template's own, by name. An update keeps those that are left out.
    progress : Progress

    Returns
    -------
    Deployment

    Raises
    ------
    DaypartError
        For a bad name, an unknown parameter, missing credentials, no default network, and where
        CloudFormation refuses or fails, with its reason.
    """
    body = template(provider)
    if not _NAME.fullmatch(stack) or len(stack) > _LONGEST_NAME:
        raise DaypartError(
            f"stack {stack!r} is no name",
            hint=f"up to {_LONGEST_NAME} small letters, digits and single -, a letter first",
        )
    cloudformation, ec2, chosen_region = _clients(region)
    given = {name: _as_text(value) for name, value in (parameters or {}).items()}
    try:
        known = _check_parameters(cloudformation, body, given)
        before = _stack_there(cloudformation, stack)
        if before is None or vpc or subnets:
            given |= default_network(ec2, vpc, subnets)
        there = (before or {}).get("Parameters", [])
        kept = {each["ParameterKey"]: each["ParameterValue"] for each in there}
        values = {name: value for name, value in (kept | given).items() if name in known}
        request = {
            "StackName": stack,
            "TemplateBody": body,
            "Capabilities": ["CAPABILITY_IAM"],
            "Parameters": [
                {"ParameterKey": name, "ParameterValue": value}
                for name, value in sorted(values.items())
            ],
        }
        outcome = _submit(cloudformation, request, new=before is None)
        with progress.step(f"stack {stack}: {outcome}") as step:
            outputs = _wait(cloudformation, stack, step)
    except Exception as error:
        raise as_user_error(error, chosen_region) from None
    return Deployment(stack, chosen_region, outcome, outputs, settings_toml(chosen_region, outputs))


def _clients(region: str | None) -> tuple[Any, Any, str]:
    try:
        import boto3
    except ImportError:
        raise DaypartError("deploy needs boto3", hint="pip install 'daypart[aws]'") from None
    session = boto3.Session(region_name=region)
    if session.region_name is None:
        raise DaypartError("no AWS region", hint="give --region, or set AWS_REGION")
    if not _REGION.fullmatch(session.region_name):
        raise DaypartError(
            f"{session.region_name!r} is no AWS region", hint="give one such as us-east-1"
        )
    if session.get_credentials() is None:
        raise DaypartError(
            "no AWS credentials", hint="run aws configure or aws sso login, or set AWS_PROFILE"
        )
    return session.client("cloudformation"), session.client("ec2"), session.region_name


def _check_parameters(cloudformation: Any, body: str, given: Mapping[str, str]) -> list[str]:
    """Refuse what the template does not know; return the names that it does."""
    told = cloudformation.get_template_summary(TemplateBody=body)
    known = [each["ParameterKey"] for each in told["Parameters"]]
    for name in given:
        if name not in known:
            raise DaypartError(
                f"the template has no parameter {name!r}", hint=did_you_mean(name, known)
            )
    return known


def _stack_there(cloudformation: Any, stack: str) -> dict[str, Any] | None:
    """Return what is told of a stack; None where there is none."""
    from botocore.exceptions import ClientError

    try:
        found: dict[str, Any] = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    if found["StackStatus"] in _NEVER_MADE:
        raise DaypartError(
            f"stack {stack} is {found['StackStatus']}: it was never whole",
            hint=f"aws cloudformation delete-stack --stack-name {stack}, then deploy again",
        )
    return found


def _submit(cloudformation: Any, request: dict[str, Any], *, new: bool) -> str:
    from botocore.exceptions import ClientError

    if new:
        cloudformation.create_stack(**request)
        return "created"
    try:
        cloudformation.update_stack(**request)
    except ClientError as error:
        if "No updates are to be performed" in str(error):
            return "unchanged"
        raise
    return "updated"


def _wait(cloudformation: Any, stack: str, step: Step) -> dict[str, str]:
    """Wait until a stack is whole; return its outputs."""
    while True:
        found = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        state = found["StackStatus"]
        if state in _GOOD:
            step.summarise(state)
            outputs = found.get("Outputs", [])
            return {each["OutputKey"]: each["OutputValue"] for each in outputs}
        if not state.endswith("_IN_PROGRESS") or "ROLLBACK" in state:
            reason = first_failure(cloudformation, stack) or found.get("StackStatusReason", state)
            raise DaypartError(
                f"stack {stack} is {state}: {reason}",
                hint="mend that and deploy again; a stack that was never whole must be deleted",
            )
        time.sleep(_POLL_SECONDS)


def _as_text(value: Any) -> str:
    """Return a parameter's value as CloudFormation takes it."""
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
