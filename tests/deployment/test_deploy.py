"""The stack: clean, of least privilege, created, updated, and told as the executor's settings."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

import daypart
from daypart.cli.main import daypart_command
from daypart.deployment.deploy import template
from daypart.engine.executors.aws_batch.request import RETRY_RULES
from daypart.engine.executors.registry import get_executor
from daypart.errors import DaypartError

moto = pytest.importorskip("moto")

REGION = "us-east-1"


@pytest.fixture
def aws(monkeypatch):
    """An empty account with a default network, in this process."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with moto.mock_aws():
        give_batch_its_own_role(monkeypatch)
        yield


def give_batch_its_own_role(monkeypatch):
    """Mend moto: where a template names no service role, AWS takes Batch's service-linked one."""
    from moto.batch.models import ComputeEnvironment

    document = '{"Version": "2012-10-17", "Statement": []}'
    made = boto3_client("iam").create_role(RoleName="batch", AssumeRolePolicyDocument=document)
    create = ComputeEnvironment.create_from_cloudformation_json.__func__

    def create_with_role(cls, name, content, *arguments, **others):
        content["Properties"].setdefault("ServiceRole", made["Role"]["Arn"])
        resources = content["Properties"]["ComputeResources"]
        if isinstance(resources["InstanceTypes"], str):  # a list's default stays text in moto
            resources["InstanceTypes"] = resources["InstanceTypes"].split(",")
        return create(cls, name, content, *arguments, **others)

    monkeypatch.setattr(
        ComputeEnvironment, "create_from_cloudformation_json", classmethod(create_with_role)
    )


@pytest.fixture(scope="module")
def parsed():
    """The template as data, with short functions as `{"Fn": [name, value]}`."""
    yaml = pytest.importorskip("yaml")

    class Loader(yaml.SafeLoader):
        pass

    def function(loader, name, node):
        kinds = {"scalar": "construct_scalar", "sequence": "construct_sequence"}
        value = getattr(loader, kinds[node.id])(node, *([True] if node.id == "sequence" else []))
        return {"Fn": [name, value]}

    Loader.add_multi_constructor("!", function)
    return yaml.load(template("aws"), Loader)


