"""Deploy, change, destroy: the operation table and the policy follow the tasks, also when one goes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support import paths
from support.cdk import Cdk
from support.executions import execute
from support.ministack import Ministack, ministack

STACK = "Changing"
HERE = "ap-northeast-1"
THERE = "us-west-2"
APP = Path(__file__).parent / "apps" / "changing"

WHO_AM_I = {"service": "sts", "action": "getCallerIdentity", "region": THERE, "iamResources": ["*"]}
LIST_TABLES = {"service": "dynamodb", "action": "listTables", "region": THERE, "iamResources": ["*"]}
LIST_QUEUES = {"service": "sqs", "action": "listQueues", "region": "eu-central-1", "iamResources": ["*"]}


@pytest.fixture(scope="module")
def cloud() -> Iterator[Ministack]:
    with ministack() as running:
        Cdk(running.url, HERE, APP, running.home, {"TASKS": "{}"}).bootstrap()
        yield running


def test_table_and_policy_follow_the_tasks(binary, cloud):
    machine = _deploy(cloud, {"WhoAmI": WHO_AM_I, "ListTables": LIST_TABLES})
    first = _deployed(cloud)
    assert _allowed(first) == {("sts", "getCallerIdentity", THERE), ("dynamodb", "listTables", THERE)}
    assert _granted(cloud, first) == {"sts:GetCallerIdentity", "dynamodb:ListTables"}
    assert execute(cloud, machine, {}).status == "SUCCEEDED"

    machine = _deploy(cloud, {"WhoAmI": WHO_AM_I, "ListTables": LIST_TABLES, "ListQueues": LIST_QUEUES})
    grown = _deployed(cloud)
    assert ("sqs", "listQueues", "eu-central-1") in _allowed(grown)
    assert "sqs:ListQueues" in _granted(cloud, grown)
    assert execute(cloud, machine, {}).status == "SUCCEEDED"

    machine = _deploy(cloud, {"WhoAmI": WHO_AM_I})
    shrunk = _deployed(cloud)
    assert _allowed(shrunk) == {("sts", "getCallerIdentity", THERE)}
    assert _granted(cloud, shrunk) == {"sts:GetCallerIdentity"}
    assert execute(cloud, machine, {}).status == "SUCCEEDED"

    assert first["FunctionName"] == grown["FunctionName"] == shrunk["FunctionName"]
    assert first["CodeSha256"] == grown["CodeSha256"] == shrunk["CodeSha256"]

    _app(cloud, {"WhoAmI": WHO_AM_I}).destroy(STACK)
    assert _functions(cloud) == []
    assert cloud.client("stepfunctions", HERE).list_state_machines()["stateMachines"] == []


def test_deployed_code_is_the_packaged_binary(binary, cloud):
    """Executable, and byte for byte the file that the other suites run."""
    import hashlib
    import io
    import urllib.request
    import zipfile

    _deploy(cloud, {"WhoAmI": WHO_AM_I})
    name = _deployed(cloud)["FunctionName"]
    url = cloud.client("lambda", HERE).get_function(FunctionName=name)["Code"]["Location"]
    with urllib.request.urlopen(url, timeout=30) as response:
        package = zipfile.ZipFile(io.BytesIO(response.read()))
    assert package.namelist() == ["bootstrap"]
    assert package.getinfo("bootstrap").external_attr >> 16 & 0o111 == 0o111
    deployed = hashlib.sha256(package.read("bootstrap")).hexdigest()
    assert deployed == hashlib.sha256(paths.BOOTSTRAP.read_bytes()).hexdigest()
    _app(cloud, {"WhoAmI": WHO_AM_I}).destroy(STACK)


def _app(cloud: Ministack, tasks: dict[str, Any]) -> Cdk:
    return Cdk(cloud.url, HERE, APP, cloud.home, {"TASKS": json.dumps(tasks)})


def _deploy(cloud: Ministack, tasks: dict[str, Any]) -> str:
    return _app(cloud, tasks).deploy(STACK)["StateMachineArn"]


def _functions(cloud: Ministack) -> list[dict[str, Any]]:
    functions = cloud.client("lambda", HERE).list_functions()["Functions"]
    return [function for function in functions if function["Runtime"] == "provided.al2023"]


def _deployed(cloud: Ministack) -> dict[str, Any]:
    (function,) = _functions(cloud)
    return function


def _allowed(function: dict[str, Any]) -> set[tuple[str, str, str]]:
    table = json.loads(function["Environment"]["Variables"]["OPERATION_TABLE"])
    return {
        (entry["service"], action, region)
        for entry in table
        for action in entry["actions"]
        for region in entry["regions"]
    }


def _granted(cloud: Ministack, function: dict[str, Any]) -> set[str]:
    """What the function's role may do beyond writing its own log."""
    iam = cloud.client("iam", HERE)
    role = function["Role"].rsplit("/", 1)[-1]
    actions: set[str] = set()
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        for statement in iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]["Statement"]:
            told = statement["Action"]
            actions |= {told} if isinstance(told, str) else set(told)
    return {action for action in actions if not action.startswith("logs:")}
