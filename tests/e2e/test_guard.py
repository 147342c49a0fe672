"""What the operation table does not permit never reaches a socket.

A listener stands where every service would be; it counts who connects. The permitted call is the control:
were the listener deaf, that test would fail.
"""

import pytest

from e2e.events import error, event, permit
from support import aws
from support.listener import listener
from support.runtime_api import function

PERMITTED = event("dynamodb", "describeTable", parameters={"TableName": "orders"})
DENIED = {
    "another service": event("sqs", "listQueues"),
    "another action": event("dynamodb", "deleteTable", parameters={"TableName": "orders"}),
    "another Region": {**PERMITTED, "region": "us-east-1"},
    "the function's own Region": {**PERMITTED, "region": "ap-northeast-1"},
    "another partition's Region": {**PERMITTED, "region": "cn-north-1"},
    "an action in another case that is not permitted": event("dynamodb", "DELETETABLE"),
}


@pytest.fixture
def trap():
    with listener() as (url, seen):
        yield url, seen


@pytest.fixture
def running(binary, trap):
    environment = {**aws.environment(trap[0], "ap-northeast-1"), "AWS_MAX_ATTEMPTS": "1"}
    with function([binary], environment, [permit("dynamodb", "describeTable")]) as started:
        yield started


@pytest.mark.parametrize("denied", DENIED.values(), ids=DENIED)
def test_denied_before_a_socket_opens(running, trap, denied):
    name, message = error(running.invoke(denied))
    assert name in ("CrossRegion.NotAllowed", "CrossRegion.InvalidEvent")
    assert message["effect"] == "none"
    assert trap[1] == []


def test_endpoint_that_is_not_in_the_table_is_not_called(running, trap):
    name, _ = error(running.invoke({**PERMITTED, "endpoint": trap[0]}))
    assert name == "CrossRegion.NotAllowed"
    assert trap[1] == []


def test_permitted_call_reaches_the_listener(running, trap):
    error(running.invoke(PERMITTED, deadline_s=20))
    assert trap[1]
    assert b"DynamoDB_20120810.DescribeTable" in trap[1][0]
