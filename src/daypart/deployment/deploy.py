"""Create or update the AWS stack, and wait until it is complete."""

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
from daypart.storage.aws import aws_session

PROVIDERS = ("aws",)
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST_NAME = 60
_POLL_SECONDS = 5.0
_GOOD = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
_INCOMPLETE = ("ROLLBACK_COMPLETE", "CREATE_FAILED", "ROLLBACK_FAILED", "DELETE_FAILED")


@dataclass(frozen=True)
class Deployment:
    """A complete stack.

    Parameters
    ----------
    stack, region : str
    outcome : str
        `created`, `updated` or `unchanged`.
    outputs : mapping of str to str
        Of the stack: the URI for stores and runs, the repository, the queues.
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
        For an unknown provider.

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
    """Create or update one CloudFormation stack with everything that `fit` needs on AWS Batch.

    While no job runs, only the storage of the bucket and the image costs money.

    Parameters
    ----------
    provider : str
        `aws`.
    stack : str
        Its name, with which the names of its queues begin.
    region : str, optional
        By default the region that the tools of AWS find.
    vpc : str, optional
        The network; by default that of the account.
    subnets : sequence of str
        Of the network; by default all of its default subnets.
    parameters : mapping, optional
        Of the template, by name. An update keeps the others.
    progress : Progress

    Returns
    -------
    Deployment

    Raises
    ------
    DaypartError
        For a bad name, an unknown parameter, missing credentials or no default network, and when
        CloudFormation refuses or fails, with its reason.
    """
    body = template(provider)
    if not _NAME.fullmatch(stack) or len(stack) > _LONGEST_NAME:
        raise DaypartError(
            f"{stack!r} is not a name for a stack",
            hint=f"give up to {_LONGEST_NAME} small letters, digits and single -, a letter first",
        )
    cloudformation, ec2, chosen_region = _clients(region)
    given = {name: _as_text(value) for name, value in (parameters or {}).items()}
    try:
        known = _check_parameters(cloudformation, body, given)
        before = _existing_stack(cloudformation, stack)
        if before is None or vpc or subnets:
            given |= default_network(ec2, vpc, subnets)
        present = (before or {}).get("Parameters", [])
        kept = {each["ParameterKey"]: each["ParameterValue"] for each in present}
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
    session = aws_session("deploy", region)
    return session.client("cloudformation"), session.client("ec2"), session.region_name


def _check_parameters(cloudformation: Any, body: str, given: Mapping[str, str]) -> list[str]:
    """Refuse parameters that the template does not have; return those that it has."""
    summary = cloudformation.get_template_summary(TemplateBody=body)
    known = [each["ParameterKey"] for each in summary["Parameters"]]
    for name in given:
        if name not in known:
            raise DaypartError(
                f"the template has no parameter {name!r}", hint=did_you_mean(name, known)
            )
    return known


def _existing_stack(cloudformation: Any, stack: str) -> dict[str, Any] | None:
    """Return the description of a stack, or None if it does not exist."""
    from botocore.exceptions import ClientError

    try:
        found: dict[str, Any] = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    if found["StackStatus"] in _INCOMPLETE:
        raise DaypartError(
            f"stack {stack} is {found['StackStatus']}: it was never complete",
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
    """Wait until a stack is complete; return its outputs."""
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
                hint="correct that and deploy again; delete a stack that was never complete first",
            )
        time.sleep(_POLL_SECONDS)


def _as_text(value: Any) -> str:
    """Return a parameter's value as CloudFormation takes it."""
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
