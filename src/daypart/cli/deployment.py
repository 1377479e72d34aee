"""The verb `deploy`."""

from __future__ import annotations

import click

from daypart.cli.faces import Outcome, Progress, comma_list, settings_of, verb
from daypart.errors import DaypartError


@verb("deploy", "daypart deploy aws --print")
@click.argument("provider")
@click.option("--stack", help="The stack's name.")
@click.option("--region", help="As AWS tools find it, by default.")
@click.option("--vpc", help="The network; the account's default one, by default.")
@click.option("--subnets", help="In it: subnet-1,subnet-2 ...; its default ones, by default.")
@click.option("--set", "pairs", multiple=True, help="A parameter: MaxvCpus=1024 ...")
@click.option("--print", "only_print", is_flag=True, help="Show the template, and end.")
def deploy_command(
    progress: Progress,
    provider: str,
    stack: str | None,
    region: str | None,
    vpc: str | None,
    subnets: str | None,
    pairs: tuple[str, ...],
    only_print: bool,
) -> Outcome:
    """Create or update what fits on AWS Batch need, as one CloudFormation stack.

    PROVIDER is aws: bucket, image repository, compute environments that scale from zero, queues,
    job definition, log group, roles. Its last lines are the executor's settings.
    """
    from daypart.deployment.deploy import deploy, template

    if only_print:
        text = template(provider)
        return Outcome(text.rstrip().splitlines(), {"template": text})
    if stack is None:
        raise DaypartError("no name for the stack", hint="give --stack NAME, or --print")
    done = deploy(
        provider,
        stack=stack,
        region=region,
        vpc=vpc,
        subnets=comma_list(subnets),
        parameters=settings_of(pairs),
        progress=progress,
    )
    told = {name: done.outputs.get(name, "") for name in ("Uri", "RepositoryUri", "DriverPolicy")}
    lines = [
        f"# stack {done.stack} in {done.region}: {done.outcome}",
        f"# stores and runs: below {told['Uri']}",
        f"# push the image to {told['RepositoryUri']}",
        f"# whoever runs fit needs {told['DriverPolicy']}",
        *done.settings.splitlines(),
    ]
    return Outcome(lines, done)
