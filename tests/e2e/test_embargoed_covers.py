"""The example embargoed-covers, deployed: embargoed before, shown after, and the function deployed with its store.

What is a stand-in here is said in `demo.embargoed_covers`. With `PROVE` the role's policy is held to be enough and
needed: the local AWS then enforces it.
"""

import json
import os
from typing import Any

import pytest

from demo import embargoed_covers
from demo.embargoed_covers import APP, TOKYO
from support.cdk import Cdk
from support.executions import execute
from support.ministack import ministack

STORE_ACTIONS = [f"cloudfront-keyvaluestore:{name}" for name in ("DescribeKeyValueStore", "ListKeys", "UpdateKeys")]
# The state that ends for want of each action.
NEEDED_BY = {
    "dynamodb:Scan": "ReadReleases",
    "s3:PutObject": "ExportReleases",
    "s3:GetObject": "SyncCovers",
    **dict.fromkeys(STORE_ACTIONS, "SyncCovers"),
}


def test_embargoed_before_and_shown_after(binary):
    said: list[str] = []
    assert embargoed_covers.run(said.append), "\n".join(said)


@pytest.mark.skipif("PROVE" not in os.environ, reason="in `make prove`")
def test_its_policy_is_enough_and_needed(binary):
    with ministack(names=True, AUTH="true") as local:
        app = Cdk(local.url, TOKYO, APP, local.home)
        app.bootstrap()
        made = app.deploy("EmbargoedCovers")
        s3, iam = local.client("s3", TOKYO), local.client("iam", TOKYO)
        for bucket in s3.list_buckets()["Buckets"]:
            # It asks for TLS, which there is none of.
            s3.delete_bucket_policy(Bucket=bucket["Name"])
        (role,) = (one["RoleName"] for one in iam.list_roles()["Roles"] if "CrossRegionFunction" in one["RoleName"])
        (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
        policy = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        assert {action for one in policy["Statement"] for action in _actions(one) if action in NEEDED_BY} == {
            *NEEDED_BY
        }

        def run(without: str | None) -> Any:
            kept = [one for one in policy["Statement"] if without not in _actions(one)]
            # The local AWS judges what is done to a store as if it had no name.
            kept.append({"Effect": "Allow", "Action": [it for it in STORE_ACTIONS if it != without], "Resource": "*"})
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(policy | {"Statement": kept}))
            item = {"cover": {"S": "1.png"}, "release": {"S": f"2024-02-15T00:00:00Z {without}"}}
            local.client("dynamodb", TOKYO).put_item(TableName=made["TableName"], Item=item)
            return execute(local, made["StateMachineArn"], {})

        ended = run(None)
        assert ended.status == "SUCCEEDED", (ended.error, ended.cause)
        for action, state in NEEDED_BY.items():
            ended = run(action)
            assert (ended.status, ended.last_state) == ("FAILED", state), action
            assert ended.error in ("AccessDenied", "AccessDeniedException"), action


def _actions(statement: dict[str, Any]) -> list[str]:
    return statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
