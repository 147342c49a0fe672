"""The derived policy is enough, and no more: every statement is needed, by the task that it was written for.

The local AWS checks signatures and the role's policies here (`AUTH=true`). It does not enforce everything
that AWS does: organisations' policies and KMS grants are beyond it, and see `NOT_ENFORCED`.
"""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from demo import there
from demo.there import HERE
from support.cdk import Cdk
from support.executions import Execution, execute
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
    # Without it, S3 does not say whether a key exists.
    "s3:ListBucket": "Refused",
}
# What each task needs by itself.
NEEDED = {
    **{task: action for action, task in FIRST_USER.items() if action != "s3:ListBucket"},
    "GetJson": "s3:GetObject",
    "Refused": "s3:GetObject",
}
# Actions whose absence changes nothing here, and why.
NOT_ENFORCED = {
    "sts:GetCallerIdentity": "AWS, too, allows it whatever a policy says",
    "s3:ListBucket": "for a missing object the local AWS says NoSuchKey where AWS says AccessDenied",
}


@dataclass(frozen=True)
class Scoped:
    local: Ministack
    machine: str
    told: dict[str, str]
    role: str
    policies: dict[str, list[dict[str, Any]]]
    whole: Execution

    @property
    def statements(self) -> list[dict[str, Any]]:
        """All but those with which the function writes its own log."""
        every = itertools.chain(*self.policies.values())
        return [one for one in every if not any(action.startswith("logs:") for action in _actions(one))]

    @property
    def definition(self) -> dict[str, Any]:
        told = self.local.client("stepfunctions", HERE).describe_state_machine(stateMachineArn=self.machine)
        return json.loads(told["definition"])

    def machine_of(self, task: str) -> str:
        """A state machine of that task alone, which takes the output of a whole execution."""
        client = self.local.client("stepfunctions", HERE)
        kept = {key: value for key, value in self.definition["States"][task].items() if key not in ("Next", "Catch")}
        made = client.create_state_machine(
            name=f"only-{task}",
            definition=json.dumps({"StartAt": task, "States": {task: {**kept, "End": True}}}),
            roleArn=client.describe_state_machine(stateMachineArn=self.machine)["roleArn"],
        )
        return made["stateMachineArn"]

    def allow_all_but(self, action: str | None) -> None:
        for name, statements in self.policies.items():
            kept = [one for one in statements if _actions(one) != {action}]
            self.local.client("iam", HERE).put_role_policy(
                RoleName=self.role,
                PolicyName=name,
                PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": kept}),
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
        assert iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"] == []
        policies = {
            policy: iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]["Statement"]
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
        }
        yield Scoped(local, machine, told, name, policies, execute(local, machine, told))
        app.destroy(STACK)


def test_policy_is_enough(scoped):
    ended = scoped.whole
    assert ended.status == "SUCCEEDED", (ended.last_state, ended.error, ended.cause)
    assert ended.output["Refused"]["Error"] == "NoSuchKey"


def test_policy_grants_only_what_tasks_use(scoped):
    assert set().union(*map(_actions, scoped.statements)) == set(FIRST_USER)


def test_every_derived_statement_names_the_region(scoped):
    """The one that the example adds by hand, for a bucket's sake, is its own affair."""
    for statement in scoped.statements:
        if _actions(statement) != {"s3:ListBucket"}:
            assert statement["Condition"] == {"StringEquals": {"aws:RequestedRegion": there.THERE}}, statement


@pytest.mark.parametrize("action", [action for action in FIRST_USER if action not in NOT_ENFORCED])
def test_without_its_statement_the_task_is_denied(scoped, action):
    scoped.allow_all_but(action)
    try:
        ended = execute(scoped.local, scoped.machine, scoped.told)
    finally:
        scoped.allow_all_but(None)
    assert ended.status == "FAILED"
    assert ended.last_state == FIRST_USER[action]
    assert ended.error in DENIALS, ended.cause
    assert json.loads(json.loads(ended.cause)["errorMessage"])["effect"] == "none"


@pytest.mark.parametrize("task", [task for task, action in NEEDED.items() if action not in NOT_ENFORCED])
def test_each_task_alone_is_denied_without_its_statement(scoped, task):
    machine = scoped.machine_of(task)
    scoped.allow_all_but(NEEDED[task])
    try:
        ended = execute(scoped.local, machine, scoped.whole.output)
    finally:
        scoped.allow_all_but(None)
    assert (ended.status, ended.last_state) == ("FAILED", task)
    assert ended.error in DENIALS, ended.cause


def test_tasks_are_those_of_the_example(scoped):
    states = scoped.definition["States"]
    assert {name for name, state in states.items() if state["Type"] == "Task"} == set(NEEDED)


def _actions(statement: dict[str, Any]) -> set[str]:
    told = statement["Action"]
    return {told} if isinstance(told, str) else set(told)
