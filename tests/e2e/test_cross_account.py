"""The cross-account example where signatures, policies and trust are enforced: two accounts of the local AWS.

Between the function and the local AWS stands a proxy that counts: what STS is asked, and who signs what.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo.there import HERE, THERE
from support.cdk import Cdk
from support.executions import execute
from support.ministack import Ministack, ministack
from support.passing import Passing, passing

APP = Path(__file__).parent / "apps" / "cross-account-as-caller"
ORDERS_ACCOUNT = "111122223333"
READER = f"arn:aws:iam::{ORDERS_ACCOUNT}:role/orders-reader"
CALLS = 40


@dataclass(frozen=True)
class Accounts:
    local: Ministack
    proxy: Passing
    machine: str

    @property
    def there(self):
        """IAM of the other account."""
        return self.local.client("iam", THERE, access_key=ORDERS_ACCOUNT)

    def run(self, count: int):
        self.proxy.requests.clear()
        return execute(self.local, self.machine, {"orders": [f"order-{at}" for at in range(count)]})


@pytest.fixture(scope="module")
def accounts(binary) -> Iterator[Accounts]:
    with passing() as proxy, ministack(AUTH="true", AWS_ENDPOINT_URL=proxy.url) as local:
        proxy.target = local.url
        ours = Cdk(local.url, HERE, APP, local.home)
        theirs = Cdk(local.url, THERE, APP, local.home, {"AWS_ACCESS_KEY_ID": ORDERS_ACCOUNT}, ORDERS_ACCOUNT)
        ours.bootstrap()
        machine = ours.deploy("CrossAccount")["StateMachineArn"]
        theirs.deploy("Orders")
        table = local.client("dynamodb", THERE, access_key=ORDERS_ACCOUNT)
        for at in range(CALLS):
            item = {"id": {"S": f"order-{at}"}, "total": {"N": str(at)}}
            table.put_item(TableName="orders", Item=item)
        yield Accounts(local, proxy, machine)


def test_a_role_is_assumed_once_and_reads_in_the_other_account(accounts):
    ended = accounts.run(CALLS)
    assert ended.status == "SUCCEEDED", (ended.last_state, ended.error, ended.cause)
    assert ended.output["found"] == [{"total": str(at)} for at in range(CALLS)]
    caller = ended.output["caller"]
    assert caller["Account"] == ORDERS_ACCOUNT
    assert caller["Arn"].startswith(f"arn:aws:sts::{ORDERS_ACCOUNT}:assumed-role/orders-reader/")

    (asked,) = accounts.proxy.of("AssumeRole")
    assert (asked.region, asked.form["RoleArn"], asked.form["ExternalId"]) == (THERE, READER, "tokyo-orders")
    signed = {one.access_key for one in accounts.proxy.of("GetItem")}
    assert len(accounts.proxy.of("GetItem")) == CALLS
    assert len(signed) == 1
    assert signed != {asked.access_key}


def test_the_next_execution_asks_no_more(accounts):
    assert accounts.run(3).status == "SUCCEEDED"
    assert accounts.proxy.of("AssumeRole") == []


def test_the_functions_role_may_only_assume_that_role(accounts):
    iam = accounts.local.client("iam", HERE)
    statements = [
        statement
        for name in iam.list_role_policies(RoleName="orders-caller")["PolicyNames"]
        for statement in iam.get_role_policy(RoleName="orders-caller", PolicyName=name)["PolicyDocument"]["Statement"]
        if "logs:PutLogEvents" not in statement["Action"]
    ]
    condition = {"StringEquals": {"aws:RequestedRegion": THERE}}
    expected = {"Action": "sts:AssumeRole", "Effect": "Allow", "Resource": READER, "Condition": condition}
    assert statements == [expected]


def test_the_other_account_grants_what_the_tasks_need(accounts):
    (name,) = accounts.there.list_role_policies(RoleName="orders-reader")["PolicyNames"]
    document = accounts.there.get_role_policy(RoleName="orders-reader", PolicyName=name)["PolicyDocument"]
    assert {statement["Action"] for statement in document["Statement"]} == {"dynamodb:GetItem", "sts:GetCallerIdentity"}


def test_without_trust_nothing_is_done(accounts):
    """Last: another function, which has no credentials yet, is what a changed environment makes."""
    document = accounts.there.get_role(RoleName="orders-reader")["Role"]["AssumeRolePolicyDocument"]
    document["Statement"][0]["Condition"] = {"StringEquals": {"sts:ExternalId": "somebody-else"}}
    accounts.there.update_assume_role_policy(RoleName="orders-reader", PolicyDocument=json.dumps(document))
    functions = accounts.local.client("lambda", HERE)
    (function,) = [one for one in functions.list_functions()["Functions"] if one["Runtime"] == "provided.al2023"]
    variables = {**function["Environment"]["Variables"], "METRICS": "true"}
    functions.update_function_configuration(FunctionName=function["FunctionName"], Environment={"Variables": variables})
    ended = accounts.run(1)
    assert (ended.status, ended.error) == ("FAILED", "AccessDenied")
    message = json.loads(json.loads(ended.cause)["errorMessage"])
    assert (message["service"], message["action"], message["effect"]) == ("sts", "assumeRole", "none")
    assert message["message"].startswith("the role cannot be assumed, so the call was not made: User: arn:aws:sts::")
    assert accounts.proxy.of("GetItem") == []
