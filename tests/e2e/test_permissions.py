"""The derived policy is enough, and no more: every statement is needed, by the task that it was written for.

The local AWS checks signatures and the role's policies here (`AUTH=true`). It does not enforce everything
that AWS does: service control policies, permission boundaries of services outside of its list, and KMS
grants are beyond it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from demo import there
from demo.there import HERE
from support.cdk import Cdk
from support.executions import execute
from support.ministack import Ministack, ministack

APP = Path(__file__).parent / "apps" / "main-job-as-caller"
STACK = "MainJob"
DENIALS = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "Client.UnauthorizedOperation"}

# The first task, in the order of the state machine, that needs each action.
FIRST_USER = {
    "s3:GetObject": "GetText",
    "dynamodb:PutItem": "PutItem",
    "dynamodb:GetItem": "GetItem",
    "bedrock:StartIngestionJob": "StartIngestion",
    "bedrock:GetIngestionJob": "GetIngestion",
    "sqs:SendMessage": "SendMessage",
    "ec2:DescribeRegions": "DescribeRegions",
    "sts:GetCallerIdentity": "WhoAmI",
}


@dataclass(frozen=True)
class Scoped:
    local: Ministack
    machine: str
    told: dict[str, str]
    role: str
    policy: str
    document: dict[str, Any]

    def allow(self, document: dict[str, Any]) -> None:
        self.local.client("iam", HERE).put_role_policy(
            RoleName=self.role, PolicyName=self.policy, PolicyDocument=json.dumps(document)
        )


@pytest.fixture(scope="module")
def scoped(binary) -> Iterator[Scoped]:
    with ministack(AUTH="true") as local:
        app = Cdk(local.url, HERE, APP, local.home)
        app.bootstrap()
        machine = app.deploy(STACK)["StateMachineArn"]
        told = there.make(local).execution_input
        functions = local.client("lambda", HERE).list_functions()["Functions"]
        (role,) = {function["Role"] for function in functions if function["Runtime"] == "provided.al2023"}
        name = role.rsplit("/", 1)[-1]
        iam = local.client("iam", HERE)
        (policy,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
        document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        yield Scoped(local, machine, told, name, policy, document)
        app.destroy(STACK)


def test_policy_is_enough(scoped):
    ended = execute(scoped.local, scoped.machine, scoped.told)
    assert ended.status == "SUCCEEDED", (ended.last_state, ended.error, ended.cause)
    assert ended.output["Refused"]["Error"] == "NoSuchKey"


def test_policy_grants_only_what_tasks_use(scoped):
    assert set().union(*map(_actions, scoped.document["Statement"])) == set(FIRST_USER)


def test_every_statement_names_the_region(scoped):
    for statement in scoped.document["Statement"]:
        assert statement["Condition"] == {"StringEquals": {"aws:RequestedRegion": there.THERE}}, statement


@pytest.mark.parametrize("action", [action for action in FIRST_USER if action != "sts:GetCallerIdentity"])
def test_without_its_action_the_task_is_denied(scoped, action):
    """`sts:GetCallerIdentity` is left out: AWS allows it whatever a policy says."""
    scoped.allow(_without(scoped.document, action))
    try:
        ended = execute(scoped.local, scoped.machine, scoped.told)
    finally:
        scoped.allow(scoped.document)
    assert ended.status == "FAILED"
    assert (ended.last_state, ended.error in DENIALS) == (FIRST_USER[action], True), (
        ended.error,
        ended.cause,
    )
    assert json.loads(json.loads(ended.cause)["errorMessage"])["effect"] == "none"


def _actions(statement: dict[str, Any]) -> set[str]:
    told = statement["Action"]
    return {told} if isinstance(told, str) else set(told)


def _without(document: dict[str, Any], action: str) -> dict[str, Any]:
    kept = [
        {**statement, "Action": sorted(_actions(statement) - {action})} for statement in document["Statement"]
    ]
    return {**document, "Statement": [statement for statement in kept if statement["Action"]]}