def statements(parsed):
    """Yield every statement that allows something."""
    for resource in parsed["Resources"].values():
        properties = resource["Properties"]
        documents = [each["PolicyDocument"] for each in properties.get("Policies", [])]
        documents += [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
        for document in documents:
            yield from (each for each in document["Statement"] if each["Effect"] == "Allow")


def actions_of(statement):
    found = statement["Action"]
    return [found] if isinstance(found, str) else found


def of_kind(parsed, kind):
    found = parsed["Resources"].items()
    return {name: each["Properties"] for name, each in found if each["Type"] == kind}


# The template.


def test_cfn_lint_finds_nothing(tmp_path):
    pytest.importorskip("cfnlint")
    file = tmp_path / "stack.yaml"
    file.write_text(template("aws"))
    linter = Path(sys.executable).with_name("cfn-lint")
    done = subprocess.run(
        [linter, "--include-checks", "I", "--template", file], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_no_role_may_pass_roles_or_use_wildcard_actions(parsed):
    passing = [each for each in statements(parsed) if "iam:PassRole" in actions_of(each)]
    assert [each["Resource"] for each in passing] == [{"Fn": ["GetAtt", "JobRole.Arn"]}]
    for each in statements(parsed):
        assert not any("*" in action for action in actions_of(each))
        if each["Resource"] == "*":
            assert each["Sid"] in {"TheseTwoKnowNoResource", "TheseKnowNoResource"}
            assert not any(action.startswith(("s3:", "iam:")) for action in actions_of(each))


def test_only_objects_below_the_prefix_are_accessible(parsed):
    of_s3 = [each for each in statements(parsed) if actions_of(each)[0].startswith("s3:")]
    assert len(of_s3) == 4
    for each in of_s3:
        if actions_of(each) == ["s3:ListBucket"]:
            assert set(each["Condition"]["StringLike"]) == {"s3:prefix"}
        else:
            assert each["Resource"] == {"Fn": ["Sub", "${Bucket.Arn}/${Prefix}/*"]}


def test_the_bucket_is_encrypted_private_and_has_a_lifecycle(parsed):
    (bucket,) = of_kind(parsed, "AWS::S3::Bucket").values()
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert "ServerSideEncryptionConfiguration" in bucket["BucketEncryption"]
    assert bucket["LifecycleConfiguration"]["Rules"][0]["AbortIncompleteMultipartUpload"]


def test_logs_expire_and_a_stack_has_its_own_image_repository(parsed):
    (log,) = of_kind(parsed, "AWS::Logs::LogGroup").values()
    assert log["RetentionInDays"] == {"Fn": ["Ref", "LogDays"]}
    assert parsed["Parameters"]["LogDays"]["Default"] <= 90
    (images,) = of_kind(parsed, "AWS::ECR::Repository").values()
    assert images["RepositoryName"] == {"Fn": ["Ref", "AWS::StackName"]}
    (definition,) = of_kind(parsed, "AWS::Batch::JobDefinition").values()
    options = definition["ContainerProperties"]["LogConfiguration"]["Options"]
    assert options["awslogs-group"] == {"Fn": ["Ref", "LogGroup"]}


def test_environments_scale_from_zero_on_both_architectures_spot_and_on_demand(parsed):
    environments = of_kind(parsed, "AWS::Batch::ComputeEnvironment")
    assert len(environments) == len(of_kind(parsed, "AWS::Batch::JobQueue")) == 4
    for name, each in environments.items():
        resources = each["ComputeResources"]
        spot = name.startswith("Spot")
        assert resources["MinvCpus"] == 0
        assert resources["Type"] == ("SPOT" if spot else "EC2")
        assert resources["Ec2Configuration"] == [{"ImageType": "ECS_AL2023"}]
        assert "BidPercentage" not in resources
        if spot:
            assert resources["AllocationStrategy"] == "SPOT_PRICE_CAPACITY_OPTIMIZED"
    for name in ("InstanceTypes", "Arm64InstanceTypes"):
        assert len(parsed["Parameters"][name]["Default"].split(",")) >= 3


def test_the_job_definition_has_the_executors_own_retry_rules(parsed):
    (definition,) = of_kind(parsed, "AWS::Batch::JobDefinition").values()
    rules = definition["RetryStrategy"]["EvaluateOnExit"]
    lowered = [{key[0].lower() + key[1:]: value for key, value in each.items()} for each in rules]
    assert lowered == [dict(each) for each in RETRY_RULES]


def test_the_template_is_shown_without_an_account():
    shown = CliRunner().invoke(daypart_command, ["deploy", "aws", "--print"]).output
    assert shown == template("aws")


# The stack.


def test_a_stack_is_created_and_its_outputs_are_the_executors_settings(aws):
    done = daypart.deploy("aws", stack="tv", region=REGION, parameters={"MaxvCpus": 256})
    assert done.outcome == "created"
    assert re.fullmatch(r"s3://.+/daypart", done.outputs["Uri"])
    settings = tomllib.loads(done.settings)["executor"]["aws-batch"]
    executor = get_executor("aws-batch", settings)
    assert (executor.settings.queue, executor.settings.arm64_queue) == ("tv-spot", "tv-spot-arm64")
    assert (executor.settings.job_definition, executor.settings.max_vcpus) == ("tv", 256)
    there = boto3_client("batch").describe_job_queues(jobQueues=["tv-spot"])["jobQueues"]
    assert [each["state"] for each in there] == ["ENABLED"]


def test_an_update_keeps_parameters_that_are_not_given(aws):
    daypart.deploy("aws", stack="tv", region=REGION, parameters={"MaxvCpus": 256, "LogDays": 30})
    again = daypart.deploy("aws", stack="tv", region=REGION, parameters={"MaxvCpus": 512})
    assert again.outcome == "updated"
    assert again.outputs["MaxvCpus"] == "512"
    (told,) = boto3_client("cloudformation").describe_stacks(StackName="tv")["Stacks"]
    values = {each["ParameterKey"]: each["ParameterValue"] for each in told["Parameters"]}
    assert values["LogDays"] == "30"
    assert values["Vpc"].startswith("vpc-")


def test_the_command_prints_the_repository_and_the_settings(aws, monkeypatch):
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    shown = CliRunner().invoke(daypart_command, ["deploy", "aws", "--stack", "tv", "--quiet"])
    assert shown.output == ""
    shown = CliRunner().invoke(daypart_command, ["deploy", "aws", "--stack", "tv", "--json"])
    assert json.loads(shown.stdout)["outputs"]["JobDefinition"] == "tv"
    shown = CliRunner().invoke(daypart_command, ["deploy", "aws", "--stack", "tv"]).stdout
    assert "push the image to" in shown
    assert tomllib.loads(shown)["executor"]["aws-batch"]["region"] == REGION


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"stack": "My stack"}, "is not a name for a stack"),
        ({"parameters": {"MaxVcpu": 1}}, "no parameter 'MaxVcpu'.*did you mean MaxvCpus"),
        ({"region": "us-nowhere"}, "'us-nowhere' is not an AWS region"),
        ({"vpc": "vpc-12345678"}, "no default subnets|refuses"),
        ({"subnets": ["subnet-none"]}, "refuses DescribeSubnets"),
    ],
)
def test_a_bad_argument_is_refused_before_anything_is_created(aws, given, message):
    with pytest.raises(DaypartError, match=message):
        daypart.deploy("aws", **{"stack": "tv", "region": REGION, **given})
    assert boto3_client("cloudformation").list_stacks()["StackSummaries"] == []


def test_missing_credentials_and_an_unknown_provider_are_named(tmp_path, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(DaypartError, match="no AWS credentials"):
        daypart.deploy("aws", stack="tv", region=REGION)
    with pytest.raises(DaypartError, match="no template for 'azure'"):
        daypart.deploy("azure", stack="tv")


def test_the_first_failed_resource_is_reported(monkeypatch):
    boto3 = pytest.importorskip("boto3")
    from botocore.stub import Stubber

    from daypart.deployment.stack_errors import first_failure

    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
    client = boto3.client("cloudformation", region_name=REGION, **keys)

    def event(number, resource, state, reason=""):
        return {
            "StackId": "id",
            "EventId": str(number),
            "StackName": "tv",
            "LogicalResourceId": resource,
            "ResourceStatus": state,
            "ResourceStatusReason": reason,
            "Timestamp": "2026-01-01T00:00:00Z",
        }

    events = [
        event(4, "Bucket", "CREATE_FAILED", "Resource creation cancelled"),
        event(3, "SpotEnvironment", "CREATE_FAILED", "no instance types of family c9z"),
        event(2, "tv", "CREATE_IN_PROGRESS"),
        event(1, "Old", "CREATE_FAILED", "of an earlier try"),
    ]
    with Stubber(client) as stubber:
        stubber.add_response("describe_stack_events", {"StackEvents": events})
        told = first_failure(client, "tv")
    assert told == "SpotEnvironment: no instance types of family c9z"


def boto3_client(service):
    import boto3

    return boto3.client(service, region_name=REGION)
